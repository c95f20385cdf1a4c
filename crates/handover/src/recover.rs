//! How a connection goes on after its process was killed.

use crate::arena::{Block, Piece};
use crate::facts::Facts;
use crate::free::End;
use crate::record::{Note, Record};

/// What has to be sent before anything else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Missing {
    /// Nothing: the socket has taken all that was begun.
    Nothing,
    /// Exactly these bytes.
    Bytes(Vec<u8>),
    /// Nobody knows: the connection can't go on, and has to be closed.
    Lost,
}

/// How a connection goes on.
#[derive(Debug)]
pub struct Recovered {
    /// What has to be sent before anything else.
    pub missing: Missing,
    /// What has to be sent after that; on a connection with TLS it is not sealed yet.
    pub text: Vec<u8>,
    /// What was read and is not consumed: it has to be obeyed, as if it came now.
    pub input: Vec<u8>,
    /// The number of the next TLS record. None with that number was ever sent, nor is one among the missing bytes.
    pub sequence: u64,
    /// Where the missing bytes and the text are in the ledger, which has noted them as begun: to be kept until they are sent. None,
    /// if there are none, or there was no room.
    pub kept: Option<Kept>,
}

/// Bytes that a record has noted as begun.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Where they are.
    pub block: Block,
    /// The text after the missing bytes.
    pub text: Piece,
}

impl Record {
    /// Finds out what is missing on the connection, whose socket the kernel says these facts of. Then the ledger says the same, so that it may
    /// be asked once more, by a process after this one. The process that wrote the record must have ended.
    #[must_use]
    pub fn recover(&mut self, facts: &Facts) -> Recovered {
        let note = self.note();
        let Some(((bytes, text), input)) = self.rest(&note, facts).zip(self.unconsumed(&note, facts)) else {
            return Recovered {
                missing: Missing::Lost,
                text: Vec::new(),
                input: Vec::new(),
                sequence: note.sequence,
                kept: None,
            };
        };
        let kept = self.keep(facts.taken, &bytes, &text);
        let missing = if bytes.is_empty() { Missing::Nothing } else { Missing::Bytes(bytes) };
        Recovered { missing, text, input, sequence: note.sequence, kept }
    }

    /// What the socket hasn't taken, if it is known.
    fn rest(&self, note: &Note, facts: &Facts) -> Option<(Vec<u8>, Vec<u8>)> {
        if facts.cookie != self.cookie() {
            return None;
        }
        let taken = facts.taken.checked_sub(note.position)?;
        let taken = usize::try_from(taken).ok().filter(|taken| *taken <= note.bytes.len())?;
        Some((self.bytes(note.bytes.after(taken))?, self.bytes(note.text)?))
    }

    /// What was read after everything that is consumed, if it is known.
    fn unconsumed(&self, note: &Note, facts: &Facts) -> Option<Vec<u8>> {
        let length = usize::try_from(facts.read.checked_sub(note.consumed)?).ok()?;
        self.bytes(self.input().first(length)?)
    }

    fn bytes(&self, piece: Piece) -> Option<Vec<u8>> {
        match (piece.is_empty(), piece.is_known()) {
            (true, _) => Some(Vec::new()),
            (_, true) => self.arena().read(piece),
            _ => None,
        }
    }

    /// Stores what is left in a place of its own, and notes that. What was noted before stays where it is until then.
    pub(crate) fn keep(&mut self, position: u64, bytes: &[u8], text: &[u8]) -> Option<Kept> {
        let is_empty = bytes.is_empty() && text.is_empty();
        let block = (!is_empty).then(|| self.arena().store(&[bytes, text].concat(), End::Low)).flatten();
        let (first, second) = match &block {
            Some(block) => (block.piece(0..bytes.len()), block.piece(bytes.len()..bytes.len() + text.len())),
            None => (Piece::unknown(bytes.len()), Piece::unknown(text.len())),
        };
        self.set(Note { position, bytes: first, text: second, ..self.note() });
        block.map(|block| Kept { block, text: second })
    }
}
