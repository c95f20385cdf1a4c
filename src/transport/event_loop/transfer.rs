//! Connections on their way to another event loop, here or in another process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use onlookers_handover::Record;

use super::super::connection::{Connection, ConnectionId, Protocol, Ready};
use super::super::entry::{Book, Entry};
use super::super::record::{BadRecord, ConnectionRecord};
use super::super::socket::{Gone, Registered};
use super::super::subscriptions::Source;
use super::EventLoop;
use crate::app::App;

/// A connection that no loop has: its socket, which stays open, its guards, its unsent rest, and what it receives.
///
/// Dropping it leaves its rooms and closes the descriptor; the connection itself goes on if another process has it.
pub(crate) struct Transfer {
    connection: Connection,
    /// The source of each subscription, by its slot.
    sources: Vec<(u8, Source)>,
    /// The number of its entry in the ledger of the process that it comes from.
    entry: Option<u32>,
}

impl Transfer {
    /// The connection as another process reads it; none if it can't move.
    pub(crate) fn record(&self, app: &App) -> Option<ConnectionRecord> {
        let source = self.sources.first().map(|(_, source)| source);
        ConnectionRecord::of(&self.connection, source, app)
    }

    /// The number of its entry in another process' ledger.
    pub(crate) fn entry(&self) -> Option<u32> {
        self.entry
    }

    /// It has that entry in the ledger from now on.
    pub(in crate::transport) fn attach(&mut self, entry: Entry) {
        self.connection.socket.set_entry(Some(entry));
    }

    /// It goes on with the entry that it has had in another process.
    pub(crate) fn attach_record(&mut self, record: Record, book: &Book) {
        let socket = &mut self.connection.socket;
        // Without what the kernel knows of it, it can't be continued.
        let entry = Entry::again(record, socket, &book.keeper).ok().flatten();
        socket.set_entry(entry);
        self.connection.note_unsent();
    }

    /// Takes input that its process has read before it died, and not obeyed.
    pub(in crate::transport) fn receive(&mut self, input: Vec<u8>) -> Result<(), Gone> {
        self.connection.receive(input)
    }

    /// Another process goes on with it.
    pub(crate) fn hand_over(mut self) {
        self.connection.socket.entry().into_iter().for_each(Entry::hand_over);
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.connection.socket.as_fd()
    }

    /// A connection of another process, which is counted here from now on. Its feed may have no frame yet.
    ///
    /// # Errors
    /// [`BadRecord`].
    pub(crate) fn from_record(
        record: ConnectionRecord,
        socket: OwnedFd,
        app: &App,
    ) -> Result<Self, BadRecord> {
        let entry = record.entry;
        let (connection, sources) = record.connect(socket, app)?;
        Ok(Self { connection, sources, entry })
    }
}

impl EventLoop {
    /// Takes out all connections that can go on in another process. What was to be sent to them goes out before.
    pub(super) fn take_movable(&mut self) -> Vec<Transfer> {
        while let Some(taken) = self.admitted.pop_front() {
            self.admit(taken);
        }
        for feed in self.subscriptions.take_due() {
            self.send_update(feed);
        }
        self.send_replies();
        self.settle_inputs();
        self.keep_entered();
        self.remove_over();
        let movable = self.connections.iter().filter(|(_, connection)| connection.is_movable());
        let ids: Vec<_> = movable.map(|(index, _)| ConnectionId::new(index)).collect();
        // Another process is about to go on with the ledger.
        (self.book, self.input) = (None, None);
        self.sender.set_ledger(None);
        let transfers: Vec<_> =
            ids.into_iter().filter_map(|id| self.give_away(id).unwrap_or_default()).collect();
        self.remove_over();
        for (_, connection) in &mut self.connections {
            connection.socket.set_entry(None);
        }
        transfers
    }

    /// Gives a connection away; none if there is none with that id. Its count doesn't change.
    ///
    /// # Errors
    /// The system's, if the socket can't leave the poll; then the connection ends.
    pub(super) fn give_away(&mut self, id: ConnectionId) -> io::Result<Option<Transfer>> {
        let sources = self.sources(id);
        let Some(mut connection) = self.take(id) else { return Ok(None) };
        connection.socket.release(self.poll.registry())?;
        connection.ready = Ready::default();
        Ok(Some(Transfer { connection, sources, entry: None }))
    }

    /// Takes a connection in. It gets the newest of everything it receives, which may have changed meanwhile.
    pub(super) fn adopt(&mut self, Transfer { mut connection, sources, .. }: Transfer) {
        if self.book.is_none() {
            // Nothing that is sent is noted any more.
            connection.socket.set_entry(None);
        }
        let Some(id) = self.insert(connection) else { return };
        let mut adopted = Ok(());
        for (slot, source) in sources {
            self.subscribe(id, slot, &source);
            if let Some(connection) = self.connections.get_mut(id.index()) {
                adopted =
                    adopted.and(connection.miss(slot, Registered { registry: self.poll.registry(), id }));
            }
        }
        self.enter_again(id);
        let (kind, transport) = self.shape(id);
        self.metrics.appear(kind, transport);
        let resumed = adopted.and_then(|()| self.resume(id));
        self.note(id, resumed);
        // A message that is there already is told by no event.
        if self.websocket(id).is_some_and(|socket| socket.has_begun_message()) {
            self.list_ready(id, Ready { readable: true, ..Ready::default() });
        }
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
