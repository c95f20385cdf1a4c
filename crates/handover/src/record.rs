//! The record of a connection.
//!
//! # What a killed process leaves
//!
//! A record is complete whenever its process is killed, without a system call or a lock for each send. SIGKILL ends a thread between two
//! instructions: the stores before it are done, those after it never happen. So it is enough that the *stores are made in order*, which
//! atomic stores with the fences below are:
//!
//! - What is being sent and what input was consumed ([`Note`]) has two copies, and a counter of which the lowest bit says which copy
//!   is valid. An update writes the other copy and then counts up (`Release`: the copy isn't written after it). The next update begins
//!   with a fence (`Release`), so that no store to what was valid a moment ago comes before the count. Either the note of before or the
//!   new one is valid, and whole: an answer is noted together with the input that it answers, so neither is lost or there twice.
//! - The description never changes in its place: its successor is stored elsewhere, then a note names that, and then the place of
//!   the old one may be used again.
//! - Where input is read to is one word, which is stored before it is read (`input.rs`).
//! - A record is in use if its cookie isn't 0. The cookie is stored last when a connection joins, and first when it leaves.
//!
//! A thread that reads a record does so in the process that comes after, or in the one that writes it, in the thread that does so.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::fence;

use crate::arena::{Arena, Block, Piece};
use crate::facts::Facts;
use crate::free::End;
use crate::ledger::Shared;

/// Words of a record: two lines of the processor's cache.
pub(crate) const RECORD: usize = 16;

// Words within a record. Neither copy of the note is in both lines.
const COOKIE: usize = 0;
const COUNT: usize = 1;
const COPIES: [usize; 2] = [2, 8];
const INPUT: usize = 14;

/// Words of a note.
const NOTE: usize = 6;

/// A connection's record. Dropping it means that the connection is over; a process that is killed drops nothing.
#[derive(Debug)]
pub struct Record {
    shared: Arc<Shared>,
    number: u32,
    description: Option<Block>,
    /// What the next note says of the input, if that isn't what the last one says.
    prepared: Option<Prepared>,
}

/// So much of the input has led to this description.
#[derive(Debug)]
struct Prepared {
    consumed: u64,
    description: Block,
}

/// What is being sent: where the stream was before it, the bytes, and what comes after them. And what has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Note {
    /// How many bytes the socket had taken before.
    pub(crate) position: u64,
    /// The number of the next TLS record.
    pub(crate) sequence: u64,
    /// Exactly these bytes.
    pub(crate) bytes: Piece,
    /// A text that has to follow, and isn't sealed yet.
    pub(crate) text: Piece,
    /// How many bytes of input are consumed.
    pub(crate) consumed: u64,
    /// What they have led to.
    pub(crate) description: Piece,
}

impl Record {
    /// The number of the record, which no other one in use has.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The number of the socket that the record is of.
    #[must_use]
    pub fn cookie(&self) -> u64 {
        self.words()[COOKIE].load(Relaxed)
    }

    /// The description that was noted last.
    #[must_use]
    pub fn description(&self) -> Vec<u8> {
        self.shared.arena.read(self.note().description).unwrap_or_default()
    }

    /// Has the next note, of whatever is sent, say that so many bytes of input are consumed, since the connection was made, and
    /// have led to this description: a process that knows nothing of them can go on. If there is no room for it, the result is
    /// false, and nothing is prepared: a connection that has obeyed its input can't be continued then, and has to leave the ledger.
    #[must_use]
    pub fn prepare(&mut self, description: &[u8], consumed: u64) -> bool {
        self.prepared = self
            .shared
            .arena
            .store(description, End::High)
            .map(|description| Prepared { consumed, description });
        self.prepared.is_some()
    }

    /// Notes at once what is [prepared](Self::prepare), if anything is.
    pub fn settle(&mut self) {
        if self.prepared.is_some() {
            self.set(self.note());
        }
    }

