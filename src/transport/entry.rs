//! A connection's entry in the ledger, memory that outlives this process (`crates/handover`): with `--keep`, the next process goes on
//! from it if this one is killed.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use onlookers_handover::{Block, Facts, Ledger, Piece, ReadBuffer, Record, Recovered};

use super::Transfer;
use super::record::ConnectionRecord;
use super::socket::Socket;
use crate::app::App;

/// Bytes of a usual description.
const USUAL: usize = 512;

/// Where a loop enters its connections.
#[derive(Clone)]
pub(crate) struct Book {
    pub(crate) ledger: Ledger,
    /// To the keeper, which holds a duplicate of each socket.
    pub(crate) keeper: Sender<ToKeep>,
    /// To the same, at once.
    pub(crate) direct: Arc<dyn Keep>,
    pub(crate) app: Arc<App>,
}

/// A keeper that is told without waiting.
pub(crate) trait Keep: Send + Sync {
    /// Has it hold these sockets, by the numbers of their records. False, if it can't be told now. One that has died needn't be: the next
    /// keeper is told everything.
    fn keep(&self, records: Vec<u32>, sockets: &[BorrowedFd<'_>]) -> bool;
}

/// What the keeper is to do.
pub(crate) enum ToKeep {
    /// Let the socket of this record go. Only then another connection may have the number.
    Release(Record),
    /// Say when it was told everything before.
    Flush(Sender<()>),
    /// The keeper of that generation has died.
    Died(u64),
}

/// The entry of one connection. Dropping it says that the connection is over.
pub(super) struct Entry {
    /// None once another process has it.
    record: Option<Record>,
    keeper: Sender<ToKeep>,
    /// What is being sent, for as long as the socket hasn't taken all of it.
    sending: Option<Block>,
    /// How many bytes were read in all.
    read: u64,
    /// Whether some of them have led to something that isn't described.
    is_unsettled: bool,
}

impl Entry {
    /// Goes on with an entry of a process before this one.
    pub(super) fn again(
        record: Record,
        socket: &impl AsFd,
        keeper: &Sender<ToKeep>,
    ) -> io::Result<Option<Self>> {
        let facts = Facts::of(socket).map(|facts| facts.map(|facts| facts.read));
        let read = facts.as_ref().ok().copied().flatten().unwrap_or_default();
        let keeper = keeper.clone();
        let again = Self { record: Some(record), keeper, sending: None, read, is_unsettled: true };
        // Otherwise the entry is over.
        Ok(facts?.map(|_| again))
    }

    /// The number of its record.
    pub(super) fn number(&self) -> Option<u32> {
        self.record.as_ref().map(Record::number)
    }

    /// Notes bytes of a block that are about to be written, after which the next TLS record has that number. The block stays until they
    /// are.
    pub(super) fn begin(&mut self, bytes: Piece, sequence: u64) {
        if let Some(record) = &mut self.record {
            record.begin(bytes, Piece::NOTHING, sequence);
        }
    }

    /// Notes bytes that are about to be written, and a text that comes after them.
    pub(super) fn begin_own(&mut self, bytes: &[u8], text: &[u8], sequence: u64) {
        if let Some(record) = &mut self.record {
            self.sending = record.begin_own(bytes, text, sequence);
        }
    }

    /// Nothing of it was written, and nothing will be.
    pub(super) fn retract(&mut self) {
        self.record.as_mut().into_iter().for_each(Record::retract);
        self.sending = None;
    }

    /// Only that is left to be written.
    pub(super) fn keep_rest(&mut self, bytes: &[u8], text: &[u8]) {
        if let Some(record) = &mut self.record {
            self.sending = record.keep_rest(bytes, text).map(|kept| kept.block);
        }
    }

    /// All that is left to be written are these bytes and then this text, of which some may be new.
    pub(super) fn keep_all(&mut self, bytes: &[u8], text: &[u8]) {
        if let Some(record) = &mut self.record {
            self.sending = record.keep_all(bytes, text).map(|kept| kept.block);
        }
    }

    /// Reads from its socket, by way of `kept` if there is that: then a process after this one has what was read, too.
    pub(super) fn read(
        &mut self,
        mut socket: &socket2::Socket,
        buffer: &mut [u8],
        kept: Option<&mut ReadBuffer>,
    ) -> io::Result<usize> {
        let length = match (&mut self.record, kept) {
            (Some(record), Some(kept)) => record.read(socket, self.read, (kept, buffer))?,
            (record, _) => {
                record.as_mut().into_iter().for_each(Record::read_elsewhere);
                socket.read(buffer)?
            }
        };
        (self.read, self.is_unsettled) = (self.read + length as u64, true);
        Ok(length)
    }

    /// Whether something was read, or obeyed, that isn't described.
    pub(super) fn is_unsettled(&self) -> bool {
        self.is_unsettled
    }

    /// Has the next note, of whatever is sent, say that all that was read has led to what `description` says. `is_obeyed` is false if
    /// that has input which is still to be obeyed. The result is false if there is no room.
    #[must_use]
    pub(super) fn prepare(&mut self, description: &[u8], is_obeyed: bool) -> bool {
        self.is_unsettled = !is_obeyed;
        self.record.as_mut().is_none_or(|record| record.prepare(description, self.read))
    }

    /// Notes that at once.
    pub(super) fn settle(&mut self) {
        self.record.as_mut().into_iter().for_each(Record::settle);
    }

    /// Another process has it from now on.
    pub(super) fn hand_over(&mut self) {
        if let Some(record) = self.record.take() {
            // Dropping it would end the entry.
            std::mem::forget(record);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            // Without a keeper nobody holds anything.
            let _ = self.keeper.send(ToKeep::Release(record));
        }
    }
}

impl Book {
    /// Enters a connection, of which the rest of a write may be unsent. None of one that can't be continued, or if there is no room.
    /// From when the keeper has the socket, too, the next process goes on with what is noted.
    pub(super) fn enter(
        &self,
        socket: &Socket,
        description: &ConnectionRecord,
        (begun, text): (&[u8], &[u8]),
        has_whole_input: bool,
    ) -> Option<Entry> {
        let facts = Facts::of(socket).ok()??;
        let mut bytes = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut bytes, description).ok()?;
        let record = self.ledger.join(&facts, socket.sequence(), &bytes)?;
        let keeper = self.keeper.clone();
        // What is kept of the input is described, and has to be described anew once it is obeyed.
        let (read, is_unsettled) = (facts.read, !has_whole_input);
        let mut entry = Entry { record: Some(record), keeper, sending: None, read, is_unsettled };
        if !(begun.is_empty() && text.is_empty()) {
            entry.begin_own(begun, text, socket.sequence());
        }
        Some(entry)
    }

    /// Has the keeper hold the sockets of these connections, if they are entered; as many as a message has room for. False, if it can't
    /// be told now.
    pub(super) fn keep<'s>(&self, sockets: impl Iterator<Item = &'s Socket>) -> bool {
        let entered = sockets.filter_map(|socket| Some((socket.entry_number()?, socket.as_fd())));
        let (records, descriptors): (Vec<_>, Vec<_>) = entered.unzip();
        self.direct.keep(records, &descriptors)
    }
}

