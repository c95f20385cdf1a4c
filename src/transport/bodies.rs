//! The bodies of all HTTP/2 streams: a subscriber of feeds beside the event loops. It has no sockets: it wakes bodies.

use std::sync::{Arc, Condvar, Mutex as StdMutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use onlookers_rooms::sync::Mutex;
use slab::Slab;
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::body::Live;
use super::http2::session::Session;
use super::http2::{Exchange, due};
use super::turns::Turns;
use super::{Options, StreamGrant};
use crate::feeds::{Feed, FeedId, Published};
use crate::metrics::{Transport, ViewerMetrics};
use crate::settings::DenyList;
use state::{Reader, Readers, State};

mod state;
mod waking;

/// By this number it subscribes to feeds: one past those of event loops.
pub(super) const NUMBER: u32 = 63;

/// What a frame costs that hyper sends: its body's task, the stream's bookkeeping, and its share of a write. An estimate, since no
/// part of it can be timed for one feed, and a high one: it spaces the updates of large rooms.
const FRAME: Duration = Duration::from_micros(8);

/// All bodies, and the connections that carry them.
pub(crate) struct Bodies {
    state: Mutex<State>,
    /// There is something due, or the first body came.
    changed: Notify,
    resend: Duration,
    write_timeout: Duration,
    sessions: StdMutex<Slab<Arc<Session>>>,
    denied: Mutex<Arc<DenyList>>,
    pub(super) metrics: ViewerMetrics,
    /// The last connection has closed.
    emptied: Condvar,
}

impl Bodies {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            resend: options.resend / 2,
            write_timeout: options.write_timeout,
            sessions: StdMutex::default(),
            denied: Mutex::default(),
            metrics: ViewerMetrics::default(),
            emptied: Condvar::new(),
        }
    }

    /// The body of a stream.
    pub(super) fn open(self: &Arc<Self>, grant: StreamGrant, exchange: Arc<Exchange>) -> Live {
        let StreamGrant { opening, feed, guard, permit, repaint } = grant;
        exchange.become_live();
        let mut state = self.state.lock();
        let id = feed.channel().id();
        let every = repaint.turns(self.resend);
        let skipped = (state.bodies.len() % usize::from(every)) as u8;
        let entry = state.bodies.vacant_key();
        let readers = state.feeds.entry(id).or_insert_with(|| {
            // Before its newest frame is looked at, so that none comes between the two.
            feed.channel().subscribe(NUMBER);
            Box::new(Readers { feed: Arc::clone(&feed), places: SmallVec::new(), is_due: false })
        });
        let place = readers.places.len() as u32;
        readers.places.push(entry as u32);
        let has_ended = state.has_ended;
        state.bodies.insert(Reader { exchange: Arc::clone(&exchange), feed: id, place, every, skipped });
        let is_first = state.bodies.len() == 1;
        drop(state);
        charge(&feed, FRAME);
        self.metrics.join(feed.kind(), Transport::Http2);
        if is_first {
            self.changed.notify_one();
        }
        if has_ended {
            exchange.wake(due::LAST);
        }
        if !self.denied().is_empty() {
            exchange.wake(due::DENIED);
        }
        let (place, bodies, opening) = (entry as u32, Arc::clone(self), Some(opening));
        Live {
            exchange,
            feed,
            place,
            opening,
            has_ended: false,
            is_denied: false,
            bodies,
            permit,
            _guard: guard,
        }
    }

    /// Has each body look whether it is denied from now on.
    pub(super) fn deny(&self, list: &Arc<DenyList>) {
        *self.denied.lock() = Arc::clone(list);
        if list.is_empty() {
            return;
        }
        self.wake_each(due::DENIED);
    }

    /// The deny list in force.
    pub(super) fn denied(&self) -> Arc<DenyList> {
        Arc::clone(&self.denied.lock())
    }

    /// A body has gone.
    pub(super) fn close(&self, place: u32) {
        let mut state = self.state.lock();
        let removed = state.remove(place);
        drop(state);
        // After the lock: the last holder of a feed takes others.
        drop(removed);
    }

    /// Has the bodies of a feed woken.
    pub(super) fn publish(&self, feed: FeedId) {
        let mut state = self.state.lock();
        let Some(readers) = state.feeds.get_mut(&feed) else { return };
        if !std::mem::replace(&mut readers.is_due, true) {
            state.due.push(feed);
            drop(state);
            self.changed.notify_one();
        }
    }

    /// How long a body's frame may take nothing of its connection.
    pub(super) fn write_timeout(&self) -> Duration {
        self.write_timeout
    }

    /// Tells all connections to end in order, once their bodies have.
    pub(super) fn tell_end(&self) {
        // Bodies that come from now on look at it, and end at once.
        self.state.lock().has_ended = true;
        self.sessions().iter().for_each(|(_, session)| session.end_in_order());
    }

    /// Has the clients of all connections make no more requests on them. Streams stay.
    pub(super) fn go_away(&self) {
        // Connections that come from now on look at it.
        self.state.lock().is_leaving = true;
        self.sessions().iter().for_each(|(_, session)| session.end_in_order());
    }

    /// Tells each body to end, in its turn. Blocks until all have been told.
    pub(super) fn end_in_turn(&self, within: Duration) {
        let mut turns = Turns::new(self.exchanges(), Instant::now(), within);
        while let Some(next) = turns.next() {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            while let Some(exchange) = turns.take_due(Instant::now()) {
                exchange.wake(due::LAST);
            }
        }
    }

    /// Waits until all connections have closed, `within` at most. Blocks.
    pub(super) fn wait_for_end(&self, within: Duration) {
        let sessions = self.sessions();
        let waited = self.emptied.wait_timeout_while(sessions, within, |sessions| !sessions.is_empty());
        drop(waited);
    }

    pub(super) fn add_session(&self, session: &Arc<Session>) -> usize {
        let place = self.sessions().insert(Arc::clone(session));
        // After it: if the end comes in between, it is told of it twice.
        let state = self.state.lock();
        let is_ending = state.has_ended || state.is_leaving;
        drop(state);
        if is_ending {
            session.end_in_order();
        }
        place
    }

    pub(super) fn remove_session(&self, place: usize) {
        let mut sessions = self.sessions();
        let removed = sessions.try_remove(place);
        if sessions.is_empty() {
            *sessions = Slab::new();
            self.emptied.notify_all();
        }
        drop(sessions);
        drop(removed);
    }

    fn sessions(&self) -> MutexGuard<'_, Slab<Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes what frames of a feed cost.
fn charge(feed: &Feed, cost: Duration) {
    feed.channel().costs().estimate_of_viewers(feed.site(), feed.style(), cost);
}
