//! The common part of feeds and groups: subscribers, a pace, and a task that publishes while there are changes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use onlookers_rooms::registry::Entry;
use onlookers_rooms::sync::{Arc, Mutex, Weak};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::Batch;
use super::pace::Pace;
use crate::metrics::{Costs, Times};
use crate::painting::{Painter, Payer, Pictures};
use crate::settings::Titles;

/// When to try again after a painting that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Tells the feeds and groups of this process apart; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FeedId(pub(super) u64);

#[cfg(test)]
impl FeedId {
    pub(crate) fn of_test(number: u64) -> Self {
        Self(number)
    }
}

/// Receives what is published: the event loops.
pub trait Publisher: Send + Sync + 'static {
    /// Each event loop whose bit is set in `loops` has subscribers of `feed`, and has to send them `update`.
    fn publish(&self, loops: u64, feed: FeedId, update: Update);
}

/// Discards everything: for benches and tests of feeds alone.
impl Publisher for () {
    fn publish(&self, _: u64, _: FeedId, _: Update) {}
}

/// Something to send.
#[derive(Clone)]
pub enum Update {
    /// The feed has a new frame: [`Feed::newest`](super::Feed::newest).
    Newest,
    /// These messages of a group.
    Batch(Arc<Batch>),
}

/// The state that all feeds and groups of a server share.
pub(super) struct Context {
    pub(super) painter: Arc<Painter>,
    pub(super) pictures: Arc<Pictures>,
    pub(super) publisher: Arc<dyn Publisher>,
    /// The titles in force.
    titles: Mutex<Arc<Titles>>,
    pub(super) runtime: Handle,
    /// Whether the server stops: nothing is published any more.
    pub(super) ended: AtomicBool,
    /// Whether nothing is published for a while: what changes meanwhile is published after it.
    pub(super) is_held: AtomicBool,
    /// How many batches of messages are being published.
    pub(super) publishing: AtomicUsize,
    /// The last frames of streams, once the server stops.
    pub(super) closings: Mutex<HashMap<FeedId, Bytes>>,
    started: Instant,
    /// How long changes have waited until they were published.
    pub(super) delays: Times,
}

impl Context {
    pub(super) fn new(
        painter: Arc<Painter>,
        pictures: Arc<Pictures>,
        publisher: Arc<dyn Publisher>,
        runtime: Handle,
    ) -> Self {
        let (ended, closings, titles) = (AtomicBool::new(false), Mutex::default(), Mutex::default());
        let (is_held, publishing) = (AtomicBool::new(false), AtomicUsize::new(0));
        let (started, delays) = (Instant::now(), Times::default());
        Self {
            painter,
            pictures,
            publisher,
            titles,
            runtime,
            ended,
            is_held,
            publishing,
            closings,
            started,
            delays,
        }
    }

    /// The titles that rankings show in place of pages' paths.
    pub(super) fn titles(&self) -> Arc<Titles> {
        Arc::clone(&self.titles.lock())
    }

    pub(super) fn replace_titles(&self, titles: Arc<Titles>) {
        *self.titles.lock() = titles;
    }
}

/// One feed's or group's connection to its subscribers.
pub(crate) struct Channel {
    id: FeedId,
    pub(super) context: Arc<Context>,
    /// The event loops that have subscribers, a bit each.
    loops: AtomicU64,
    /// How long it took to make and to send the last update, over all loops, in nanoseconds.
    cost: AtomicU64,
    pace: Mutex<Pace>,
    /// When the first change came that isn't published, in microseconds from the server's start and never 0; 0 if there is none.
    changed: AtomicU64,
    /// Whether a task publishes its changes at the moment.
    driven: AtomicBool,
}

/// When a change came that isn't published yet, if there is one.
#[derive(Clone, Copy)]
pub(super) struct Changed(u64);

/// How an update is to be painted.
pub(crate) struct Painting {
    pub(super) payer: Payer,
    /// After the payer's other pictures.
    pub(super) later: bool,
}

/// A feed or a group.
pub(crate) trait Published: Send + Sync + 'static {
    fn channel(&self) -> &Channel;

    /// Whether there is something to publish.
    fn has_changed(&self) -> bool;

    /// When it may be published.
    fn due(&self, now: Instant) -> Instant;

    /// Publishes what is due at `now`, if nothing has to be painted for it.
    ///
    /// # Errors
    /// [`Painting`], if something has to be; then [`publish_due`](Self::publish_due) is to be called where that may take long.
    fn publish_at_hand(&self, now: Instant) -> Result<(), Painting>;

    /// Publishes what is due at `now`.
    fn publish_due(&self, now: Instant);
}

