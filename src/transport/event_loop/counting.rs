//! The viewers of a loop, for its metrics.

use super::super::connection::{ConnectionId, Protocol};
use super::EventLoop;
use crate::metrics::{Kind, Transport};

impl EventLoop {
    /// A viewer has come.
    pub(super) fn count_join(&self, id: ConnectionId) {
        let (kind, transport) = self.shape(id);
        self.metrics.join(kind, transport);
    }

    /// What a viewer receives, and how.
    pub(super) fn shape(&self, id: ConnectionId) -> (Kind, Transport) {
        let connection = self.connections.get(id.index());
        let kind = match connection.map(|connection| &connection.protocol) {
            Some(Protocol::Stream(stream)) => self.subscriptions.get(stream.feed).map(|it| it.source.kind()),
            _ => Some(Kind::WebSocket),
        };
        let is_sealed = connection.is_some_and(|connection| connection.socket.seals());
        let transport = if is_sealed { Transport::Https1 } else { Transport::Http1 };
        (kind.unwrap_or(Kind::Picture), transport)
    }
}
