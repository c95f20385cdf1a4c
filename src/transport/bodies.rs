//! The bodies of all HTTP/2 streams: a subscriber of feeds beside the event loops. It has no sockets: it wakes bodies.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex as StdMutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use onlookers_rooms::sync::Mutex;
use slab::Slab;
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::body::Live;
use super::cursor::Cursor;
use super::http2::session::Session;
use super::http2::{Exchange, due};
use super::{Options, StreamGrant};
use crate::feeds::{Feed, FeedId, Published};
use crate::metrics::{Transport, ViewerMetrics};
use crate::settings::DenyList;
use state::{Reader, Readers, State};

mod state;

/// By this number it subscribes to feeds: one past those of event loops.
pub(super) const NUMBER: u32 = 63;

/// How many bodies are woken while the lock is held.
const AT_ONCE: usize = 64;

/// What a frame costs that hyper sends: its body's task, the stream's bookkeeping, and its share of a write. An estimate, since no
/// part of it can be timed for one feed, and a high one: it spaces the updates of large rooms.
const FRAME: Duration = Duration::from_micros(8);

/// Sending takes one part in five of all cores at most.
const PAUSE: u32 = 4;

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
        for (_, reader) in &self.state.lock().bodies {
            reader.exchange.wake(due::DENIED);
        }
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

    /// Wakes bodies for as long as the server runs.
    pub(super) async fn drive(self: Arc<Self>) {
        let mut cursor = Cursor::new(self.resend, Instant::now());
        let mut rested = Instant::now();
        loop {
            let now = Instant::now();
            let (places, is_due) = {
                let state = self.state.lock();
                (state.places(), !state.due.is_empty())
            };
            if places == 0 {
                cursor.restart(now);
            }
            let rest = is_due.then(|| rested.saturating_duration_since(now));
            let timeout = rest.into_iter().chain(cursor.timeout(places, now)).min();
            if !timeout.is_some_and(|timeout| timeout.is_zero()) {
                self.wait(timeout).await;
            }
            rested = self.wake_due(rested);
            self.wake_again(&mut cursor);
        }
    }

    async fn wait(&self, timeout: Option<Duration>) {
        match timeout {
            // It elapses, or it doesn't: there is something to do.
            Some(timeout) => drop(tokio::time::timeout(timeout, self.changed.notified()).await),
            None => self.changed.notified().await,
        }
    }

    /// Wakes the bodies of feeds that have a new frame, if it has rested since the last round; until when is the result.
    fn wake_due(&self, rested: Instant) -> Instant {
        if Instant::now() < rested {
            return rested;
        }
        let feeds = std::mem::take(&mut self.state.lock().due);
        let cost: Duration = feeds.into_iter().map(|feed| self.wake_all(feed)).sum();
        Instant::now() + cost * PAUSE / cores()
    }

    /// Wakes all bodies of a feed, and returns what their frames cost.
    fn wake_all(&self, id: FeedId) -> Duration {
        let (mut next, mut woken) = (usize::MAX, 0_u32);
        let feed = loop {
            let mut state = self.state.lock();
            let State { feeds, bodies, .. } = &mut *state;
            let Some(readers) = feeds.get_mut(&id) else { return Duration::ZERO };
            if next == usize::MAX {
                readers.is_due = false;
            }
            // From the last to the first: if one is removed meanwhile, the last takes its place, which was woken.
            let end = next.min(readers.places.len());
            next = end.saturating_sub(AT_ONCE);
            let some = readers.places.get(next..end).unwrap_or_default();
            some.iter()
                .filter_map(|place| bodies.get(*place as usize))
                .filter(|it| !it.exchange.wake(due::NEWEST))
                .for_each(|_| self.metrics.skipped.count());
            woken += some.len() as u32;
            if next == 0 {
                break Arc::clone(&readers.feed);
            }
        };
        let cost = FRAME * woken;
        feed.channel().add_cost(cost);
        charge(&feed, cost);
        cost
    }

    /// Wakes the bodies whose turn it is to get their frame once more.
    fn wake_again(&self, cursor: &mut Cursor) {
        let mut state = self.state.lock();
        // At the end, too: its next turn would be due for ever.
        let turn = cursor.step(state.places(), Instant::now());
        if state.has_ended {
            return;
        }
        let mut woken: HashMap<FeedId, u32> = HashMap::new();
        for place in turn.into_iter().flatten() {
            let Some(reader) = state.bodies.get_mut(place) else { continue };
            if reader.takes_turn() && !reader.exchange.is_busy() {
                reader.exchange.wake(due::AGAIN);
                *woken.entry(reader.feed).or_default() += 1;
            }
        }
        let feed = |(id, times)| Some((Arc::clone(&state.feeds.get(&id)?.feed), times));
        let woken: Vec<_> = woken.into_iter().filter_map(feed).collect();
        drop(state);
        woken.iter().for_each(|(feed, times)| charge(feed, FRAME * *times));
    }

    /// How long a body's frame may take nothing of its connection.
    pub(super) fn write_timeout(&self) -> Duration {
        self.write_timeout
    }

    /// Tells all bodies and connections to end in order.
    pub(super) fn tell_end(&self) {
        let mut state = self.state.lock();
        state.has_ended = true;
        for (_, reader) in &state.bodies {
            reader.exchange.wake(due::LAST);
        }
        drop(state);
        self.sessions().iter().for_each(|(_, session)| session.end_in_order());
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
        if self.state.lock().has_ended {
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

fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}
