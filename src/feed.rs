//! Feeds: one room in one representation. A feed paces, encodes once for everyone, and keeps only its newest frame.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::delivery::Fanout;
use crate::picture::Pictures;
use crate::registry::{Held, Registry};
use crate::room::RoomRef;
pub use view::View;

use pace::Pace;

pub(crate) mod message;
pub(crate) mod pace;
mod view;

/// A feed that somebody holds; the last holder to go takes it along.
pub type FeedRef = Arc<Held<(), Feed>>;

/// All feeds that have viewers.
pub struct Feeds {
    /// By room and view, which make two viewers share a feed.
    feeds: Arc<Registry<(), Feed>>,
    pictures: Arc<Pictures>,
    fanout: Arc<Fanout>,
    next_id: AtomicU64,
}

/// One room in one representation.
pub struct Feed {
    id: FeedId,
    room: RoomRef,
    view: View,
    pictures: Arc<Pictures>,
    fanout: Arc<Fanout>,
    newest: Mutex<Bytes>,
    /// The mark of what it shows.
    painted: AtomicU64,
    /// The fan-out threads that have viewers of this feed, a bit each.
    threads: AtomicU64,
    /// What the newest frame has cost so far, over all threads, in nanoseconds.
    spent: AtomicU64,
}

/// Tells the feeds of this process apart; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FeedId(u64);

impl Feeds {
    /// No feeds yet; what they will encode is kept in `pictures` and goes out through `fanout`.
    pub fn new(pictures: Arc<Pictures>, fanout: Arc<Fanout>) -> Self {
        Self { feeds: Registry::new(), pictures, fanout, next_id: AtomicU64::new(0) }
    }

    /// The feed of that view of `room`. Needs a tokio runtime, on which the feed is driven.
    pub fn open(&self, room: &RoomRef, view: View) -> FeedRef {
        let mut is_new = false;
        let feed = self.feeds.open(&(room.key(), &view), || {
            is_new = true;
            ((), self.make(room, view.clone()))
        });
        if is_new {
            tokio::spawn(drive(Arc::downgrade(&feed), Arc::clone(room)));
        }
        feed
    }

    fn make(&self, room: &RoomRef, view: View) -> Feed {
        let feed = Feed {
            id: FeedId(self.next_id.fetch_add(1, Ordering::Relaxed)),
            room: Arc::clone(room),
            view,
            pictures: Arc::clone(&self.pictures),
            fanout: Arc::clone(&self.fanout),
            newest: Mutex::default(),
            painted: AtomicU64::new(0),
            threads: AtomicU64::new(0),
            spent: AtomicU64::new(0),
        };
        feed.paint();
        feed
    }
}

/// Publishes a feed's room as it changes, for as long as the feed has viewers.
///
/// There is one of these for each of very many rooms, so it keeps little: what it awaits seldom lies elsewhere, and a
/// block captures once what a function's arguments would be twice.
fn drive(feed: Weak<Held<(), Feed>>, room: RoomRef) -> impl Future<Output = ()> {
    let mut pace = Pace::new(Instant::now());
    async move {
        loop {
            room.changed(|_| feed.upgrade().is_none_or(|feed| feed.is_stale())).await;
            let Some(turn) =
                feed.upgrade().map(|feed| pace.turn(Instant::now(), feed.view.shortest_gap(), feed.cost()))
            else {
                return;
            };
            Box::pin(tokio::time::sleep_until(turn)).await;
            let Some(feed) = feed.upgrade() else { return };
            feed.publish();
            pace.published(Instant::now());
        }
    }
}

impl Feed {
    /// Which feed this is.
    pub fn id(&self) -> FeedId {
        self.id
    }

    /// The newest frame.
    pub fn newest(&self) -> Bytes {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What goes out in place of `frame`, the newest, to those who have that already.
    pub(crate) fn repaint(&self, frame: &Bytes) -> Bytes {
        self.view.repaint(frame)
    }

    /// The last frame of a stream: what stays on the page when it is no longer live.
    pub(crate) fn closing(&self) -> Bytes {
        self.view.closing(&self.pictures)
    }

    /// From now on thread `thread` hears of each new frame.
    pub(crate) fn attach(&self, thread: u32) {
        self.threads.fetch_or(1 << thread, Ordering::SeqCst);
    }

    /// Thread `thread` has no viewer of this feed any more.
    pub(crate) fn detach(&self, thread: u32) {
        self.threads.fetch_and(!(1 << thread), Ordering::SeqCst);
    }

    /// Notes what it took a thread to send the newest frame to its viewers.
    pub(crate) fn spend(&self, took: Duration) {
        self.spent.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Whether there is something else to be seen than what its newest frame shows.
    fn is_stale(&self) -> bool {
        self.view.mark(&self.room) != self.painted.load(Ordering::Relaxed)
    }

    fn cost(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }

    /// Makes the frame of what is to be seen now, hands it to the fan-out, and returns its mark, which for a count is the
    /// count. The feed's own task does this at its pace.
    pub fn publish(&self) -> u64 {
        let mark = self.paint();
        self.fanout.publish(self.id, self.threads.load(Ordering::SeqCst));
        mark
    }

    /// Makes the frame of what is to be seen now, and returns its mark.
    fn paint(&self) -> u64 {
        let started = Instant::now();
        let (mark, frame) = self.view.frame(&self.room, &self.pictures);
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = frame;
        self.painted.store(mark, Ordering::Relaxed);
        self.spent.store(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        mark
    }
}

impl Drop for Feed {
    /// Its driver waits for the room.
    fn drop(&mut self) {
        self.room.nudge();
    }
}
