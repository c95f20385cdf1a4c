//! What goes out in one write to each: the same bytes for all, less what somebody has caused themselves.

use std::ops::Range;

use bytes::Bytes;

use super::ViewerId;
use crate::delivery::websocket::frame;

/// Messages in the order in which they are to be read, each a frame.
#[derive(Default, Debug)]
pub(super) struct Batch {
    /// Which of those it is that tell how the room is; who came after it knows that already.
    pub(super) number: Option<u32>,
    frames: Vec<u8>,
    /// Which of the bytes somebody is not to get. A few at most: a batch is bounded.
    own: Vec<(ViewerId, Range<usize>)>,
}

/// A batch that is whole.
#[derive(Debug)]
pub(super) struct Sealed {
    number: Option<u32>,
    frames: Bytes,
    own: Vec<(ViewerId, Range<usize>)>,
}

impl Batch {
    /// Adds a frame, for all but the few who know of it already: the one who caused it, say.
    pub(super) fn add(&mut self, knowing: impl IntoIterator<Item = ViewerId>, frame: &[u8]) {
        let start = self.frames.len();
        self.frames.extend_from_slice(frame);
        let range = start..self.frames.len();
        self.own.extend(knowing.into_iter().map(|id| (id, range.clone())));
    }

    /// Adds a message, likewise.
    pub(super) fn add_text(&mut self, by: Option<ViewerId>, text: &str) {
        self.add(by, &frame::text(text));
    }

    pub(super) fn seal(self) -> Sealed {
        Sealed { number: self.number, frames: self.frames.into(), own: self.own }
    }
}

impl Sealed {
    /// Whether somebody who came behind the batch with that number is to get this one.
    pub(super) fn is_news_since(&self, since: u32) -> bool {
        // Numbers begin anew after 2^32.
        self.number.is_none_or(|number| number.wrapping_sub(since) as i32 > 0)
    }

    /// What `id` is to get of it; empty, if that is nothing.
    pub(super) fn of(&self, id: ViewerId) -> Bytes {
        if self.own.iter().all(|(by, _)| *by != id) {
            return self.frames.clone();
        }
        let mut rest = Vec::with_capacity(self.frames.len());
        let mut start = 0;
        for (_, own) in self.own.iter().filter(|(by, _)| *by == id) {
            rest.extend_from_slice(&self.frames[start..own.start]);
            start = own.end;
        }
        rest.extend_from_slice(&self.frames[start..]);
        rest.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_behind_a_batch_is_spared_it() {
        let batch = |number| Batch { number, ..Batch::default() }.seal();
        assert!(batch(Some(8)).is_news_since(7) && batch(Some(1)).is_news_since(u32::MAX));
        assert!(!batch(Some(7)).is_news_since(7) && !batch(Some(u32::MAX)).is_news_since(1));
        assert!(batch(None).is_news_since(7));
    }

    #[test]
    fn everyone_gets_all_but_what_is_their_own() {
        let mut batch = Batch::default();
        for (by, frame) in [(None, "a"), (Some(1), "b"), (Some(2), "c"), (Some(1), "d")] {
            batch.add(by.map(ViewerId::new), frame.as_bytes());
        }
        let batch = batch.seal();
        for (id, wanted) in [(1, "ac"), (2, "abd"), (3, "abcd")] {
            assert_eq!(batch.of(ViewerId::new(id)), wanted);
        }
    }
}