    /// Notes what is about to be sent, after everything noted before has been taken: exactly `bytes`, and then `text`, which is to be
    /// sealed later. `sequence` is the number of the TLS record after `bytes`. Its blocks have to be kept until the
    /// socket has taken `bytes`, and `text` has been noted as bytes, or one of them is [retracted](Self::retract).
    pub fn begin(&mut self, bytes: Piece, text: Piece, sequence: u64) {
        let before = self.note();
        let position = before.position + before.bytes.len() as u64;
        self.set(Note { position, sequence, bytes, text, ..before });
    }

    /// Notes that nothing was taken of what was noted last, and nothing of it will be sent: it isn't sealed. To be called before its block
    /// is dropped.
    pub fn retract(&mut self) {
        self.set(Note { bytes: Piece::NOTHING, text: Piece::NOTHING, ..self.note() });
    }

    /// Where input is that isn't consumed, if any was read.
    pub(crate) fn input(&self) -> Piece {
        Piece::from_word(self.words()[INPUT].load(Relaxed))
    }

    /// Input that isn't consumed, and has yet to be read, is to be there.
    pub(crate) fn set_input(&mut self, piece: Piece) {
        self.words()[INPUT].store(piece.to_word(), Release);
        // Nor is it read before that.
        fence(Release);
    }

    pub(crate) fn arena(&self) -> &Arc<Arena> {
        &self.shared.arena
    }

    /// The note that is valid.
    pub(crate) fn note(&self) -> Note {
        let words = self.words();
        let copy = COPIES[usize::from(words[COUNT].load(Acquire) % 2 == 1)];
        let word = |number: usize| words[copy + number].load(Relaxed);
        Note {
            position: word(0),
            sequence: word(1),
            bytes: Piece::from_word(word(2)),
            text: Piece::from_word(word(3)),
            consumed: word(4),
            description: Piece::from_word(word(5)),
        }
    }

    /// Makes another note the valid one, with what is prepared.
    pub(crate) fn set(&mut self, mut note: Note) {
        let prepared = self.prepared.take();
        if let Some(Prepared { consumed, description }) = &prepared {
            (note.consumed, note.description) = (*consumed, description.whole());
        }
        self.write(&note);
        if let Some(Prepared { description, .. }) = prepared {
            // The count is stored before the place of the old one is used for anything else.
            fence(Release);
            self.description = Some(description);
        }
    }

    fn write(&self, note: &Note) {
        let words = self.words();
        let count = words[COUNT].load(Relaxed).wrapping_add(1);
        let copy = COPIES[usize::from(count % 2 == 1)];
        // After the count of the note that is valid.
        fence(Release);
        let Note { position, sequence, bytes, text, consumed, description } = *note;
        let values: [u64; NOTE] =
            [position, sequence, bytes.to_word(), text.to_word(), consumed, description.to_word()];
        for (number, value) in values.into_iter().enumerate() {
            words[copy + number].store(value, Relaxed);
        }
        words[COUNT].store(count, Release);
    }

    /// Makes a record that isn't in use one of a connection.
    pub(crate) fn begin_at(
        shared: Arc<Shared>,
        number: u32,
        facts: &Facts,
        sequence: u64,
        description: Block,
    ) -> Self {
        let piece = description.whole();
        let mut record = Self { shared, number, description: Some(description), prepared: None };
        record.set_input(Piece::NOTHING);
        record.set(Note {
            position: facts.taken,
            sequence,
            bytes: Piece::NOTHING,
            text: Piece::NOTHING,
            consumed: facts.read,
            description: piece,
        });
        record.words()[COOKIE].store(facts.cookie, Release);
        record
    }

    /// Whether the record that has these words is one of a connection.
    pub(crate) fn is_in_use(words: &[AtomicU64]) -> bool {
        words[COOKIE].load(Acquire) != 0
    }

    /// Takes a record of a process before this one, and its description's place; none, if there can't be one there.
    pub(crate) fn reclaim(shared: Arc<Shared>, number: u32) -> Option<Self> {
        let mut record = Self { shared, number, description: None, prepared: None };
        record.description = Some(record.shared.arena.reclaim(record.note().description)?);
        Some(record)
    }

    fn words(&self) -> &[AtomicU64] {
        self.shared.words(self.number)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.words()[COOKIE].store(0, Release);
        // Before the words, or those of the description, become another record's.
        fence(Release);
        self.description = None;
        self.shared.give_back(self.number);
    }
}
