//! Taking connections in.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::super::connection::{Connection, ConnectionId, Protocol, Ready, Stream};
use super::super::socket::{Gone, Registered, Socket};
use super::super::subscriptions::{Source, Subscriber};
use super::super::takeover::Taken;
use super::super::websocket::{End, WebSocket};
use super::super::{Grant, StreamGrant, WebSocketGrant};
use super::EventLoop;
use crate::feeds::{Membership, Published};
use crate::metrics::{Leave, Sent};
use crate::wire::Opening;

impl EventLoop {
    pub(super) fn admit(&mut self, Taken { socket, grant, unread }: Taken<Grant>) {
        if self.denies(&grant) {
            return;
        }
        match grant {
            Grant::Stream(grant) => self.admit_stream(socket, grant, unread.len()),
            Grant::WebSocket(grant) => self.admit_websocket(socket, *grant, &unread),
        }
    }

    fn admit_stream(&mut self, socket: Socket, grant: StreamGrant, unread: usize) {
        let measured = self.measure();
        let StreamGrant { opening, feed, guard, permit, repaint } = grant;
        let stream = Stream::new(feed.channel().id(), guard, repaint, self.connections.len());
        let Some(id) = self.insert(Connection::new(socket, permit, Protocol::Stream(stream))) else { return };
        self.subscribe(id, 0, &Source::Feed(feed));
        self.count_join(id);
        let opened = self.open_stream(id, &opening, unread);
        self.enter_in_book(id);
        self.charge_all([id], measured);
        self.note(id, opened);
    }

    /// Sends the opening and the first frame. If the server stops, that is the last.
    fn open_stream(&mut self, id: ConnectionId, opening: &Opening, unread: usize) -> Result<(), Gone> {
        self.buffer.clear();
        opening.write(&mut self.buffer);
        let Some(connection) = self.connections.get_mut(id.index()) else { return Ok(()) };
        let Protocol::Stream(stream) = &mut connection.protocol else { return Ok(()) };
        stream.ignore(unread)?;
        let Some(subscription) = self.subscriptions.get(stream.feed) else { return Ok(()) };
        let frame = subscription.frame(self.end.is_some());
        let poll = Registered { registry: self.poll.registry(), id };
        if self.end.is_some() {
            connection.set_last();
        }
        connection.open(&self.buffer, &frame, poll)?;
        self.metrics.frames(Sent::First, 1, self.buffer.len() + frame.len());
        if self.end.is_some() { connection.finish(poll) } else { Ok(()) }
    }

    fn admit_websocket(&mut self, socket: Socket, grant: WebSocketGrant, unread: &[u8]) {
        let measured = self.measure();
        let WebSocketGrant { key, session, format, memberships, permit } = grant;
        let websocket = Protocol::WebSocket(Box::new(WebSocket::new(session, format)));
        let Some(id) = self.insert(Connection::new(socket, permit, websocket)) else { return };
        self.count_join(id);
        let states = memberships.into_iter().filter_map(|membership| self.enter(id, membership));
        let states: Vec<_> = states.map(|(_, state)| state).collect();
        let mut opening = Vec::new();
        key.write_accept(&mut opening);
        opening.extend(states.into_iter().rev().flatten());
        let opened = self.open_websocket(id, &opening, unread);
        self.enter_in_book(id);
        self.charge_all([id], measured);
        self.note(id, opened);
    }

    fn open_websocket(&mut self, id: ConnectionId, opening: &[u8], unread: &[u8]) -> Result<(), End> {
        let Some(connection) = self.connections.get_mut(id.index()) else { return Ok(()) };
        connection.open(opening, &Bytes::new(), Registered { registry: self.poll.registry(), id })?;
        self.metrics.frames(Sent::First, 1, opening.len());
        if self.end.is_some() {
            return Err(End::Ended(Leave::Stopped));
        }
        if let Protocol::WebSocket(socket) = &mut connection.protocol
            && !unread.is_empty()
        {
            socket.charge(unread.len(), self.now)?;
            socket.receive(unread);
            self.list_ready(id, Ready { readable: true, ..Ready::default() });
        }
        Ok(())
    }

    /// Subscribes a WebSocket to the group of a room, and returns the slot and the state of the room for it.
    pub(super) fn enter(&mut self, id: ConnectionId, membership: Membership) -> Option<(u8, Vec<u8>)> {
        let (group, mut state) = (Arc::clone(membership.group()), Vec::new());
        let slot = self.websocket(id)?.session.free_slot();
        // Before the state is written, so that no batch comes between the two.
        let place = self.subscribe(id, slot, &Source::Group(Arc::clone(&group)));
        let socket = self.websocket(id)?;
        let since = group.write_newest(socket.session.id, &mut state);
        socket.session.insert(slot, membership, place, since);
        Some((slot, state))
    }

    /// The WebSocket of that connection, if it is one.
    pub(super) fn websocket(&mut self, id: ConnectionId) -> Option<&mut WebSocket> {
        match &mut self.connections.get_mut(id.index())?.protocol {
            Protocol::WebSocket(socket) => Some(socket),
            Protocol::Stream(_) => None,
        }
    }

    /// Adds a connection, which receives nothing yet; none if its socket can't be watched.
    pub(super) fn insert(&mut self, mut connection: Connection) -> Option<ConnectionId> {
        if self.connections.is_empty() {
            self.places = 0;
            self.resend.restart(Instant::now());
            self.ping.restart(Instant::now());
        }
        let entry = self.connections.vacant_entry();
        let id = ConnectionId::new(entry.key());
        if let Err(error) = connection.socket.register(Registered { registry: self.poll.registry(), id }) {
            tracing::warn!(%error, "a connection can't be watched");
            return None;
        }
        self.websockets += usize::from(matches!(connection.protocol, Protocol::WebSocket(_)));
        self.places = self.places.max(id.index() + 1);
        entry.insert(connection);
        Some(id)
    }

    /// From now on the connection gets each update of `source`. Returns its place among the subscribers.
    pub(super) fn subscribe(&mut self, id: ConnectionId, slot: u8, source: &Source) -> u32 {
        let place = self.subscriptions.add(source, Subscriber { connection: id, slot });
        self.set_place(Subscriber { connection: id, slot }, place);
        place
    }

    pub(super) fn set_place(&mut self, subscriber: Subscriber, place: u32) {
        let connection = self.connections.get_mut(subscriber.connection.index());
        match connection.map(|connection| &mut connection.protocol) {
            Some(Protocol::Stream(stream)) => stream.place = place,
            Some(Protocol::WebSocket(socket)) => {
                if let Some(room) = socket.session.room_mut(subscriber.slot) {
                    room.place = place;
                }
            }
            None => {}
        }
    }
}