/// A connection that its process has left behind, to go on here. None if it can't: then it is shut down.
pub(crate) fn recover(mut record: Record, socket: OwnedFd, book: &Book) -> Option<Transfer> {
    let facts = Facts::of(&socket).ok().flatten();
    let transfer = facts.and_then(|facts| {
        let recovered = record.recover(&facts);
        let duplicate = socket.try_clone().ok()?;
        let transfer = go_on(&mut record, duplicate, &recovered, (&facts, &book.app))?;
        Some((transfer, recovered.kept.map(|kept| kept.block), facts.read))
    });
    let Some((mut transfer, sending, read)) = transfer else {
        let _ = rustix::net::shutdown(&socket, rustix::net::Shutdown::Both);
        let _ = book.keeper.send(ToKeep::Release(record));
        return None;
    };
    let keeper = book.keeper.clone();
    transfer.attach(Entry { record: Some(record), keeper, sending, read, is_unsettled: true });
    Some(transfer)
}

/// The connection as its record describes it, with all that has come since. From then on the record has that, too: it is obeyed once.
fn go_on(
    record: &mut Record,
    socket: OwnedFd,
    recovered: &Recovered,
    (facts, app): (&Facts, &App),
) -> Option<Transfer> {
    let description: ConnectionRecord = serde_json::from_slice(&record.description()).ok()?;
    let mut transfer = Transfer::from_record(description.recovered(recovered)?, socket, app).ok()?;
    if !recovered.input.is_empty() {
        transfer.receive(recovered.input.clone()).ok()?;
        let description = serde_json::to_vec(&transfer.record(app)?.without_unsent()).ok()?;
        record.prepare(&description, facts.read).then(|| record.settle())?;
    }
    Some(transfer)
}
