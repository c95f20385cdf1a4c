//! What is left of a write that the socket hasn't taken whole, while the process lives.

use crate::arena::{Block, Piece};
use crate::free::End;
use crate::record::Record;
use crate::recover::Kept;

impl Record {
    /// Stores bytes that are to be sent. None, if there is no room.
    #[must_use]
    pub fn store(&self, bytes: &[u8]) -> Option<Block> {
        self.arena().store(bytes, End::Low)
    }

    /// Notes that of what was noted last only these bytes are left, the last ones, and then `text`: the text that was noted, or what
    /// is left of bytes that need no sealing. What the result has is to be [kept](Kept) until they are sent, and the block of before
    /// needn't be for this connection; without room, there is none, and a process that comes after can't go on.
    pub fn keep_rest(&mut self, bytes: &[u8], text: &[u8]) -> Option<Kept> {
        let note = self.note();
        let (noted, left) = (note.bytes.len() + note.text.len(), bytes.len() + text.len());
        let position = note.position + noted.saturating_sub(left) as u64;
        self.keep(position, bytes, text)
    }

    /// Notes all that is to be sent, after a write that wasn't taken whole: of the bytes that were noted last only these are left, the
    /// last ones, and after them comes `text`, of which any part may be new. The result is as above.
    pub fn keep_all(&mut self, bytes: &[u8], text: &[u8]) -> Option<Kept> {
        let note = self.note();
        let taken = note.bytes.len().saturating_sub(bytes.len());
        self.keep(note.position + taken as u64, bytes, text)
    }

    /// Notes bytes that have a block of their own, as [`begin`](Self::begin) does. Without room they are noted as unknown.
    pub fn begin_own(&mut self, bytes: &[u8], text: &[u8], sequence: u64) -> Option<Block> {
        let block = self.arena().store(&[bytes, text].concat(), End::Low);
        let (first, second) = match &block {
            Some(block) => (block.piece(0..bytes.len()), block.piece(bytes.len()..bytes.len() + text.len())),
            None => (Piece::unknown(bytes.len()), Piece::unknown(text.len())),
        };
        self.begin(first, second, sequence);
        block
    }
}
