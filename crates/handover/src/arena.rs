//! Bytes in the shared memory: descriptions of connections, and what is being sent on them.
//!
//! Which parts are in use is nowhere in the memory: all of them belong to a [`Block`] of this process. The next process sees it by
//! the records, which say where their bytes are.

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::free::{End, Extent, Free, UNIT};
use crate::memory::Memory;

/// The most bytes of an arena: so many can be numbered.
pub(crate) const MAX_BYTES: usize = 1 << 31;

const WORD: usize = size_of::<u64>();

/// A part of the memory, given away in blocks.
#[derive(Debug)]
pub(crate) struct Arena {
    memory: Arc<Memory>,
    /// Its words in the memory.
    words: Range<usize>,
    free: Mutex<Free>,
}

/// Bytes in the shared memory, which stay there until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Block(Arc<Owned>);

#[derive(Debug)]
struct Owned {
    arena: Arc<Arena>,
    extent: Extent,
    bytes: u32,
    /// Whether it is wiped at its end, because there are keys in it.
    is_secret: bool,
}

/// Some bytes of a [`Block`]. A record that names them doesn't keep them there: the block has to be kept until the socket has
/// taken them all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    start: u32,
    bytes: u32,
}

impl Arena {
    pub(crate) fn new(memory: Arc<Memory>, words: Range<usize>) -> Self {
        let units = words.len() * WORD / UNIT;
        Self { memory, words, free: Mutex::new(Free::new(units as u32)) }
    }

    /// Stores bytes, if there is room for them.
    pub(crate) fn store(self: &Arc<Self>, bytes: &[u8], from: End) -> Option<Block> {
        let units = u32::try_from(bytes.len().div_ceil(UNIT).max(1)).ok()?;
        let extent = self.free().take(units, from)?;
        let block = self.block(extent, bytes.len() as u32, from == End::High);
        let words = self.words_of(extent);
        let (whole, rest) = bytes.as_chunks::<WORD>();
        for (word, bytes) in words.iter().zip(whole) {
            word.store(u64::from_ne_bytes(*bytes), Relaxed);
        }
        if !rest.is_empty() {
            let mut padded = [0; WORD];
            padded[..rest.len()].copy_from_slice(rest);
            words[whole.len()].store(u64::from_ne_bytes(padded), Relaxed);
        }
        Some(block)
    }

    /// The bytes of a piece; none, if the arena has no such bytes.
    pub(crate) fn read(&self, piece: Piece) -> Option<Vec<u8>> {
        let (start, bytes) = (piece.start as usize, piece.bytes as usize);
        let words = start / WORD..(start + bytes).div_ceil(WORD);
        let words = self.memory[self.words.clone()].get(words)?;
        let mut read = Vec::with_capacity(words.len() * WORD);
        for word in words {
            read.extend_from_slice(&word.load(Relaxed).to_ne_bytes());
        }
        read.drain(..start % WORD);
        read.truncate(bytes);
        Some(read)
    }

    /// Has the system read from a socket to the place of these bytes. Returns how many came.
    fn receive(&self, piece: Piece, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let start = self.words.start * WORD + piece.start as usize;
        self.memory.receive(start..start + piece.len(), socket)
    }

    /// Takes what is free of the bytes, as they are.
    pub(crate) fn hold(self: &Arc<Self>, piece: Piece) -> Vec<Block> {
        let wanted = Extent::of_bytes(piece.start as usize, piece.bytes as usize);
        let taken = self.free().take_of(wanted);
        taken.into_iter().map(|extent| self.block(extent, extent.units * UNIT as u32, false)).collect()
    }

    /// Takes the bytes back that a process before this one had in a block of their own; none, if that can't be so.
    pub(crate) fn reclaim(self: &Arc<Self>, piece: Piece) -> Option<Block> {
        let mut free = self.free();
        let wanted = Extent::of_bytes(piece.start as usize, piece.bytes as usize);
        let taken = free.take_of(wanted);
        if taken == [wanted] && (piece.start as usize).is_multiple_of(UNIT) {
            return Some(self.block(wanted, piece.bytes, true));
        }
        taken.into_iter().for_each(|extent| free.give(extent));
        None
    }

    fn block(self: &Arc<Self>, extent: Extent, bytes: u32, is_secret: bool) -> Block {
        Block(Arc::new(Owned { arena: Arc::clone(self), extent, bytes, is_secret }))
    }

