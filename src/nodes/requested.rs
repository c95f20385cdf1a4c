//! Rooms that a request asks for and perhaps nobody looks at: what the other nodes count there is known a moment later.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use onlookers_rooms::sync::Mutex;
use onlookers_rooms::{RankingWatch, RoomName, RoomRef, Rooms, Site};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::figures::NodeFigures;
use crate::net::address::ClientNetwork;
use crate::net::quota::{Quota, QuotaPermit};

/// How long a request waits for the other nodes; then it is answered with what is known.
const PATIENCE: Duration = Duration::from_millis(300);

/// How long a room is kept up to date after a request: badges are asked for again and again.
const KEPT: Duration = Duration::from_secs(10);

/// How many rooms are kept so, and how many rankings: one more takes the place of the oldest. And how many for one client; for any
/// more, only this node's counts are told.
const MOST: usize = 1024;
const MOST_RANKINGS: usize = 64;
const MOST_OF_CLIENT: usize = 64;

/// The rooms that were asked for lately, while there are other nodes.
pub(crate) struct Requested {
    rooms: Arc<Rooms>,
    kept: Mutex<HashMap<(RoomName, bool), Kept>, REQUESTED>,
    clients: Arc<Quota<ClientNetwork>>,
    known: Notify,
    /// Whether there are other nodes that can't be asked.
    is_alone: AtomicBool,
    /// For operators.
    pub(crate) figures: Arc<NodeFigures>,
}

/// A room that is kept up to date, and its ranking, if that was asked for.
struct Kept {
    room: RoomRef,
    _ranking: Option<RankingWatch>,
    /// Of the client that asked first, if it is certainly one.
    _permit: Option<QuotaPermit<ClientNetwork>>,
    since: Instant,
}

/// The rank of its lock: rooms are opened under it.
const REQUESTED: u32 = 9;

impl Requested {
    pub(super) fn new(rooms: Arc<Rooms>) -> Self {
        Self {
            rooms,
            kept: Mutex::default(),
            clients: Quota::new(MOST_OF_CLIENT),
            known: Notify::new(),
            is_alone: AtomicBool::new(false),
            figures: Arc::default(),
        }
    }

    /// Waits until it is known what the other nodes count in these rooms, for 300 ms at most.
    pub(crate) async fn wait_for(&self, names: &[RoomName], client: ClientNetwork) {
        if !self.rooms.is_sharing() {
            return;
        }
        let rooms: Vec<_> = names.iter().filter_map(|name| self.keep(name, false, client)).collect();
        self.until(|| rooms.iter().all(|room| room.knows_others())).await;
    }

    /// Waits until the ranking of a site is known, and what is counted on its first pages; for 300 ms at most each.
    pub(crate) async fn wait_for_ranking(&self, site: &Site, rows: usize, client: ClientNetwork) {
        let is_sharing = self.rooms.is_sharing();
        if is_sharing && let Some(room) = self.keep(&RoomName::site(site.clone()), true, client) {
            self.until(|| self.rooms.knows_ranking(site)).await;
            let pages = room.top(rows).into_iter();
            let pages: Vec<_> = pages.map(|(page, _)| RoomName::page(site.clone(), page)).collect();
            self.wait_for(&pages, client).await;
        }
    }

    async fn until(&self, is_known: impl Fn() -> bool) {
        if self.is_alone() {
            return;
        }
        let known = async {
            loop {
                let news = self.known.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if is_known() || !self.rooms.is_sharing() {
                    return;
                }
                news.await;
            }
        };
        let _ = timeout(PATIENCE, known).await;
    }

    /// None if the client has too many.
    fn keep(&self, name: &RoomName, with_ranking: bool, client: ClientNetwork) -> Option<RoomRef> {
        let mut kept = self.kept.lock();
        let most = if with_ranking { MOST_RANKINGS } else { MOST };
        let key = (name.clone(), with_ranking);
        let mut evicted = None;
        if !kept.contains_key(&key)
            && kept.keys().filter(|(_, ranking)| *ranking == with_ranking).count() >= most
        {
            let same = kept.iter().filter(|((_, ranking), _)| *ranking == with_ranking);
            let oldest = same.min_by_key(|(_, kept)| kept.since).map(|(key, _)| key.clone());
            evicted = oldest.and_then(|oldest| kept.remove(&oldest));
        }
        let room = match kept.entry(key) {
            Entry::Occupied(mut kept) => {
                kept.get_mut().since = Instant::now();
                Some(Arc::clone(&kept.get().room))
            }
            Entry::Vacant(vacant) => {
                self.open(name, with_ranking, client).map(|new| Arc::clone(&vacant.insert(new).room))
            }
        };
        // It locks its site as it goes.
        drop(kept);
        drop(evicted);
        room
    }

    fn open(&self, name: &RoomName, with_ranking: bool, client: ClientNetwork) -> Option<Kept> {
        let _permit = if client.is_public() { Some(self.clients.acquire(client)?) } else { None };
        let room = self.rooms.open(name);
        let _ranking = with_ranking.then(|| room.watch_ranking());
        Some(Kept { room, _ranking, _permit, since: Instant::now() })
    }

    /// A room's others are known.
    pub(super) fn know(&self, room: &RoomName) {
        self.rooms.know_others(room);
        self.known.notify_waiters();
    }

    /// A ranking is known.
    pub(super) fn know_ranking(&self) {
        self.known.notify_waiters();
    }

    /// Nobody is asked any more.
    pub(super) fn stop(&self) {
        self.set_alone(false);
        let kept = std::mem::take(&mut *self.kept.lock());
        // They lock their sites as they go.
        drop(kept);
        self.known.notify_waiters();
    }

    /// Whether there are other nodes that can't be asked.
    pub(super) fn set_alone(&self, is_alone: bool) {
        self.is_alone.store(is_alone, Ordering::Relaxed);
    }

    pub(crate) fn is_alone(&self) -> bool {
        self.is_alone.load(Ordering::Relaxed)
    }

    /// Lets those go that nobody has asked for lately.
    pub(super) fn expire(&self, now: Instant) {
        let is_old = |since: Instant| now.duration_since(since) >= KEPT;
        let mut kept = self.kept.lock();
        let old: Vec<_> = kept.extract_if(|_, kept| is_old(kept.since)).collect();
        if kept.is_empty() {
            kept.shrink_to_fit();
        }
        // They lock their sites as they go.
        drop(kept);
        drop(old);
    }
}