impl Channel {
    pub(super) fn new(id: FeedId, context: Arc<Context>) -> Self {
        let pace = Mutex::new(Pace::new(Instant::now()));
        let [loops, cost] = [0; 2].map(AtomicU64::new);
        let driven = AtomicBool::new(false);
        Self { id, context, loops, cost, pace, changed: AtomicU64::new(0), driven }
    }

    pub(crate) fn id(&self) -> FeedId {
        self.id
    }

    /// Event loop `number` gets each update from now on.
    pub(crate) fn subscribe(&self, number: u32) {
        self.loops.fetch_or(1 << number, Ordering::SeqCst);
    }

    /// Event loop `number` has no subscriber any more.
    pub(crate) fn unsubscribe(&self, number: u32) {
        self.loops.fetch_and(!(1 << number), Ordering::SeqCst);
    }

    /// Whether nothing is to be published now.
    pub(super) fn is_held(&self) -> bool {
        self.context.is_held.load(Ordering::SeqCst)
    }

    /// Adds the time that an event loop took to send the last update.
    pub(crate) fn add_cost(&self, took: Duration) {
        self.cost.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Where what the work costs is noted.
    pub(crate) fn costs(&self) -> &Costs {
        self.context.painter.costs()
    }

    pub(super) fn cost(&self) -> Duration {
        Duration::from_nanos(self.cost.load(Ordering::Relaxed))
    }

    /// When a change that is there at `now` may be published, if the gap is to be no shorter than `min_gap`.
    pub(super) fn due(&self, now: Instant, min_gap: Duration) -> Instant {
        self.pace.lock().due(now, min_gap, self.cost())
    }

    /// Notes that a change was published, or found to look like the last one.
    pub(super) fn published(&self) {
        self.pace.lock().published(Instant::now());
    }

    /// Notes that it took so long to make the newest update.
    pub(super) fn start_cost(&self, took: Duration) {
        self.cost.store(took.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Takes the time of the first change that isn't published. What is published next shows it.
    pub(super) fn take_change(&self) -> Changed {
        Changed(self.changed.swap(0, Ordering::Relaxed))
    }

    /// It isn't published yet.
    pub(super) fn put_back(&self, Changed(at): Changed) {
        self.changed.store(at, Ordering::Relaxed);
    }

    fn note_change(&self) {
        let now = self.context.started.elapsed().as_micros() as u64;
        self.changed.store(now.max(1), Ordering::Relaxed);
    }

    /// Publishes an update that shows this change.
    pub(super) fn publish_change(&self, Changed(at): Changed, update: Update) {
        if at > 0 {
            let waited = self.context.started.elapsed().saturating_sub(Duration::from_micros(at));
            self.context.delays.add(waited);
        }
        self.publish(update);
    }

    pub(super) fn publish(&self, update: Update) {
        self.context.publisher.publish(self.loops.load(Ordering::SeqCst), self.id, update);
    }
}

/// Starts a task that publishes, if there is something to publish and none does. Nothing happens in most rooms, so a feed
/// has no task in between.
pub(super) fn wake<P: Published>(source: &Arc<Entry<(), P>>) {
    let channel = source.channel();
    if channel.driven.load(Ordering::SeqCst) {
        if channel.changed.load(Ordering::Relaxed) == 0 {
            channel.note_change();
        }
    } else if !channel.is_held() && source.has_changed() {
        channel.note_change();
        if channel.driven.swap(true, Ordering::SeqCst) {
            return;
        }
        channel.context.runtime.spawn(drive(Arc::downgrade(source)));
    }
}

async fn drive<P: Published>(source: Weak<Entry<(), P>>) {
    while let Some(due) = source.upgrade().and_then(|source| next(&**source)) {
        tokio::time::sleep_until(due).await;
        let Some(due) = source.upgrade() else { return };
        if due.channel().is_held() {
            continue;
        }
        if let Err(Painting { payer, later }) = due.publish_at_hand(Instant::now()) {
            let (painter, waiting) = (Arc::clone(&due.channel().context.painter), Weak::clone(&source));
            drop(due);
            let paint = move || waiting.upgrade().map(|source| source.publish_due(Instant::now()));
            if painter.paint(payer, later, paint).await.is_err() {
                // It panicked, or the server has ended.
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// When to publish next; none if there is nothing to publish, and then the task ends.
fn next<P: Published>(source: &P) -> Option<Instant> {
    let channel = source.channel();
    let has_nothing = || channel.is_held() || !source.has_changed();
    if has_nothing() {
        // A change that looks like none isn't waited for.
        channel.changed.store(0, Ordering::Relaxed);
        channel.driven.store(false, Ordering::SeqCst);
        // A change before that, or a release, found the task, and relied on this look.
        if has_nothing() || channel.driven.swap(true, Ordering::SeqCst) {
            return None;
        }
    }
    Some(source.due(Instant::now()))
}
