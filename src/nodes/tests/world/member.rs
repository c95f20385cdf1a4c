//! One of the nodes, and its viewers.

use std::collections::HashMap;
use std::sync::Arc;

use onlookers_rooms::{CountGuard, Keys, Limits, Position, Reader, ReaderGuard, RoomRef, Rooms, ViewerId};
use tokio::sync::mpsc::{self, Receiver};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::NAMES;
use crate::nodes::Shared;
use crate::nodes::leases::Timing;
use crate::nodes::node::{Held, Node, Stop, Waiting};
use crate::nodes::store::{Hint, NodeId, Store};
use crate::nodes::tests::random::Random;

/// A node.
pub(in crate::nodes) struct Member {
    pub(in crate::nodes) id: NodeId,
    pub(in crate::nodes) rooms: Arc<Rooms>,
    pub(in crate::nodes) keys: Arc<Keys>,
    pub(in crate::nodes) task: JoinHandle<()>,
    pub(in crate::nodes) stop: watch::Sender<Stop>,
    settle: mpsc::Sender<Waiting>,
    pub(in crate::nodes) freeze: watch::Sender<bool>,
    pub(in crate::nodes) frozen: Option<Instant>,
    /// When it woke up last. Until it has published what had changed before it was frozen, others count that.
    pub(in crate::nodes) woken: Option<Instant>,
    /// Since when it saw all.
    pub(in crate::nodes) since: Instant,
    pub(in crate::nodes) tabs: Vec<Tab>,
    pub(in crate::nodes) looks: HashMap<usize, (Instant, RoomRef)>,
    pub(in crate::nodes) held: Arc<Held>,
    shared: Shared,
}

/// An open page.
pub(in crate::nodes) struct Tab {
    pub(in crate::nodes) room: usize,
    visitor: Option<u8>,
    /// Dropped before its count.
    pub(in crate::nodes) viewer: Option<Viewer>,
    _guard: CountGuard,
}

/// A viewer who is announced, and may say where they are.
pub(in crate::nodes) struct Viewer {
    pub(in crate::nodes) id: ViewerId,
    look: RoomRef,
    reader: Option<ReaderGuard>,
}

impl Member {
    pub(in crate::nodes) fn start<S: Store>(
        store: (S, Receiver<Hint>),
        (id, timing): (NodeId, Timing),
    ) -> Self {
        Self::alone().share(store, (id, timing))
    }

    /// A process that counts alone.
    pub(in crate::nodes) fn alone() -> Self {
        let (shared, keys) = (Shared::new(Limits::default()), Arc::new(Keys::new().unwrap()));
        let ((stop, _), (freeze, _)) = (watch::channel(Stop::Not), watch::channel(false));
        Self {
            id: NodeId(0),
            rooms: Arc::clone(&shared.rooms),
            keys,
            task: tokio::spawn(async {}),
            stop,
            settle: mpsc::channel(1).0,
            freeze,
            frozen: None,
            woken: None,
            since: Instant::now(),
            tabs: Vec::new(),
            looks: HashMap::new(),
            held: Arc::default(),
            shared,
        }
    }

    /// Begins to share what it counts through that store.
    pub(in crate::nodes) fn share<S: Store>(
        self,
        (store, hints): (S, Receiver<Hint>),
        (id, timing): (NodeId, Timing),
    ) -> Self {
        let (ready, _) = watch::channel(false);
        let Shared { rooms, requested, changed } = self.shared.clone();
        let node = Node::new((id, timing), Arc::new(store), rooms, requested, Arc::clone(&self.keys), ready);
        let ((stop, stopped), (freeze, frozen)) = (watch::channel(Stop::Not), watch::channel(false));
        let (settle, settling) = mpsc::channel(1);
        let held = node.held();
        self.shared.begin();
        let running = async move {
            let _lease = node.run(hints, changed, settling, stopped).await;
        };
        let task = tokio::spawn(freezable(running, frozen));
        Self { id, task, stop, settle, freeze, held, ..self }
    }

    /// Waits until all is told and known.
    pub(in crate::nodes) async fn settled(&self) {
        let (waiting, settled) = oneshot::channel();
        self.settle.send(waiting).await.unwrap();
        settled.await.unwrap();
    }

