//! One node: its rooms, and a thread of its own that shares them.

use crate::{args::Size, load::Outcome};
use onlookers::nodes::{Connecting, NodeTask, RedisUrl, Shared};
use onlookers_rooms::{Keys, Limits, Page, PageQuery, RoomName, RoomRef, Rooms, Site};
use std::{
    mem,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
};

/// What all threads of nodes are called.
pub(crate) const THREAD: &str = "node";

pub(crate) struct Node {
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) keys: Arc<Keys>,
    /// Each room as somebody looks at it: the sites, then their pages.
    pub(crate) looked_at: Vec<RoomRef>,
    kill: oneshot::Sender<()>,
    ended: Receiver<()>,
}

impl Node {
    /// Returns when it has heard the store.
    pub(crate) fn start(url: &str) -> Outcome<Self> {
        let url: RedisUrl = url.parse()?;
        let shared = Shared::new(Limits { sites: usize::MAX, pages_per_site: usize::MAX });
        let (rooms, keys) = (Arc::clone(&shared.rooms), Arc::new(Keys::new()?));
        let ((kill, killed), (end, ended), (ready, is_ready)) = (oneshot::channel(), channel(), channel());
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let its_keys = Arc::clone(&keys);
        thread::Builder::new().name(THREAD.into()).spawn(move || {
            runtime.block_on(async {
                let Ok(redis) = Connecting::to(url, None) else { return };
                let mut task = NodeTask::through_redis(redis, shared, its_keys);
                task.ready().await;
                let _ = ready.send(());
                let _ = killed.await;
                // Dropped, it would tell the others.
                mem::forget(task);
            });
            Runtime::shutdown_background(runtime);
            drop(end);
        })?;
        is_ready.recv()?;
        Ok(Self { rooms, keys, looked_at: Vec::new(), kill, ended })
    }

    pub(crate) fn look_at(&mut self, names: &[RoomName]) {
        self.looked_at = names.iter().map(|name| self.rooms.open(name)).collect();
    }

    /// Ends it as `kill -9` would: its task never runs again, and its connection is closed.
    pub(crate) fn kill(self) {
        let _ = self.kill.send(());
        let _ = self.ended.recv();
    }
}

/// The rooms: the sites, then the pages of the first, of the second, and so on.
pub(crate) fn names(size: &Size) -> Outcome<Vec<RoomName>> {
    let sites: Vec<Site> =
        (0..size.sites()).map(|number| format!("site-{number}.example").parse()).collect::<Result<_, _>>()?;
    let mut names: Vec<_> = sites.iter().cloned().map(RoomName::site).collect();
    for site in &sites {
        for number in 0..size.pages() {
            let page = Page::new(&format!("/posts/{number}"), PageQuery::Drop)?;
            names.push(RoomName::page(site.clone(), page));
        }
    }
    Ok(names)
}
