//! The bytes that a slow client still has to get: the rest of one write, its own replies, and then
//! the newest update of each subscription that missed one.

use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use serde::{Deserialize, Serialize};

use super::base64::Base64;
use super::kept::Kept;
use super::socket::{Gone, Rest};

/// How many bytes of replies may wait for a page that sends messages and doesn't read.
const MAX_REPLIES: usize = 16 * 1024;

pub(super) struct Unsent {
    /// The rest of a write that has begun.
    rest: Rest,
    /// Replies to this page alone, which come after that.
    replies: Vec<u8>,
    /// Subscriptions with an update since, a bit each: their newest will do.
    missed: u64,
    /// When the socket last took something.
    since: Instant,
    /// Whether it is this connection's alone, as what is sealed for it.
    is_own: bool,
    kept: Kept,
}

impl Unsent {
    /// Nothing yet, of a connection that seals what it sends, or doesn't.
    pub(super) fn new(seals: bool) -> Self {
        let (rest, replies, kept) = (Rest::default(), Vec::new(), Kept::default());
        Self { rest, replies, missed: 0, since: Instant::now(), is_own: seals, kept }
    }

    /// The rest of a write that has begun.
    pub(super) fn rest(rest: Rest, seals: bool) -> Self {
        let mut unsent = Self { rest, ..Self::new(seals) };
        unsent.count();
        unsent
    }

    /// The subscription in `slot` has an update.
    pub(super) fn miss(&mut self, slot: u8) {
        self.missed |= 1 << slot;
    }

    /// Appends a reply.
    ///
    /// # Errors
    /// [`Gone`], if too many bytes of them wait.
    pub(super) fn reply(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.replies.extend_from_slice(bytes);
        self.count();
        if self.replies.len() > MAX_REPLIES { Err(Gone) } else { Ok(()) }
    }

    /// The bytes to write next. `newest` makes the text of a subscription, which may be over; `begin` takes the beginning of a
    /// text as bytes to be sent, all of it or a record. Empty if there are none left.
    ///
    /// # Errors
    /// That of `begin`.
    pub(super) fn next(
        &mut self,
        mut newest: impl FnMut(u8) -> Bytes,
        mut begin: impl FnMut(&mut Bytes) -> Result<Bytes, Gone>,
    ) -> Result<&[u8], Gone> {
        while self.rest.begun.is_empty() {
            if !self.replies.is_empty() {
                self.rest.text = self.text().into();
                self.replies = Vec::new();
            }
            if !self.rest.text.is_empty() {
                self.rest.begun = begin(&mut self.rest.text)?;
            } else if self.missed != 0 {
                let slot = self.missed.trailing_zeros();
                self.missed &= !(1 << slot);
                self.rest.text = newest(slot as u8);
            } else {
                break;
            }
        }
        self.count();
        Ok(&self.rest.begun)
    }

    /// All that has to be sent: the rest of the write that has begun, and the text after it.
    pub(super) fn all(&self) -> (&[u8], Vec<u8>) {
        (&self.rest.begun, self.text())
    }

    /// What comes after the write that has begun, with the replies.
    fn text(&self) -> Vec<u8> {
        [&self.rest.text, &self.replies[..]].concat()
    }

    /// The socket took so many of those bytes.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.rest.begun.advance(bytes);
        self.since = Instant::now();
    }

    /// Counts the bytes that are this connection's own; those of frames are shared, as long as they aren't sealed.
    fn count(&mut self) {
        let own = if self.is_own { self.rest.begun.len() + self.rest.text.len() } else { 0 };
        self.kept.set(own + self.replies.len());
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// Whether the socket has taken nothing for longer than `time`.
    pub(super) fn is_older_than(&self, time: Duration, now: Instant) -> bool {
        now.duration_since(self.since) > time
    }
}

/// Unsent bytes, as they are written down for another process.
#[derive(Serialize, Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct UnsentRecord {
    begun: Base64,
    text: Base64,
    replies: Base64,
    missed: u64,
}

impl UnsentRecord {
    /// The rest of a write.
    pub(super) fn rest(begun: &[u8], text: &[u8]) -> Self {
        Self { begun: Base64::of(begun), text: Base64::of(text), ..Self::default() }
    }
}

impl Unsent {
    pub(super) fn record(&self) -> UnsentRecord {
        let [begun, text] = [&self.rest.begun, &self.rest.text].map(|bytes| Base64::of(bytes));
        UnsentRecord { begun, text, replies: Base64::of(&self.replies), missed: self.missed }
    }

    pub(super) fn from_record(record: UnsentRecord, seals: bool) -> Self {
        let UnsentRecord { begun, text, replies, missed } = record;
        let rest = Rest { begun: begun.into_vec().into(), text: text.into_vec().into() };
        let mut unsent = Self { rest, replies: replies.into_vec(), missed, ..Self::new(seals) };
        unsent.count();
        unsent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_goes_first_then_replies_then_the_newest() {
        let mut unsent = Unsent::rest(Rest { begun: "re".into(), text: "st".into() }, true);
        unsent.miss(3);
        unsent.reply(b"one").unwrap();
        unsent.miss(0);
        unsent.reply(b"two").unwrap();
        let mut sent = Vec::new();
        loop {
            let newest = |slot| format!("<{slot}>").into();
            let next = unsent.next(newest, |text| Ok(std::mem::take(text))).unwrap();
            if next.is_empty() {
                break;
            }
            sent.push(next[0]);
            unsent.advance(1);
        }
        assert_eq!(String::from_utf8(sent).unwrap(), "restonetwo<0><3>");
    }

    #[test]
    fn all_that_has_to_be_sent_is_known_when_a_part_of_it_begins() {
        let mut unsent = Unsent::rest(Rest { begun: "re".into(), text: "st".into() }, true);
        unsent.reply(b"one").unwrap();
        assert_eq!(unsent.all(), (&b"re"[..], b"stone".to_vec()));
        unsent.advance(2);
        let mut begin = |text: &mut Bytes| {
            assert_eq!(text, "stone");
            Ok(text.split_to(1))
        };
        assert_eq!(unsent.next(|_| Bytes::new(), &mut begin).unwrap(), b"s");
        assert_eq!(unsent.all(), (&b"s"[..], b"tone".to_vec()));
    }

    #[test]
    fn replies_are_bounded() {
        let mut unsent = Unsent::new(false);
        assert!((0..16).all(|_| unsent.reply(&[0; 1024]).is_ok()));
        assert!(unsent.reply(b"x").is_err());
    }
}
