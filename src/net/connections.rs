//! Connections that no event loop owns: they wait for a request, or get an answer to one.
//!
//! They take files and memory before anybody is admitted, so they count from accept on, in total and for each client. One
//! too many is let in all the same, and another is closed for it, the one that has waited longest. Viewers are never closed.

use std::mem;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use onlookers_rooms::sync::{Arc, Mutex};

use super::address::ClientNetwork;
use super::capacity::Capacity;
use state::{Allowed, Id, Open, State, Waiting};

mod state;

/// How many connections a client may have besides its viewers, whatever its limit: a browser opens six to a server.
pub(crate) const BESIDES_VIEWERS: usize = 8;

/// How many may be about to close while others are accepted: their files are still open.
pub(crate) const MOST_CLOSING: usize = 3;

/// How many others an HTTP/2 connection counts as when it has gone: it has taken that much memory at least.
const SHARED: usize = 16;

/// The connections that no event loop owns.
#[derive(Debug)]
pub(crate) struct Connections {
    capacity: Arc<Capacity>,
    limits: ConnectionLimits,
    /// Whether another process answers the next requests.
    is_leaving: AtomicBool,
    state: Mutex<State>,
}

/// How many connections there may be, viewers included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    pub(crate) total: usize,
    /// How many there may be besides viewers at least.
    pub(crate) others: usize,
    pub(crate) per_client: usize,
}

/// The reason why a connection waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// There is no request.
    Idle,
    /// Some of a request's head has come, and the rest hasn't.
    Head,
    /// The answer isn't ready, or its client doesn't read it.
    Answer,
}

/// The right of a connection to be open; dropping it returns it.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    connections: Arc<Connections>,
    id: Id,
    /// None for a peer that many clients may share.
    peer: Option<ClientNetwork>,
    /// Whether it may be charged to somebody else than its peer.
    is_charged: AtomicBool,
    /// Whether it may be among those that wait.
    is_waiting: AtomicBool,
    /// Whether it carries the requests of several clients at a time: then its peer alone is charged.
    is_shared: bool,
    /// Whether its handshake has taken memory that is free when the connection goes, or goes on as a viewer's.
    has_shaken_hands: bool,
    /// Whether the connection goes on, as a viewer's.
    is_viewer: bool,
}

impl Connections {
    pub(crate) fn new(capacity: Arc<Capacity>, limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { capacity, limits, is_leaving: AtomicBool::new(false), state: Mutex::default() })
    }

    pub(crate) fn limits(&self) -> ConnectionLimits {
        self.limits
    }

    /// How many are open, and how many were closed for newcomers.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let state = self.state.lock();
        (state.open.len(), state.closed)
    }

    /// The clients that have most of them, at most so many, each by the lowest address of its network.
    pub(crate) fn top_clients(&self, most: usize) -> Vec<(IpAddr, usize)> {
        let state = self.state.lock();
        let mut top: Vec<(ClientNetwork, usize)> = Vec::with_capacity(most + 1);
        // Nothing is copied under the lock but what is at the top.
        for (client, held) in &state.clients {
            let place = top.partition_point(|(_, others)| others >= held);
            if place < most {
                top.insert(place, (*client, *held));
                top.truncate(most);
            }
        }
        drop(state);
        top.into_iter().map(|(client, held)| (client.first_address(), held)).collect()
    }

    /// Lets a connection in. Its peer is a client, or none where many clients may come from.
    pub(crate) fn open(self: &Arc<Self>, peer: Option<ClientNetwork>) -> ConnectionPermit {
        let (viewers, allowed) = (self.capacity.viewers(), self.allowed(peer));
        let mut state = self.state.lock();
        let id = state.next();
        state.open.insert(id, Open::default());
        state.peak = state.peak.max(state.open.len() + viewers);
        state.charge(id, peer);
        let closed = state.close_excess(peer, allowed);
        drop(state);
        wake(closed);
        let [is_charged, is_waiting] = [AtomicBool::new(false), AtomicBool::new(false)];
        ConnectionPermit {
            connections: Arc::clone(self),
            id,
            peer,
            is_charged,
            is_waiting,
            is_shared: false,
            has_shaken_hands: false,
            is_viewer: false,
        }
    }

    /// Closes a connection that waits, if there is one.
    pub(crate) fn close_one(&self) -> bool {
        let closed = self.state.lock().close_one();
        closed.map(Waker::wake).is_some()
    }

    /// Has each connection end with its next answer: another process answers what comes later.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }

    /// Waits until no more than `most` of those that were told to close are open. Their tasks are ready to run, and do nothing
    /// else.
    pub(crate) async fn wait_for_closing(&self, most: usize) {
        while self.state.lock().closing > most {
            tokio::task::yield_now().await;
        }
    }

    /// Whether `many` connections have ended or left their handshakes behind, or a quarter as many have gone since there were most of them, viewers included.
    /// They are counted anew then.
    pub(crate) fn have_gone(&self, many: usize) -> bool {
        let mut state = self.state.lock();
        let now = state.open.len() + self.capacity.viewers();
        let have_gone = state.gone >= many || state.peak.saturating_sub(now) >= many / 4;
        if have_gone {
            (state.peak, state.gone) = (now, 0);
        }
        have_gone
    }

    /// How many connections there may be now, and how many of `client`, without viewers.
    fn allowed(&self, client: Option<ClientNetwork>) -> Allowed {
        let places = client.map_or(0, |client| self.capacity.places_of(client));
        Allowed {
            // Newcomers get an answer, whatever number of viewers is allowed.
            total: self.limits.total.saturating_sub(self.capacity.viewers()).max(self.limits.others),
            of_client: self.limits.per_client.saturating_sub(places).max(BESIDES_VIEWERS),
        }
    }
}