    fn words_of(&self, extent: Extent) -> &[AtomicU64] {
        let start = extent.start as usize * UNIT / WORD;
        let words = &self.memory[self.words.clone()];
        &words[start..start + extent.units as usize * UNIT / WORD]
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        // Nothing panics while it is locked.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Block {
    /// All bytes of the block.
    #[must_use]
    pub fn whole(&self) -> Piece {
        Piece { start: self.0.extent.start * UNIT as u32, bytes: self.0.bytes }
    }

    /// Reads from a socket to the place of some of its bytes, and from there to `into`. Returns how many came.
    pub(crate) fn receive(
        &self,
        range: Range<usize>,
        socket: BorrowedFd<'_>,
        into: &mut [u8],
    ) -> io::Result<usize> {
        let (arena, piece) = (&self.0.arena, self.piece(range));
        let length = arena.receive(piece, socket)?;
        let bytes = piece.first(length).and_then(|piece| arena.read(piece)).unwrap_or_default();
        into[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// Some bytes of the block.
    ///
    /// # Panics
    /// If it has fewer.
    #[must_use]
    pub fn piece(&self, range: Range<usize>) -> Piece {
        let whole = self.whole();
        assert!(range.start <= range.end && range.end <= whole.bytes as usize, "a block has no such bytes");
        // No more than the arena has, which fits.
        Piece { start: whole.start + range.start as u32, bytes: (range.end - range.start) as u32 }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.is_secret {
            self.arena.words_of(self.extent).iter().for_each(|word| word.store(0, Relaxed));
        }
        self.arena.free().give(self.extent);
    }
}

impl Piece {
    /// Where bytes are that are nowhere, because there was no room.
    const NOWHERE: u32 = u32::MAX;

    /// No bytes.
    pub const NOTHING: Self = Self { start: 0, bytes: 0 };

    /// Bytes of which only the number is known: if the process dies before they are sent, the connection can't go on.
    ///
    /// # Panics
    /// If there are 4 GiB of them.
    #[must_use]
    pub fn unknown(bytes: usize) -> Self {
        assert!(u32::try_from(bytes).is_ok(), "a write of 4 GiB");
        Self { start: Self::NOWHERE, bytes: bytes as u32 }
    }

    /// How many bytes it is.
    #[must_use]
    pub fn len(self) -> usize {
        self.bytes as usize
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.bytes == 0
    }

    pub(crate) fn is_known(self) -> bool {
        self.is_empty() || self.start != Self::NOWHERE
    }

    /// The piece without its first bytes.
    #[must_use]
    pub fn after(self, bytes: usize) -> Self {
        // No more bytes than there are, which fits.
        let bytes = self.len().min(bytes) as u32;
        Self { start: self.start.saturating_add(bytes), bytes: self.bytes - bytes }
    }

    /// So many of its first bytes, if it has as many.
    pub(crate) fn first(self, bytes: usize) -> Option<Self> {
        // No more bytes than there are, which fits.
        (bytes <= self.len()).then_some(Self { bytes: bytes as u32, ..self })
    }

    pub(crate) fn to_word(self) -> u64 {
        u64::from(self.start) << 32 | u64::from(self.bytes)
    }

    pub(crate) fn from_word(word: u64) -> Self {
        Self { start: (word >> 32) as u32, bytes: word as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arena(words: usize) -> Arc<Arena> {
        Arc::new(Arena::new(Arc::new(Memory::create(words + 8).unwrap()), 8..words + 8))
    }

    #[test]
    fn bytes_stay_as_long_as_their_block() {
        let arena = arena(64);
        let text: Vec<u8> = (0..100).collect();
        let block = arena.store(&text, End::Low).unwrap();
        let other = arena.store(b"other", End::Low).unwrap();
        assert_eq!(arena.read(block.whole()).unwrap(), text);
        assert_eq!(arena.read(block.piece(13..61)).unwrap(), &text[13..61]);
        assert_eq!(arena.read(other.whole()).unwrap(), b"other");
        assert!(arena.store(&[0; 400], End::Low).is_none());
        let clone = block.clone();
        drop((block, other));
        assert!(arena.store(&[0; 400], End::Low).is_none());
        drop(clone);
        assert!(arena.store(&[0; 512], End::Low).is_some());
    }

    #[test]
    fn secrets_are_wiped() {
        let arena = arena(64);
        let block = arena.store(b"a key", End::High).unwrap();
        let piece = block.whole();
        drop(block);
        assert_eq!(arena.read(piece).unwrap(), [0; 5]);
    }

    #[test]
    fn pieces_that_can_not_be_are_not_read() {
        let arena = arena(64);
        for piece in [Piece { start: 500, bytes: 13 }, Piece { start: u32::MAX, bytes: u32::MAX }] {
            assert_eq!(arena.read(piece), None);
        }
        let block = arena.store(&[1; 100], End::High).unwrap();
        assert!(arena.reclaim(block.whole()).is_none());
        let piece = block.whole();
        drop(block);
        assert!(arena.reclaim(piece.after(1)).is_none());
        assert!(arena.reclaim(piece).is_some_and(|block| block.whole() == piece));
    }
}
