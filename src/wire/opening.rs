//! What comes before the first frame of a stream; it goes out together with that.

use super::head::is_of_connection;
use super::{events, multipart};

/// The head of a stream's response, and what else comes before the first frame.
///
/// A head that differs from client to client is written only when it goes out: in a burst, thousands of connections wait
/// for their event loop.
#[derive(Debug)]
pub enum Opening {
    /// Of a stream of pictures.
    Pictures,
    /// Of a stream of server-sent events that pages of this origin may read.
    Events {
        /// The request's `Origin`.
        origin: Option<Box<[u8]>>,
    },
}

impl Opening {
    /// Appends the bytes as HTTP/1.1 has them.
    pub fn write(&self, buffer: &mut Vec<u8>) {
        match self {
            Self::Pictures => buffer.extend_from_slice(multipart::OPENING),
            Self::Events { origin } => {
                events::write_head(buffer, origin.as_deref());
                events::write_start(buffer);
            }
        }
    }

    /// Appends the head alone, as HTTP/1.1 has it.
    pub fn write_head(&self, buffer: &mut Vec<u8>) {
        match self {
            Self::Pictures => buffer.extend_from_slice(multipart::HEAD),
            Self::Events { origin } => events::write_head(buffer, origin.as_deref()),
        }
    }

    /// Appends what follows the head, which is the same in each version of HTTP.
    pub fn write_start(&self, buffer: &mut Vec<u8>) {
        match self {
            Self::Pictures => buffer.extend_from_slice(multipart::START),
            Self::Events { .. } => events::write_start(buffer),
        }
    }

    /// The fields of the head, without those of HTTP/1.1 alone. The status is 200.
    pub fn fields(&self) -> Vec<(&'static str, &[u8])> {
        let mut fields: Vec<(&str, &[u8])> = match self {
            Self::Pictures => {
                multipart::FIELDS.iter().map(|(name, value)| (*name, value.as_bytes())).collect()
            }
            Self::Events { origin } => events::fields(origin.as_deref()).collect(),
        };
        fields.retain(|(name, _)| !is_of_connection(name));
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_have_the_same_fields() {
        let origin = Some(Box::from(*b"https://a.example"));
        for opening in [Opening::Pictures, Opening::Events { origin: None }, Opening::Events { origin }] {
            let (mut whole, mut head, mut start) = (Vec::new(), Vec::new(), Vec::new());
            opening.write(&mut whole);
            opening.write_head(&mut head);
            opening.write_start(&mut start);
            assert!(whole.starts_with(&head) && !start.is_empty(), "{opening:?}");
            let text = String::from_utf8(head).unwrap();
            let lines = text.lines().skip(1).filter_map(|line| line.split_once(": "));
            let written: Vec<_> = lines.filter(|line| *line != ("Connection", "close")).collect();
            let fields = opening.fields();
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| (*name, std::str::from_utf8(value).unwrap())).collect();
            assert!(text.contains("\r\nConnection: close\r\n") && written == fields, "{text}");
        }
    }
}
