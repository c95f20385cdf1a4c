//! The bytes that a slow client still has to get: the rest of one write, its own replies, and then
//! the newest update of each subscription that missed one.

use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};

use super::socket::Gone;

/// How many bytes of replies may wait for a page that sends messages and doesn't read.
const MAX_REPLIES: usize = 16 * 1024;

pub(super) struct Unsent {
    /// The rest of a write that has begun.
    rest: Bytes,
    /// Replies to this page alone, which come after that.
    replies: Vec<u8>,
    /// Subscriptions with an update since, a bit each: their newest will do.
    missed: u64,
    /// When the socket last took something.
    since: Instant,
}

impl Unsent {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self { rest: Bytes::new(), replies: Vec::new(), missed: 0, since: Instant::now() }
    }

    /// The rest of a write that has begun.
    pub(super) fn rest(rest: Bytes) -> Self {
        Self { rest, ..Self::new() }
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
        if self.replies.len() > MAX_REPLIES { Err(Gone) } else { Ok(()) }
    }

    /// The bytes to write next; `newest` makes those of a subscription, which may be over. Empty if there are none left.
    pub(super) fn next(&mut self, mut newest: impl FnMut(u8) -> Bytes) -> &[u8] {
        while self.rest.is_empty() {
            if !self.replies.is_empty() {
                self.rest = std::mem::take(&mut self.replies).into();
            } else if self.missed != 0 {
                let slot = self.missed.trailing_zeros();
                self.missed &= !(1 << slot);
                self.rest = newest(slot as u8);
            } else {
                break;
            }
        }
        &self.rest
    }

    /// The socket took so many of those bytes.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.rest.advance(bytes);
        self.since = Instant::now();
    }

    /// Whether the socket has taken nothing for longer than `time`.
    pub(super) fn is_older_than(&self, time: Duration, now: Instant) -> bool {
        now.duration_since(self.since) > time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_goes_first_then_replies_then_the_newest() {
        let mut unsent = Unsent::rest("rest".into());
        unsent.miss(3);
        unsent.reply(b"one").unwrap();
        unsent.miss(0);
        unsent.reply(b"two").unwrap();
        let mut sent = Vec::new();
        loop {
            let next = unsent.next(|slot| format!("<{slot}>").into());
            if next.is_empty() {
                break;
            }
            sent.push(next[0]);
            unsent.advance(1);
        }
        assert_eq!(String::from_utf8(sent).unwrap(), "restonetwo<0><3>");
    }

    #[test]
    fn replies_are_bounded() {
        let mut unsent = Unsent::new();
        assert!((0..16).all(|_| unsent.reply(&[0; 1024]).is_ok()));
        assert!(unsent.reply(b"x").is_err());
    }
}
