//! Feeds: one room in one representation. A feed paces, encodes once for everyone, and keeps only its newest frame.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::delivery::Fanout;
use crate::pictures::Pictures;
use crate::room::registry::{Entry, Registry};
use crate::room::{EntryObserver, RoomRef};
pub use view::View;

use pace::Pace;

pub(crate) mod message;
pub(crate) mod pace;
mod view;

/// A feed that somebody holds; the last holder to go takes it along.
pub type FeedRef = Arc<Entry<(), Feed>>;

/// All feeds that have viewers.
pub struct Feeds {
    /// By room and view, which make two viewers share a feed.
    feeds: Arc<Registry<(), Feed>>,
    means: Arc<Means>,
    next_id: AtomicU64,
}

/// What every feed works with.
struct Means {
    pictures: Arc<Pictures>,
    fanout: Arc<Fanout>,
    runtime: Handle,
}

/// One room in one representation.
pub struct Feed {
    id: FeedId,
    room: RoomRef,
    view: View,
    means: Arc<Means>,
    newest: Mutex<Bytes>,
    /// The mark of what it shows.
    painted: AtomicU64,
    /// The fan-out threads that have viewers of this feed, a bit each.
    threads: AtomicU64,
    /// What the newest frame has cost so far, over all threads, in nanoseconds.
    spent: AtomicU64,
    pace: Mutex<Pace>,
    /// Whether a task sees to it that it shows what there is to be seen.
    driven: AtomicBool,
}

/// Tells the feeds of this process apart; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FeedId(u64);

impl Feeds {
    /// No feeds yet; what they will encode is kept in `pictures` and goes out through `fanout`. Needs a tokio runtime, on
    /// which feeds are driven.
    pub fn new(pictures: Arc<Pictures>, fanout: Arc<Fanout>) -> Self {
        let means = Arc::new(Means { pictures, fanout, runtime: Handle::current() });
        Self { feeds: Registry::new(), means, next_id: AtomicU64::new(0) }
    }

    /// The feed of that view of `room`.
    pub fn open(&self, room: &RoomRef, view: View) -> FeedRef {
        let mut is_new = false;
        let feed = self.feeds.open(&(room.name(), &view), || {
            is_new = true;
            ((), self.make(room, view.clone()))
        });
        if is_new {
            let watcher: Weak<Entry<(), Feed>> = Arc::downgrade(&feed);
            room.observe(watcher);
            // The room may have changed since the feed was made.
            look(&feed);
        }
        feed
    }

    fn make(&self, room: &RoomRef, view: View) -> Feed {
        let feed = Feed {
            id: FeedId(self.next_id.fetch_add(1, Ordering::Relaxed)),
            room: Arc::clone(room),
            view,
            means: Arc::clone(&self.means),
            newest: Mutex::default(),
            painted: AtomicU64::new(0),
            threads: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            pace: Mutex::new(Pace::new(Instant::now())),
            driven: AtomicBool::new(false),
        };
        feed.paint();
        feed
    }
}

impl EntryObserver<()> for Feed {
    fn on_change(feed: FeedRef) {
        look(&feed);
    }
}

/// Sees to it that a feed is driven, if there is something else to be seen than what it shows.
///
/// There are very many rooms in which nothing happens; so a feed has a task only from a change to the frame that shows it.
fn look(feed: &FeedRef) {
    if !feed.driven.load(Ordering::SeqCst) && feed.is_stale() && !feed.driven.swap(true, Ordering::SeqCst) {
        feed.means.runtime.spawn(drive(Arc::downgrade(feed)));
    }
}

/// Publishes a feed at its pace until it shows what there is to be seen.
async fn drive(feed: Weak<Entry<(), Feed>>) {
    while let Some(turn) = feed.upgrade().and_then(|feed| feed.turn()) {
        tokio::time::sleep_until(turn).await;
        let Some(feed) = feed.upgrade() else { return };
        feed.publish();
        feed.pace().published(Instant::now());
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
    pub(crate) fn repaint<'f>(&self, frame: &'f Bytes) -> &'f Bytes {
        self.view.repaint(frame)
    }

    /// The last frame of a stream: what stays on the page when it is no longer live.
    pub(crate) fn closing(&self) -> Bytes {
        self.view.closing(&self.means.pictures)
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

    /// When its driver has to publish next; nothing, if there is nothing new, and then it isn't driven any more.
    fn turn(&self) -> Option<Instant> {
        if !self.is_stale() {
            self.driven.store(false, Ordering::SeqCst);
            // Whoever changed the room before that found it driven, and relied on this look.
            if !self.is_stale() || self.driven.swap(true, Ordering::SeqCst) {
                return None;
            }
        }
        Some(self.pace().turn(Instant::now(), self.view.shortest_gap(), self.cost()))
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is something else to be seen than what its newest frame shows.
    fn is_stale(&self) -> bool {
        self.view.mark(&self.room) != self.painted.load(Ordering::SeqCst)
    }

    fn cost(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }

    /// Makes the frame of what is to be seen now, hands it to the fan-out, and returns its mark, which for a count is the
    /// count. The feed's own task does this at its pace.
    pub fn publish(&self) -> u64 {
        let mark = self.paint();
        self.means.fanout.publish(self.id, self.threads.load(Ordering::SeqCst));
        mark
    }

    /// Makes the frame of what is to be seen now, and returns its mark.
    fn paint(&self) -> u64 {
        let started = Instant::now();
        let (mark, frame) = self.view.frame(&self.room, &self.means.pictures);
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = frame;
        self.painted.store(mark, Ordering::SeqCst);
        self.spent.store(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        mark
    }
}