impl ConnectionPermit {
    /// To be called with the context of the connection's task whenever it waits for something. Ready if it has to close.
    pub(crate) fn poll_closed(&self, phase: Phase, cx: &Context<'_>) -> Poll<()> {
        let mut client = self.peer;
        let allowed = self.connections.allowed(client);
        let mut state = self.connections.state.lock();
        let Some(open) = state.open.get_mut(&self.id) else { return Poll::Ready(()) };
        if let Some(Waiting { phase: before, waker, .. }) = &mut open.waiting
            && *before == phase
        {
            let replaced = (!waker.will_wake(cx.waker())).then(|| mem::replace(waker, cx.waker().clone()));
            drop(state);
            // Not under the lock: it may be the last of its task.
            drop(replaced);
            return Poll::Pending;
        }
        if phase == Phase::Answer {
            // Charged already, and held to what that client may have.
            client = open.client;
        } else {
            // The visitor of the request before was charged for its answer; the connection itself is the peer's.
            state.charge(self.id, client);
            self.is_charged.store(false, Ordering::Relaxed);
        }
        self.is_waiting.store(true, Ordering::Relaxed);
        let replaced = state.wait(self.id, phase, cx.waker());
        let closed = state.close_excess(client, allowed);
        let is_open = state.open.contains_key(&self.id);
        drop(state);
        drop(replaced);
        wake(closed);
        if is_open { Poll::Pending } else { Poll::Ready(()) }
    }

    /// A request has come: the connection waits for nothing, and later for its answer. False if it has to close.
    pub(crate) fn begin_answer(&self) -> bool {
        if !self.is_waiting.swap(false, Ordering::Relaxed) {
            return true;
        }
        let mut state = self.connections.state.lock();
        let waker = state.rest(self.id);
        let is_open = state.open.contains_key(&self.id);
        drop(state);
        drop(waker);
        is_open
    }

    /// The connection has gone through a TLS handshake, of which a viewer's connection keeps next to nothing.
    pub(crate) fn shook_hands(&mut self) {
        self.has_shaken_hands = true;
    }

    /// The connection is `peer`'s, for whom another one has opened it; none where many clients may come from.
    pub(crate) fn set_peer(&mut self, peer: Option<ClientNetwork>) {
        self.peer = peer;
        let allowed = self.connections.allowed(peer);
        let mut state = self.connections.state.lock();
        state.charge(self.id, peer);
        let closed = state.close_excess(peer, allowed);
        drop(state);
        wake(closed);
    }

    /// An event loop takes the connection over; it counts as a viewer from now on.
    pub(crate) fn become_viewer(mut self) {
        self.is_viewer = true;
    }

    /// The same for a connection that carries the requests of several clients at a time, as a proxy's with HTTP/2 does. No
    /// answer charges it to one of them: it would be closed if that client had too many. In total it counts twice, as it takes
    /// more memory than others.
    pub(crate) fn shared(mut self) -> Self {
        self.is_shared = true;
        let allowed = self.connections.allowed(self.peer);
        let mut state = self.connections.state.lock();
        state.share(self.id);
        let closed = state.close_excess(self.peer, allowed);
        drop(state);
        wake(closed);
        self
    }

    /// Whether its next answer is to be its last.
    pub(crate) fn is_leaving(&self) -> bool {
        self.connections.is_leaving.load(Ordering::Relaxed)
    }

    /// Whether its peer is a client, and not in a network that many may share.
    pub(crate) fn is_of_client(&self) -> bool {
        self.peer.is_some()
    }

    /// Charges `client` for the connection, for as long as an answer takes.
    pub(crate) fn charge(&self, client: Option<ClientNetwork>) {
        if self.is_shared {
            return;
        }
        let is_others = client != self.peer;
        if !(self.is_charged.swap(is_others, Ordering::Relaxed) || is_others) {
            return;
        }
        let allowed = self.connections.allowed(client);
        let mut state = self.connections.state.lock();
        state.charge(self.id, client);
        let closed = state.close_excess(client, allowed);
        drop(state);
        wake(closed);
    }
}

/// Wakes the tasks of connections that have to close.
fn wake(closed: [Option<Waker>; 2]) {
    closed.into_iter().flatten().for_each(Waker::wake);
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut state = self.connections.state.lock();
        if !state.open.contains_key(&self.id) {
            state.closing -= 1;
        }
        let closed = state.remove(self.id);
        let others = usize::from(!self.is_viewer || self.has_shaken_hands);
        state.gone += if self.is_shared { SHARED } else { others };
        drop(state);
        drop(closed);
    }
}

#[cfg(test)]
mod tests;
