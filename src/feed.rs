//! Feeds: one room in one representation. A feed paces, encodes once for everyone, and keeps only its newest frame.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::delivery::Fanout;
use crate::picture::Pictures;
use crate::registry::{Held, Registry};
use crate::room::{RoomName, RoomRef};
pub use view::View;

use pace::Pace;

pub(crate) mod message;
pub(crate) mod pace;
mod view;

/// A feed that somebody holds; the last holder to go takes it along.
pub type FeedRef = Arc<Held<FeedKey, Feed>>;

/// What makes two viewers share a feed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FeedKey {
    room: RoomName,
    view: View,
}

/// All feeds that have viewers.
pub struct Feeds {
    feeds: Arc<Registry<FeedKey, Feed>>,
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
    driver: OnceLock<AbortHandle>,
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
        let key = FeedKey { room: room.key().clone(), view };
        let feed = self.feeds.open(&key, || (key.clone(), self.make(room, &key)));
        feed.driver.get_or_init(|| {
            let painted = feed.painted.load(Ordering::Relaxed);
            tokio::spawn(drive(Arc::downgrade(&feed), (Arc::clone(room), key.view.clone()), painted))
                .abort_handle()
        });
        feed
    }

    fn make(&self, room: &RoomRef, key: &FeedKey) -> Feed {
        let feed = Feed {
            id: FeedId(self.next_id.fetch_add(1, Ordering::Relaxed)),
            room: Arc::clone(room),
            view: key.view.clone(),
            pictures: Arc::clone(&self.pictures),
            fanout: Arc::clone(&self.fanout),
            newest: Mutex::default(),
            painted: AtomicU64::new(0),
            threads: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            driver: OnceLock::new(),
        };
        feed.paint();
        feed
    }
}

/// Publishes a feed's room as it changes, for as long as the feed has viewers.
async fn drive(feed: Weak<Held<FeedKey, Feed>>, (room, view): (RoomRef, View), mut painted: u64) {
    let mut pace = Pace::new(Instant::now(), view.shortest_gap());
    loop {
        room.changed(|room| view.mark(room) != painted).await;
        let cost = feed.upgrade().map(|feed| feed.cost()).unwrap_or_default();
        tokio::time::sleep_until(pace.turn(Instant::now(), cost)).await;
        let Some(feed) = feed.upgrade() else { return };
        painted = feed.publish();
        pace.published(Instant::now());
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
    fn drop(&mut self) {
        if let Some(driver) = self.driver.get() {
            driver.abort();
        }
    }
}
