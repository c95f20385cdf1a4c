//! The records of connections in memory that outlives the process.
//!
//! The memory begins with a page that says its format and sizes. Then come the records, two lines of the processor's cache each
//! (`record.rs`), and then the arena (`arena.rs`).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::arena::{Arena, Block, MAX_BYTES};
use crate::facts::Facts;
use crate::free::{End, UNIT};
use crate::memory::Memory;
use crate::record::{RECORD, Record};

/// Of this format, in the first word; the second and third are the numbers of records and of the arena's units.
const FORMAT: u64 = u64::from_be_bytes(*b"onlook\0\x02");

/// Words before the records: a page.
const HEADER: usize = 512;

/// The records of connections, and the bytes that belong to them. Clones are the same.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Shared>);

/// The state that the ledger and its records share.
#[derive(Debug)]
pub(crate) struct Shared {
    memory: Arc<Memory>,
    pub(crate) arena: Arc<Arena>,
    unused: Mutex<Unused>,
    records: u32,
}

/// The numbers of records that are not in use.
#[derive(Debug)]
struct Unused {
    /// Given back.
    again: Vec<u32>,
    /// This one and all after it.
    never: u32,
}

/// A ledger that another process wrote, opened again.
#[derive(Debug)]
pub struct Opened {
    /// The ledger, to go on with.
    pub ledger: Ledger,
    /// The records of connections that were open. Each has to be recovered, or dropped, before this is.
    pub records: Vec<Record>,
    /// Blocks that the old records may refer to: dropping them frees the bytes, so it comes last.
    _old: Vec<Block>,
}

impl Opened {
    /// The ledger, the records, and what keeps the bytes in their places that the records name: to be dropped when all of them are
    /// recovered.
    #[must_use]
    pub fn into_parts(self) -> (Ledger, Vec<Record>, Vec<Block>) {
        (self.ledger, self.records, self._old)
    }
}

impl Ledger {
    /// A ledger for so many connections, and so many bytes of what belongs to them, at most 2 GiB. Memory is only taken as it is used.
    ///
    /// # Errors
    /// The system's.
    pub fn create(records: u32, bytes: usize) -> io::Result<Self> {
        if bytes > MAX_BYTES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let units = bytes.div_ceil(UNIT);
        let memory = Memory::create(words(records, units))?;
        memory[1].store(records.into(), Relaxed);
        memory[2].store(units as u64, Relaxed);
        memory[0].store(FORMAT, Release);
        Ok(Self::new(memory, records))
    }

    /// The ledger of a process that has ended.
    ///
    /// # Errors
    /// The system's, or if another version has made it.
    pub fn open(memory: OwnedFd) -> io::Result<Opened> {
        let memory = Memory::open(memory)?;
        let records = fits(&memory).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "the memory is of another version of the program")
        })?;
        let ledger = Self::new(memory, records);
        let records = ledger.0.in_use();
        let pieces = records
            .iter()
            .map(|record| (record.note(), record.input()))
            .flat_map(|(note, input)| [note.bytes, note.text, input])
            .filter(|piece| piece.is_known() && !piece.is_empty());
        let old = pieces.flat_map(|piece| ledger.0.arena.hold(piece)).collect();
        Ok(Opened { ledger, records, _old: old })
    }

    fn new(memory: Memory, records: u32) -> Self {
        let memory = Arc::new(memory);
        let arena = Arena::new(Arc::clone(&memory), HEADER + records as usize * RECORD..memory.len());
        let unused = Mutex::new(Unused { again: Vec::new(), never: 0 });
        Self(Arc::new(Shared { memory, arena: Arc::new(arena), unused, records }))
    }

    /// Adds a connection with what the kernel knows of it now: everything that was read from it is consumed, and nothing of what was sent waits for
    /// room. `sequence` is the number of the next TLS record. None, if there is no room.
    #[must_use]
    pub fn join(&self, facts: &Facts, sequence: u64, description: &[u8]) -> Option<Record> {
        let block = self.0.arena.store(description, End::High)?;
        let number = self.0.unused().take(self.0.records)?;
        Some(Record::begin_at(Arc::clone(&self.0), number, facts, sequence, block))
    }

    /// Stores bytes that are to be sent, on one connection or on many. None, if there is no room.
    #[must_use]
    pub fn store(&self, bytes: &[u8]) -> Option<Block> {
        self.0.arena.store(bytes, End::Low)
    }
}

impl AsFd for Ledger {
    /// The memory, which is for whoever starts the next process.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.memory.as_fd()
    }
}

impl Shared {
    /// The records in use. All others are unused then.
    fn in_use(self: &Arc<Self>) -> Vec<Record> {
        let (in_use, unused): (Vec<u32>, Vec<u32>) =
            (0..self.records).partition(|number| Record::is_in_use(self.words(*number)));
        *self.unused() = Unused { again: unused.into_iter().rev().collect(), never: self.records };
        // One whose description can't be is unused again.
        in_use.into_iter().filter_map(|number| Record::reclaim(Arc::clone(self), number)).collect()
    }

    /// The words of the record with that number.
    pub(crate) fn words(&self, number: u32) -> &[AtomicU64] {
        let start = HEADER + number as usize * RECORD;
        &self.memory[start..start + RECORD]
    }

    /// The record with that number is not in use any more.
    pub(crate) fn give_back(&self, number: u32) {
        self.unused().again.push(number);
    }

    fn unused(&self) -> MutexGuard<'_, Unused> {
        // Nothing panics while it is locked.
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unused {
    fn take(&mut self, records: u32) -> Option<u32> {
        self.again.pop().or_else(|| {
            let number = self.never;
            (number < records).then(|| self.never += 1).map(|()| number)
        })
    }
}

fn words(records: u32, units: usize) -> usize {
    HEADER + records as usize * RECORD + units * UNIT / size_of::<u64>()
}

/// How many records the memory has, if it is of this format.
fn fits(memory: &Memory) -> Option<u32> {
    let [format, records, units] = [0, 1, 2].map(|word| memory.get(word).map(|word| word.load(Acquire)));
    let records = u32::try_from(records?).ok()?;
    let units = usize::try_from(units?).ok().filter(|units| *units <= MAX_BYTES / UNIT)?;
    (format == Some(FORMAT) && memory.len() == words(records, units)).then_some(records)
}

#[cfg(test)]
mod tests;
