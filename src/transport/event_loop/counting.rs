//! The viewers of a loop, for its metrics, and what work for them costs.

use std::collections::HashMap;

use super::super::connection::{ConnectionId, Protocol};
use super::super::sender::SentCount;
use super::EventLoop;
use crate::metrics::{Kind, Label, Sent, Stopwatch, Transport};

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

    /// Counts what was sent since the last time.
    pub(super) fn note_sent(&mut self, sent: Sent) {
        let SentCount { frames, bytes, skipped } = self.sender.take_count();
        self.metrics.frames.of(sent).add(frames);
        self.metrics.bytes.add(bytes);
        self.metrics.skipped.add(skipped);
    }

    /// Begins to measure work for viewers, if somebody wants to know what it costs.
    pub(super) fn measure(&self) -> Option<Stopwatch> {
        self.costs.as_ref()?.measure()
    }

    /// The work since then was for these connections: each costs its share. Of a stream's client nothing is kept, so its feed has
    /// cost it; a WebSocket's client has, too.
    pub(super) fn charge_all(&self, ids: impl IntoIterator<Item = ConnectionId>, since: Option<Stopwatch>) {
        let (Some(since), Some(costs)) = (since, &self.costs) else { return };
        let (time, mut feeds, mut clients) = (since.elapsed(), HashMap::new(), HashMap::new());
        for id in ids {
            match self.connections.get(id.index()).map(|connection| &connection.protocol) {
                Some(Protocol::Stream(stream)) => *feeds.entry(stream.feed).or_default() += 1_u32,
                Some(Protocol::WebSocket(socket)) => {
                    *clients.entry((socket.session.client(), socket.session.site())).or_default() += 1_u32;
                }
                None => {}
            }
        }
        let all = feeds.values().chain(clients.values()).sum::<u32>().max(1);
        for (feed, times) in feeds {
            let Some(subscription) = self.subscriptions.get(feed) else { continue };
            let source = &subscription.source;
            costs.add_of_viewers(source.site(), source.style(), time * times / all);
        }
        for ((client, site), times) in clients {
            costs.add_of_client(client.first_address(), time * times / all);
            costs.add_of_viewers(site, Kind::WebSocket.name(), time * times / all);
        }
    }
}
