//! The pictures in a multipart stream, each as soon as a browser would show it.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The longest picture, in bytes, with what comes before it.
const MAX_PART: usize = 4 << 20;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Reads the stream in whatever pieces it comes.
#[derive(Default)]
pub(super) struct Pictures {
    kept: Vec<u8>,
}

/// What a stream has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// A picture, by the hash of its bytes.
    Picture(u64),
    /// The end, in order.
    Closing,
}

impl Pictures {
    /// Adds bytes as they came.
    ///
    /// # Errors
    /// A sentence, if that can't be a stream of pictures.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        self.kept.extend_from_slice(bytes);
        if self.kept.len() > MAX_PART {
            Err("a part of the stream is too long for a picture")
        } else {
            Ok(())
        }
    }

    /// The next part. A picture counts when the head of the next part is there too: Chromium and WebKit show it only then.
    pub(super) fn next_part(&mut self) -> Option<Part> {
        let Some(start) = find(&self.kept, SIGNATURE) else {
            let is_end = self.kept.starts_with(b"--frame--");
            if is_end {
                self.kept.clear();
            }
            return is_end.then_some(Part::Closing);
        };
        let end = start + png_length(&self.kept[start..])?;
        let rest = &self.kept[end..];
        let is_last = rest.starts_with(b"\r\n--frame--");
        if !is_last && find(rest, b"\r\n\r\n").is_none() {
            return None;
        }
        let mut hash = DefaultHasher::new();
        self.kept[start..end].hash(&mut hash);
        // The next part's head stays, and is skipped with the bytes before the next picture.
        self.kept.drain(..(end + 2).min(self.kept.len()));
        Some(Part::Picture(hash.finish()))
    }
}

/// The length of the PNG that `bytes` begin with, once it is complete: chunks of length, type, data and checksum up to IEND.
fn png_length(bytes: &[u8]) -> Option<usize> {
    let mut at = SIGNATURE.len();
    loop {
        let head = bytes.get(at..at + 8)?;
        let length = u32::from_be_bytes(*head.first_chunk()?) as usize;
        at = at.checked_add(length)?.checked_add(12)?;
        if &head[4..] == b"IEND" {
            return (at <= bytes.len()).then_some(at);
        }
    }
}

pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use onlookers_picture::{Style, Value, render};

    use super::*;
    use crate::wire::multipart;

    #[test]
    fn pictures_are_found_in_pieces_of_any_size() {
        let png = |count| render(&Style::default(), Value::Count(count)).encode().to_vec();
        let stream =
            [b"--frame\r\nX-Pad: \r\n\r\n", &multipart::frame(&png(1))[..], &multipart::closing(&png(2))]
                .concat();
        for size in [1, 7, 100, stream.len()] {
            let (mut pictures, mut found) = (Pictures::default(), vec![]);
            for piece in stream.chunks(size) {
                pictures.feed(piece).unwrap();
                found.extend(std::iter::from_fn(|| pictures.next_part()));
            }
            assert!(
                matches!(found[..], [Part::Picture(one), Part::Picture(two), Part::Closing] if one != two)
            );
        }
    }

    #[test]
    fn a_picture_counts_with_the_head_of_the_next_part() {
        let png = render(&Style::default(), Value::Count(1)).encode().to_vec();
        let mut pictures = Pictures::default();
        pictures.feed(&png).unwrap();
        pictures.feed(b"\r\n--frame\r\nContent-Type: image/png\r\n").unwrap();
        assert_eq!(pictures.next_part(), None);
        pictures.feed(b"\r\n").unwrap();
        assert!(matches!(pictures.next_part(), Some(Part::Picture(_))));
        assert_eq!(pictures.next_part(), None);
    }

    #[test]
    fn lengths_that_lie_are_no_picture() {
        let mut pictures = Pictures::default();
        pictures.feed(&[SIGNATURE, &[0xff; 100]].concat()).unwrap();
        assert_eq!(pictures.next_part(), None);
        assert!(pictures.feed(&vec![0; MAX_PART]).is_err());
    }
}
