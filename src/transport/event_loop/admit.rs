//! Taking connections in.

use std::sync::Arc;
use std::time::Instant;

use super::super::connection::{Connection, ConnectionId, Protocol, Stream};
use super::super::socket::{Gone, Socket};
use super::super::subscriptions::{Source, Subscriber};
use super::super::takeover::Taken;
use super::super::websocket::{End, WebSocket};
use super::super::{Grant, StreamGrant, WebSocketGrant};
use super::EventLoop;
use crate::feeds::Membership;
use crate::net::capacity::Permit;
use crate::wire::Opening;
use crate::wire::frame::CloseCode;

impl EventLoop {
    pub(super) fn admit(&mut self, Taken { socket, grant, unread }: Taken<Grant>) {
        match grant {
            Grant::Stream(grant) => self.admit_stream(socket, grant, unread.len()),
            Grant::WebSocket(grant) => self.admit_websocket(socket, *grant, &unread),
        }
    }

    fn admit_stream(&mut self, socket: Socket, grant: StreamGrant, unread: usize) {
        let StreamGrant { opening, feed, guard, permit, hangs_up_late } = grant;
        let stream = Stream::new(feed.id(), guard, hangs_up_late);
        let Some(id) = self.insert(socket, permit, Protocol::Stream(stream)) else { return };
        self.subscribe(id, 0, &Source::Feed(feed));
        let opened = self.open_stream(id, &opening, unread);
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
        connection.open(&self.buffer, &subscription.frame, self.poll.registry(), id)?;
        if self.end.is_some() { connection.finish() } else { Ok(()) }
    }

    fn admit_websocket(&mut self, socket: Socket, grant: WebSocketGrant, unread: &[u8]) {
        let WebSocketGrant { key, session, format, memberships, permit } = grant;
        let websocket = Protocol::WebSocket(Box::new(WebSocket::new(session, format)));
        let Some(id) = self.insert(socket, permit, websocket) else { return };
        let mut opening = std::mem::take(&mut self.buffer);
        opening.clear();
        Opening::WebSocket(key).write(&mut opening);
        for (slot, membership) in memberships.into_iter().enumerate().rev() {
            self.enter(id, slot as u8, membership, &mut opening);
        }
        let opened = self.open_websocket(id, &opening, unread);
        self.buffer = opening;
        self.note(id, opened);
    }

    fn open_websocket(&mut self, id: ConnectionId, opening: &[u8], unread: &[u8]) -> Result<(), End> {
        let Some(connection) = self.connections.get_mut(id.index()) else { return Ok(()) };
        connection.open(opening, &[], self.poll.registry(), id)?;
        if self.end.is_some() {
            return Err(CloseCode::GoingAway.into());
        }
        if let Protocol::WebSocket(socket) = &mut connection.protocol
            && !unread.is_empty()
        {
            socket.receive(unread)?;
            self.read_later(id, false);
        }
        Ok(())
    }

    /// Subscribes a WebSocket to the group of a room, and appends the state of the room to `buffer`.
    pub(super) fn enter(&mut self, id: ConnectionId, slot: u8, membership: Membership, buffer: &mut Vec<u8>) {
        let group = Arc::clone(membership.group());
        // Before the state is written, so that no batch comes between the two.
        let place = self.subscribe(id, slot, &Source::Group(Arc::clone(&group)));
        let Some(connection) = self.connections.get_mut(id.index()) else { return };
        let Protocol::WebSocket(socket) = &mut connection.protocol else { return };
        let since = group.write_newest(socket.session.id(), buffer);
        socket.session.insert(slot, membership, place, since);
    }

    /// A connection that receives nothing yet; none if its socket can't be watched.
    pub(super) fn insert(
        &mut self,
        socket: Socket,
        permit: Permit,
        protocol: Protocol,
    ) -> Option<ConnectionId> {
        self.insert_connection(Connection::new(socket, permit, protocol))
    }

    pub(super) fn insert_connection(&mut self, mut connection: Connection) -> Option<ConnectionId> {
        if self.connections.is_empty() {
            self.places = 0;
            self.resend.restart(Instant::now());
            self.ping.restart(Instant::now());
        }
        let entry = self.connections.vacant_entry();
        let id = ConnectionId::new(entry.key());
        if let Err(error) = connection.socket.register(self.poll.registry(), id) {
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
