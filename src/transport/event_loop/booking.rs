//! Entering connections in the ledger, with a keeper.

use std::sync::Arc;
use std::time::{Duration, Instant};

use onlookers_handover::{MAX_DESCRIPTORS, ReadBuffer};

use super::super::connection::{ConnectionId, Protocol};
use super::super::entry::Book;
use super::super::record::ConnectionRecord;
use super::super::subscriptions::Source;
use super::EventLoop;

/// How many bytes may be read in one turn from connections that are in a book: more than a turn has time for.
const INPUT: usize = 64 * 1024;

/// How soon the keeper is told again what it couldn't be told at once: another thread was telling it something, or it had no room for more.
const TRY_AGAIN: Duration = Duration::from_millis(1);

impl EventLoop {
    /// Enters all connections in `book` from now on.
    pub(super) fn begin_book(&mut self, book: Book) {
        self.sender.set_ledger(Some(book.ledger.clone()));
        self.input = book.ledger.read_buffer(INPUT);
        self.book = Some(book);
        self.enter_all();
    }

    /// Enters a connection that has been opened.
    pub(super) fn enter_in_book(&mut self, id: ConnectionId) {
        let Some(description) = self.description(id) else { return };
        let (Some(book), Some(connection)) = (&self.book, self.connections.get_mut(id.index())) else {
            return;
        };
        let (begun, text) = connection.unsent().map(|unsent| unsent.all()).unwrap_or_default();
        let is_obeyed = connection.has_whole_input();
        let entry = book.enter(&connection.socket, &description, (begun, &text), is_obeyed);
        connection.socket.set_entry(entry);
        self.entered.push(id);
    }

    /// Has the keeper hold those that were entered in this turn.
    pub(super) fn keep_entered(&mut self) {
        if self.entered.is_empty() {
            return;
        }
        let entered = std::mem::take(&mut self.entered);
        let Some(book) = &self.book else { return };
        for batch in entered.chunks(MAX_DESCRIPTORS) {
            let connections = batch.iter().filter_map(|id| self.connections.get(id.index()));
            if !book.keep(connections.map(|connection| &connection.socket)) {
                self.entered.extend(batch);
            }
        }
    }

    /// When those are to be tried again that the keeper couldn't be told of.
    pub(super) fn keep_at(&self) -> Option<Instant> {
        (!self.entered.is_empty()).then(|| Instant::now() + TRY_AGAIN)
    }

    /// Has the keeper hold all connections, and enters those that aren't yet: they were here before the keeper, or the book, was.
    fn enter_all(&mut self) {
        let ids: Vec<_> = self.connections.iter().map(|(index, _)| ConnectionId::new(index)).collect();
        for id in ids {
            self.enter_again(id);
        }
    }

    /// Enters a connection, if it isn't yet, and has the keeper hold it, which may be another one than before.
    pub(super) fn enter_again(&mut self, id: ConnectionId) {
        let connection = self.connections.get_mut(id.index());
        match connection.is_some_and(|connection| connection.socket.entry().is_none()) {
            true => self.enter_in_book(id),
            false => self.entered.push(id),
        }
    }

    /// No process goes on with a connection any more.
    pub(super) fn leave_book(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id.index()) {
            connection.socket.set_entry(None);
        }
    }

    /// What was read has been obeyed, and answered: it needn't come again.
    pub(super) fn settle_inputs(&mut self) {
        for id in std::mem::take(&mut self.unsettled) {
            self.settle_input(id);
        }
        self.input.as_mut().into_iter().for_each(ReadBuffer::clear);
    }

    /// Has a connection go on after what it has read, if this process dies. Its replies have to be sent before, or wait after a write:
    /// then they are noted with the input that they answer.
    pub(super) fn settle_input(&mut self, id: ConnectionId) {
        if self.settle_with_next(id)
            && let Some(connection) = self.connections.get_mut(id.index())
        {
            connection.note_unsent();
        }
    }

    /// The same with the next note of what is sent: either both are noted, or none, so that nothing is answered twice, or never. Says
    /// whether there is something to settle.
    pub(super) fn settle_with_next(&mut self, id: ConnectionId) -> bool {
        let connection = self.connections.get_mut(id.index());
        if !connection.is_some_and(|it| it.socket.entry().is_some_and(|entry| entry.is_unsettled())) {
            return false;
        }
        let description = self.description(id).and_then(|description| serde_json::to_vec(&description).ok());
        let Some(connection) = self.connections.get_mut(id.index()) else { return false };
        let is_obeyed = connection.has_whole_input();
        let entry = connection.socket.entry().zip(description);
        let is_prepared = entry.is_some_and(|(entry, description)| entry.prepare(&description, is_obeyed));
        if !is_prepared {
            // It is about to end, or there is no room: what it obeys must not be obeyed again.
            connection.socket.set_entry(None);
        }
        is_prepared
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

#[cfg(test)]
mod tests;
