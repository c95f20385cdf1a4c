//! A batch: what goes out to the members of a group in one write each.

use std::ops::Range;

use bytes::Bytes;
use onlookers_rooms::ViewerId;

use crate::wire::frame;

/// Messages for all members: the same bytes, except for a few members who get less.
pub struct Batch {
    number: u32,
    bytes: Bytes,
    /// The bytes of each member that is left out of some message, sorted by id. A few at most: a batch is bounded.
    exceptions: Vec<(ViewerId, Bytes)>,
}

/// A batch that is being put together.
#[derive(Default)]
pub(super) struct BatchBuilder {
    frames: Vec<u8>,
    /// Which bytes a member is not to get.
    left_out: Vec<(ViewerId, Range<usize>)>,
}

impl BatchBuilder {
    /// Adds a frame for all members except for those who know it already: the one that caused it, say.
    pub(super) fn add(&mut self, except: impl IntoIterator<Item = ViewerId>, frame: &[u8]) {
        let start = self.frames.len();
        self.frames.extend_from_slice(frame);
        let range = start..self.frames.len();
        self.left_out.extend(except.into_iter().map(|id| (id, range.clone())));
    }

    /// Adds a text message, likewise.
    pub(super) fn add_text(&mut self, except: Option<ViewerId>, text: &str) {
        self.add(except, &frame::text(text));
    }

    /// How many bytes it has so far.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// The batch; none if there is nothing in it.
    pub(super) fn build(mut self, number: u32) -> Option<Batch> {
        // Stable, so that the ranges of each member stay in order.
        self.left_out.sort_by_key(|(id, _)| *id);
        let members = self.left_out.chunk_by(|one, other| one.0 == other.0);
        let exceptions = members.map(|ranges| (ranges[0].0, without(&self.frames, ranges))).collect();
        (!self.frames.is_empty()).then(|| Batch { number, bytes: self.frames.into(), exceptions })
    }
}

/// `bytes` without these ranges.
fn without(bytes: &[u8], ranges: &[(ViewerId, Range<usize>)]) -> Bytes {
    let mut rest = Vec::with_capacity(bytes.len());
    let mut start = 0;
    for (_, left_out) in ranges {
        rest.extend_from_slice(&bytes[start..left_out.start]);
        start = left_out.end;
    }
    rest.extend_from_slice(&bytes[start..]);
    rest.into()
}

impl Batch {
    /// The bytes for the member `id`, which has everything up to the batch with number `since`: none if there is nothing
    /// new for it.
    pub(crate) fn bytes_for(&self, id: ViewerId, since: u32) -> Option<&Bytes> {
        // Numbers begin again at zero after 2^32.
        let is_new = self.number.wrapping_sub(since) as i32 > 0;
        let bytes = match self.exceptions.binary_search_by_key(&id, |(except, _)| *except) {
            Ok(at) => &self.exceptions[at].1,
            Err(_) => &self.bytes,
        };
        (is_new && !bytes.is_empty()).then_some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_gets_no_batch_from_before_it_came() {
        let batch = |number| {
            let mut batch = BatchBuilder::default();
            batch.add(None, b"a");
            batch.build(number).unwrap()
        };
        let is_new = |number, since| batch(number).bytes_for(ViewerId::new(1), since).is_some();
        assert!(is_new(8, 7) && is_new(1, u32::MAX));
        assert!(!is_new(7, 7) && !is_new(u32::MAX, 1));
    }

    #[test]
    fn everyone_gets_all_but_what_they_caused() {
        let mut batch = BatchBuilder::default();
        for (by, frame) in [(None, "a"), (Some(1), "b"), (Some(2), "c"), (Some(1), "d")] {
            batch.add(by.map(ViewerId::new), frame.as_bytes());
        }
        let batch = batch.build(1).unwrap();
        for (id, wanted) in [(1, "ac"), (2, "abd"), (3, "abcd")] {
            assert_eq!(batch.bytes_for(ViewerId::new(id), 0).unwrap(), wanted);
        }
    }

    #[test]
    fn an_empty_batch_is_none() {
        assert!(BatchBuilder::default().build(1).is_none());
    }
}
