//! What goes out in one write to each: the same bytes for all, less what somebody has caused themselves.

use std::ops::Range;

use bytes::Bytes;

use super::ViewerId;
use crate::delivery::websocket::frame;

/// Messages in the order in which they are to be read, each a frame.
#[derive(Default, Debug)]
pub(super) struct Batch {
    frames: Vec<u8>,
    /// Which of the bytes somebody is not to get. A few at most: a batch is bounded.
    own: Vec<(ViewerId, Range<usize>)>,
}

/// A batch that is whole.
#[derive(Debug)]
pub(super) struct Sealed {
    frames: Bytes,
    own: Vec<(ViewerId, Range<usize>)>,
}

impl Batch {
    /// Adds a frame, for all but the one who caused it.
    pub(super) fn add(&mut self, by: Option<ViewerId>, frame: &[u8]) {
        let start = self.frames.len();
        self.frames.extend_from_slice(frame);
        self.own.extend(by.map(|id| (id, start..self.frames.len())));
    }

    /// Adds a message, likewise.
    pub(super) fn add_text(&mut self, by: Option<ViewerId>, text: &str) {
        self.add(by, &frame::text(text));
    }

    pub(super) fn seal(self) -> Sealed {
        Sealed { frames: self.frames.into(), own: self.own }
    }
}

impl Sealed {
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
    fn everyone_gets_all_but_what_is_their_own() {
        let mut batch = Batch::default();
        for (by, frame) in [(None, "a"), (Some(1), "b"), (Some(2), "c"), (Some(1), "d")] {
            batch.add(by.map(ViewerId), frame.as_bytes());
        }
        let batch = batch.seal();
        for (id, wanted) in [(1, "ac"), (2, "abd"), (3, "abcd")] {
            assert_eq!(batch.of(ViewerId(id)), wanted);
        }
    }
}
