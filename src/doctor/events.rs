//! The events in a stream of server-sent events.

use super::ask::hash;
use super::picture::{Part, find};
use crate::wire::events::CLOSING;

/// The longest event, in bytes.
const MAX_EVENT: usize = 64 * 1024;

/// Reads the stream in whatever pieces it comes.
#[derive(Default)]
pub(super) struct Events {
    kept: Vec<u8>,
}

impl Events {
    /// Adds bytes as they came.
    ///
    /// # Errors
    /// A sentence, if that can't be a stream of events.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        self.kept.extend_from_slice(bytes);
        if self.kept.len() > MAX_EVENT { Err("an event is too long") } else { Ok(()) }
    }

    /// The next event with data, by the hash of that; comments are skipped.
    pub(super) fn next_event(&mut self) -> Option<Part> {
        while let Some(end) = find(&self.kept, b"\n\n") {
            let block: Vec<u8> = self.kept.drain(..end + 2).collect();
            if block == CLOSING {
                return Some(Part::Closing);
            }
            if let Some(data) = block.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"data:")) {
                return Some(Part::Picture(hash(data)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_and_comments_are_skipped() {
        let stream =
            b"retry: 2000\n\nid: 1\nevent: count\ndata: {}\n\n:\n\nid: 2\ndata: {}\n\n: the server stops\n\n";
        for size in [1, 5, stream.len()] {
            let (mut events, mut found) = (Events::default(), vec![]);
            for piece in stream.chunks(size) {
                events.feed(piece).unwrap();
                found.extend(std::iter::from_fn(|| events.next_event()));
            }
            let one = Part::Picture(hash(b"data: {}"));
            assert_eq!(found, [one, one, Part::Closing]);
        }
        assert!(Events::default().feed(&[b'x'; MAX_EVENT + 1]).is_err());
    }
}
