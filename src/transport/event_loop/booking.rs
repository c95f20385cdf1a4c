//! Entering connections in the ledger, with a keeper.

use std::sync::Arc;

use super::super::connection::{ConnectionId, Protocol};
use super::super::record::ConnectionRecord;
use super::super::subscriptions::Source;
use super::EventLoop;

impl EventLoop {
    /// Enters a connection that has been opened.
    pub(super) fn enter_in_book(&mut self, id: ConnectionId) {
        let Some(description) = self.description(id) else { return };
        let (Some(book), Some(connection)) = (&self.book, self.connections.get_mut(id.index())) else {
            return;
        };
        let rest = connection.unsent().map(|unsent| unsent.rest_of_write()).unwrap_or_default();
        let entry = book.enter(&connection.socket, &description, rest, connection.has_whole_input());
        connection.socket.set_entry(entry);
        self.entered.push(id);
    }

    /// Has the keeper hold those that were entered in this turn.
    pub(super) fn keep_entered(&mut self) {
        if self.entered.is_empty() {
            return;
        }
        let (entered, connections) = (std::mem::take(&mut self.entered), &self.connections);
        if let Some(book) = &self.book {
            let entered = entered.into_iter().filter_map(|id| connections.get(id.index()));
            book.keep(entered.map(|connection| &connection.socket));
        }
    }

    /// Has the keeper hold all connections, and enters those that aren't yet: they were here before the keeper, or the book, was.
    pub(super) fn enter_all(&mut self) {
        let ids: Vec<_> = self.connections.iter().map(|(index, _)| ConnectionId::new(index)).collect();
        for id in ids {
            self.entered.push(id);
            self.enter_if_missing(id);
        }
    }

    /// Enters a connection, if it isn't.
    pub(super) fn enter_if_missing(&mut self, id: ConnectionId) {
        let connection = self.connections.get_mut(id.index());
        if connection.is_some_and(|connection| connection.socket.entry().is_none()) {
            self.enter_in_book(id);
        }
    }

    /// What was read has been obeyed, and answered: it needn't come again.
    pub(super) fn settle_inputs(&mut self) {
        for id in std::mem::take(&mut self.unsettled) {
            self.settle_input(id);
        }
    }

    fn settle_input(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id.index()) else { return };
        let is_whole =
            connection.has_whole_input() && connection.unsent().is_none_or(|unsent| !unsent.has_replies());
        if !connection.socket.entry().is_some_and(|entry| is_whole && entry.is_unsettled()) {
            return;
        }
        let Some(description) = self.description(id) else { return };
        let Ok(description) = serde_json::to_vec(&description) else { return };
        if let Some(entry) = self.connections.get_mut(id.index()).and_then(|it| it.socket.entry()) {
            entry.settle(&description);
        }
    }

    /// A connection as it is now, without what is unsent; none of one that can't be continued.
    fn description(&self, id: ConnectionId) -> Option<ConnectionRecord> {
        let app = &self.book.as_ref()?.app;
        let connection = self.connections.get(id.index())?;
        let source = match &connection.protocol {
            Protocol::Stream(stream) => Some(self.subscriptions.get(stream.feed)?.source.clone()),
            Protocol::WebSocket(_) => None::<Source>,
        };
        ConnectionRecord::of(connection, source.as_ref(), Arc::as_ref(app))
            .map(ConnectionRecord::without_unsent)
    }
}
