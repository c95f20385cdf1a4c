//! The deny list of a configuration that was read again ends streams and WebSockets that are open.

use std::sync::Arc;

use super::super::Grant;
use super::super::connection::{Connection, ConnectionId, Protocol};
use super::super::websocket::End;
use super::EventLoop;
use crate::metrics::Leave;
use crate::settings::DenyList;

/// How many connections are looked at in one turn.
const AT_ONCE: usize = 256;

impl EventLoop {
    /// From now on `list` is in force, also for those who are in.
    pub(super) fn deny(&mut self, list: Arc<DenyList>) {
        self.unexamined = (!list.is_empty()).then_some(0);
        self.denied = list;
    }

    /// Whether the list was read after a request was judged, and denies it.
    pub(super) fn denies(&self, grant: &Grant) -> bool {
        !self.denied.is_empty()
            && match grant {
                Grant::Stream(grant) => self.denied.denies(grant.permit.remote(), grant.feed.site()),
                Grant::WebSocket(grant) => self.denied.denies(grant.permit.remote(), grant.session.site()),
            }
    }

    /// Ends some of those who are in and denied.
    pub(super) fn end_denied(&mut self) {
        let Some(first) = self.unexamined else { return };
        let end = (first + AT_ONCE).min(self.places);
        for place in first..end {
            let Some(connection) = self.connections.get(place) else { continue };
            if !self.is_denied(connection) {
                continue;
            }
            let id = ConnectionId::new(place);
            match connection.protocol {
                Protocol::Stream(_) => {
                    let ended = self.end_stream(id, Leave::Denied);
                    self.note(id, ended);
                }
                Protocol::WebSocket(_) => self.over.push((id, End::Ended(Leave::Denied))),
            }
        }
        self.unexamined = (end < self.places).then_some(end);
    }

    fn is_denied(&self, connection: &Connection) -> bool {
        let site = match &connection.protocol {
            _ if connection.is_ending() => None,
            Protocol::Stream(stream) => self.subscriptions.get(stream.feed).map(|it| it.source.site()),
            Protocol::WebSocket(socket) => (!socket.is_closing()).then(|| socket.session.site()),
        };
        site.is_some_and(|site| self.denied.denies(connection.permit.remote(), site))
    }
}
