//! Giving a connection away, with everything known about it, and taking one in from elsewhere.

use std::io;
use std::sync::Arc;

use super::super::connection::{Connection, ConnectionId, Protocol};
use super::super::socket::Registered;
use super::super::subscriptions::Source;
use super::EventLoop;

/// A connection on its way to another event loop: its socket, which stays open, its guards, its unsent rest, and what it
/// receives.
pub(super) struct Transfer {
    connection: Connection,
    /// The source of each subscription, by its slot.
    sources: Vec<(u8, Source)>,
}

impl EventLoop {
    /// Gives a connection away; none if there is none with that id. Its count doesn't change.
    ///
    /// # Errors
    /// The system's, if the socket can't leave the poll; then the connection ends.
    pub(super) fn give_away(&mut self, id: ConnectionId) -> io::Result<Option<Transfer>> {
        let sources = self.sources(id);
        let Some(mut connection) = self.take(id) else { return Ok(None) };
        connection.socket.release(self.poll.registry())?;
        Ok(Some(Transfer { connection, sources }))
    }

    /// Takes a connection in. It gets the newest of everything it receives, which may have changed meanwhile.
    pub(super) fn adopt(&mut self, Transfer { connection, sources }: Transfer) {
        let Some(id) = self.insert(connection) else { return };
        let mut adopted = Ok(());
        for (slot, source) in sources {
            self.subscribe(id, slot, &source);
            if let Some(connection) = self.connections.get_mut(id.index()) {
                adopted =
                    adopted.and(connection.miss(slot, Registered { registry: self.poll.registry(), id }));
            }
        }
        let (kind, transport) = self.shape(id);
        self.metrics.appear(kind, transport);
        let resumed = adopted.and_then(|()| self.resume(id));
        self.note(id, resumed);
    }

    fn sources(&self, id: ConnectionId) -> Vec<(u8, Source)> {
        match self.connections.get(id.index()).map(|connection| &connection.protocol) {
            Some(Protocol::Stream(stream)) => {
                self.subscriptions.get(stream.feed).map(|it| (0, it.source.clone())).into_iter().collect()
            }
            Some(Protocol::WebSocket(socket)) => {
                let group = |room: &super::super::session::JoinedRoom| {
                    Source::Group(Arc::clone(room.membership.group()))
                };
                socket.session.rooms().map(|(slot, room)| (slot, group(room))).collect()
            }
            None => Vec::new(),
        }
    }
}