    pub(in crate::nodes) fn join(&mut self, room: usize, visitor: Option<u8>) {
        let name = &NAMES[room];
        let known = visitor.map(|visitor| self.keys.session(name.of_site(), &visitor.to_string()));
        let guard = self.rooms.join(name, known.as_ref()).unwrap();
        self.tabs.push(Tab { room, visitor, viewer: None, _guard: guard });
    }

    /// A viewer comes whose coming is announced.
    pub(in crate::nodes) fn appear(&mut self, room: usize, id: ViewerId) {
        self.join(room, None);
        let look = self.rooms.open(&NAMES[room]);
        look.appear(id);
        let viewer = Viewer { id, look, reader: None };
        self.tabs.last_mut().unwrap().viewer = Some(viewer);
    }

    /// An open page goes on here.
    pub(in crate::nodes) fn take_over(&mut self, tab: Tab) {
        let Some(before) = &tab.viewer else { return self.join(tab.room, tab.visitor) };
        self.appear(tab.room, before.id);
        let viewer = self.tabs.last_mut().and_then(|tab| tab.viewer.as_mut());
        if let (Some(viewer), Some(reader)) = (viewer, before.reader()) {
            viewer.move_to(reader.position);
        }
    }

    /// One of the viewers says where they are.
    pub(in crate::nodes) fn move_viewer(&mut self, random: &mut Random) {
        let (viewer, place) = (random.below(20) as usize, random.below(1_001) as f32 / 1_000.0);
        let viewer = self.tabs.iter_mut().filter_map(|tab| tab.viewer.as_mut()).nth(viewer);
        viewer.into_iter().for_each(|viewer| viewer.move_to(place.try_into().unwrap()));
    }

    /// Somebody closes a page.
    pub(in crate::nodes) fn leave(&mut self, random: &mut Random) {
        if !self.tabs.is_empty() {
            drop(self.tabs.swap_remove(random.below(self.tabs.len() as u64) as usize));
        }
    }

    /// Looks at a room, or no more.
    pub(in crate::nodes) fn look(&mut self, room: usize) {
        if self.looks.remove(&room).is_none() {
            self.looks.insert(room, (Instant::now(), self.rooms.open(&NAMES[room])));
        }
    }

    /// The viewers in a room.
    pub(in crate::nodes) fn viewers(&self, room: usize) -> impl Iterator<Item = &Viewer> {
        self.tabs.iter().filter(move |tab| tab.room == room).filter_map(|tab| tab.viewer.as_ref())
    }

    /// Whether its key of the day is everybody's. The key of the next day is asked for after it.
    pub(in crate::nodes) fn shares_keys(&self) -> bool {
        let today =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400;
        self.keys.missing().is_none_or(|(day, _)| day > today)
    }

    /// The visitors of the tabs that are open in a room: its own, and those of its pages if it is a site.
    pub(in crate::nodes) fn open(&self, room: usize) -> impl Iterator<Item = Option<u8>> {
        let is_in = move |tab: usize| tab == room || room.is_multiple_of(4) && tab / 4 == room / 4;
        self.tabs.iter().filter(move |tab| is_in(tab.room)).map(|tab| tab.visitor)
    }

    pub(in crate::nodes) fn thaw(&mut self, is_now: bool) {
        if self.frozen.take_if(|until| is_now || *until <= Instant::now()).is_some() {
            (self.since, self.woken) = (Instant::now(), Some(Instant::now()));
            self.freeze.send(false).unwrap();
        }
    }
}

impl Viewer {
    pub(in crate::nodes) fn move_to(&mut self, position: Position) {
        let start = || ReaderGuard::new(Arc::clone(&self.look), self.id);
        self.reader.get_or_insert_with(start).at(position, None);
    }

    /// As its own node knows it.
    pub(in crate::nodes) fn reader(&self) -> Option<Reader> {
        self.look.reader(self.id)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.reader = None;
        self.look.disappear(self.id);
    }
}

/// Runs a task whenever it isn't frozen.
async fn freezable(task: impl Future<Output = ()>, mut frozen: watch::Receiver<bool>) {
    let mut task = std::pin::pin!(task);
    loop {
        let _ = frozen.wait_for(|frozen| !*frozen).await;
        tokio::select! {
            biased;
            Ok(_) = frozen.wait_for(|frozen| *frozen) => {}
            () = &mut task => return,
        }
    }
}
