//! How connections end: in order when the server stops or a WebSocket closes, and out of the loop when they are over.

use std::time::{Duration, Instant};

use slab::Slab;

use super::super::connection::{Connection, ConnectionId, Protocol};
use super::super::kept;
use super::super::socket::{Gone, Registered};
use super::super::turns::Turns;
use super::super::websocket::End;
use super::EventLoop;
use crate::feeds::FeedId;
use crate::metrics::{Disobeyed, Leave, Sent};

/// How long a page may take to close a connection that was sent a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

impl EventLoop {
    /// Has all connections end, each in its turn. Until then they show what they have shown: no update is sent any more.
    pub(super) fn end(&mut self, within: Duration) {
        let (now, ids) = (Instant::now(), self.connections.iter().map(|(index, _)| ConnectionId::new(index)));
        self.turns = Some(Turns::new(ids.collect(), now, within));
        self.end = Some(now + within);
        self.subscriptions.end();
    }

    /// Sends the end to those connections whose turn it is.
    pub(super) fn end_due(&mut self) {
        let now = Instant::now();
        while let Some(id) = self.turns.as_mut().and_then(|turns| turns.take_due(now)) {
            // One that has come since was sent the end at once.
            let Some(connection) = self.connections.get(id.index()).filter(|it| !it.is_last()) else {
                continue;
            };
            match connection.protocol {
                Protocol::Stream(_) => {
                    let sent = self.send_last(id);
                    self.note(id, sent);
                }
                Protocol::WebSocket(_) => self.over.push((id, End::Ended(Leave::Stopped))),
            }
        }
    }

    /// Ends connections while all keep too many bytes, those first that have made no progress for longest.
    pub(super) fn end_keepers(&mut self) {
        if !kept::is_exceeded() {
            return;
        }
        let since = |(index, connection): (usize, &Connection)| {
            Some((connection.keeps_since(self.started)?, ConnectionId::new(index)))
        };
        let mut keepers: Vec<_> = self.connections.iter().filter_map(since).collect();
        keepers.sort_unstable_by_key(|(since, _)| *since);
        tracing::warn!(
            "slow clients keep too much memory: those that have read nothing for longest are disconnected"
        );
        for (_, id) in keepers {
            if !kept::is_nearly_exceeded() {
                return;
            }
            self.remove(id, Leave::Memory);
        }
    }

    /// Ends a stream alone, in order, for that reason.
    pub(super) fn end_stream(&mut self, id: ConnectionId, reason: Leave) -> Result<(), Gone> {
        self.closing.add(id, Instant::now() + CLOSE_TIMEOUT, reason);
        self.send_last(id)
    }

    /// Sends a stream its last frame and the end; after the rest of a write, if there is one.
    fn send_last(&mut self, id: ConnectionId) -> Result<(), Gone> {
        let Self { connections, subscriptions, poll, metrics, .. } = self;
        let poll = Registered { registry: poll.registry(), id };
        let Some(connection) = connections.get_mut(id.index()) else { return Ok(()) };
        let Protocol::Stream(stream) = &connection.protocol else { return Ok(()) };
        let Some(subscription) = subscriptions.get(stream.feed) else { return Ok(()) };
        connection.set_last();
        let frame = subscription.frame(true);
        if connection.send(Some(0), &frame, poll)? {
            metrics.frames(Sent::Update, 1, frame.len());
        }
        connection.finish(poll)
    }

    /// Removes connections that are over, and WebSockets that have had their time to close.
    pub(super) fn remove_over(&mut self) {
        for (id, end) in std::mem::take(&mut self.over) {
            tracing::debug!(?id, ?end, "a connection is over");
            if end == End::TooFast {
                self.metrics.disobeyed.of(Disobeyed::TooFast).count();
            }
            let reason = end.reason();
            let closes = end.farewell().is_some_and(|bytes| self.close(id, bytes, reason));
            if !closes {
                self.remove(id, reason);
            }
        }
        let now = Instant::now();
        while let Some((id, reason)) = self.closing.take_late(now) {
            self.remove(id, reason);
        }
        if self.connections.is_empty() && self.connections.capacity() > 0 {
            self.connections = Slab::new();
            self.subscriptions.shrink();
            self.places = 0;
        }
    }

    /// Sends a WebSocket its close frame, and says whether it has to wait for the page's. It is in no room any more.
    fn close(&mut self, id: ConnectionId, farewell: Vec<u8>, reason: Leave) -> bool {
        let Some(connection) = self.connections.get_mut(id.index()) else { return true };
        let Protocol::WebSocket(socket) = &mut connection.protocol else { return false };
        if !socket.start_closing() {
            return false;
        }
        for room in socket.session.leave_all() {
            self.unsubscribe(room.feed(), room.place);
        }
        let Some(connection) = self.connections.get_mut(id.index()) else { return true };
        // No process is to go on after its close frame.
        connection.socket.set_entry(None);
        let poll = Registered { registry: self.poll.registry(), id };
        let sent = connection.send(None, &farewell.into(), poll);
        if sent.and_then(|_| self.resume(id)).is_err() {
            return false;
        }
        self.closing.add(id, Instant::now() + CLOSE_TIMEOUT, reason);
        true
    }

    /// Ends a connection, which takes it out of its room. One that was about to close does so for the reason of that.
    fn remove(&mut self, id: ConnectionId, reason: Leave) {
        let begun = self.closing.remove(id);
        if let Some(connection) = self.take(id) {
            let reason = if self.end.is_some() { Leave::Stopped } else { begun.unwrap_or(reason) };
            self.metrics.leaves.of(reason).count();
            connection.close(self.poll.registry());
        }
    }

    /// Takes a connection out of the loop, which is watched still.
    pub(super) fn take(&mut self, id: ConnectionId) -> Option<Connection> {
        let (kind, transport) = self.shape(id);
        let connection = self.connections.try_remove(id.index())?;
        self.metrics.disappear(kind, transport);
        match &connection.protocol {
            Protocol::Stream(stream) => self.unsubscribe(stream.feed, stream.place),
            Protocol::WebSocket(socket) => {
                self.websockets -= 1;
                socket.session.rooms().for_each(|(_, room)| self.unsubscribe(room.feed(), room.place));
            }
        }
        self.closing.remove(id);
        Some(connection)
    }

    /// The subscriber in that place gets no more updates.
    pub(super) fn unsubscribe(&mut self, feed: FeedId, place: u32) {
        if let Some(moved) = self.subscriptions.remove(feed, place) {
            self.set_place(moved, place);
        }
    }
}
