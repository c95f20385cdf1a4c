//! The bytes of a connection, parsed as one stream from the first to the last, in whatever pieces they come: a part that is torn,
//! left out or sent twice in part is an error.

use serde_json::Value;

use super::page::{CLOSE, PING, PONG, TEXT, opening};
use super::parts::{BETWEEN, CLOSING, SIGNATURE};
use super::{request, view_of};

/// The protocol of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Pictures,
    Events,
    WebSocket,
}

impl Kind {
    /// The request of a page of example.com for that.
    pub(crate) fn request(self) -> String {
        match self {
            Self::Pictures => view_of("example.com"),
            Self::Events => request("GET /events/example.com HTTP/1.1", &["Origin: https://example.com"]),
            Self::WebSocket => opening("/ws/example.com", "example.com", &[]),
        }
    }
}

/// A whole part of a stream.
#[derive(PartialEq, Debug)]
pub(crate) enum Part {
    /// The response's head, and what comes before the first frame.
    Head,
    Picture(Vec<u8>),
    /// Open pages and visitors, as an event or a message.
    Count(u64, u64),
    /// Any other message, or a comment.
    Other,
    /// A WebSocket's ping, which has to be answered.
    Ping(Vec<u8>),
    /// The end in order: nothing may come after it.
    End,
}

/// A stream so far.
pub(crate) struct Unbroken {
    kind: Kind,
    at: At,
    kept: Vec<u8>,
}

/// Where in the stream the next byte is.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Head,
    FirstPart,
    Part,
    Between,
    End,
}

type Parsed<T> = Result<Option<T>, String>;

impl Unbroken {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, at: At::Head, kept: Vec::new() }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
    }

    /// Whether nothing has come of a part that isn't whole.
    pub(crate) fn is_between_parts(&self) -> bool {
        self.kept.is_empty() && self.at != At::Between
    }

    /// The next part that is there whole.
    pub(crate) fn next_part(&mut self) -> Parsed<Part> {
        match (self.at, self.kind) {
            (At::Head, _) => self.head(),
            (At::End, _) if self.kept.is_empty() => Ok(None),
            (At::End, _) => Err(self.unexpected("nothing after the end")),
            (_, Kind::Pictures) => self.picture(),
            (_, Kind::Events) => self.event(),
            (_, Kind::WebSocket) => self.message(),
        }
    }

    fn head(&mut self) -> Parsed<Part> {
        let status = if self.kind == Kind::WebSocket { "HTTP/1.1 101 " } else { "HTTP/1.1 200 " };
        let Some(head) = self.take_through(b"\r\n\r\n") else { return Ok(None) };
        self.at = if self.kind == Kind::Pictures { At::FirstPart } else { At::Part };
        if head.starts_with(status.as_bytes()) {
            Ok(Some(Part::Head))
        } else {
            Err(format!("an answer: {}", String::from_utf8_lossy(&head)))
        }
    }

    fn picture(&mut self) -> Parsed<Part> {
        if self.at == At::FirstPart {
            let Some(part) = self.take_through(b"\r\n\r\n") else { return Ok(None) };
            if !part.starts_with(b"--frame\r\nContent-Type: image/png\r\nX-Pad: ") {
                return Err(format!("a first part: {}", String::from_utf8_lossy(&part)));
            }
            self.at = At::Part;
        }
        if self.at == At::Between {
            if self.kept.starts_with(BETWEEN) {
                self.kept.drain(..BETWEEN.len());
                self.at = At::Part;
            } else if self.kept == CLOSING {
                (self.at, self.kept) = (At::End, Vec::new());
                return Ok(Some(Part::End));
            } else if BETWEEN.starts_with(&self.kept) || CLOSING.starts_with(&self.kept) {
                return Ok(None);
            } else {
                return Err(self.unexpected("a boundary"));
            }
        }
        let Some(length) = png_length(&self.kept).map_err(|()| self.unexpected("a picture"))? else {
            return Ok(None);
        };
        self.at = At::Between;
        Ok(Some(Part::Picture(self.kept.drain(..length).collect())))
    }

    fn event(&mut self) -> Parsed<Part> {
        let Some(block) = self.take_through(b"\n\n") else { return Ok(None) };
        let text = std::str::from_utf8(&block).map_err(|error| format!("{error}: {block:?}"))?;
        let lines: Vec<&str> = text.trim_end().lines().collect();
        match lines[..] {
            [": the server stops"] => {
                self.at = At::End;
                Ok(Some(Part::End))
            }
            [":"] => Ok(Some(Part::Other)),
            [retry] if retry.strip_prefix("retry: ").is_some_and(|time| time.parse::<u64>().is_ok()) => {
                Ok(Some(Part::Other))
            }
            [id, "event: count", data]
                if id.strip_prefix("id: ").is_some_and(|id| id.parse::<u64>().is_ok()) =>
            {
                let data = data.strip_prefix("data: ").ok_or_else(|| format!("no data: {text:?}"))?;
                count_of(data.as_bytes()).map(Some)
            }
            _ => Err(format!("no event: {text:?}")),
        }
    }

    /// Frames from a server are complete and not masked.
    fn message(&mut self) -> Parsed<Part> {
        let [first, second, ..] = self.kept[..] else { return Ok(None) };
        let (head, length) = match second {
            short @ 0..=125 => (2, usize::from(short)),
            126 => match self.kept[..] {
                [_, _, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
                _ => return Ok(None),
            },
            _ => return Err(self.unexpected("a frame")),
        };
        if self.kept.len() < head + length {
            return Ok(None);
        }
        let payload = self.kept.drain(..head + length).skip(head).collect::<Vec<u8>>();
        match first {
            _ if first == 0x80 | TEXT => count_of(&payload).map(Some),
            _ if first == 0x80 | PING => Ok(Some(Part::Ping(payload))),
            _ if first == 0x80 | PONG => Ok(Some(Part::Other)),
            _ if first == 0x80 | CLOSE => {
                self.at = At::End;
                Ok(Some(Part::End))
            }
            other => Err(format!("a frame of {other:#x} and {} bytes", payload.len())),
        }
    }

    fn take_through(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let at = self.kept.windows(end.len()).position(|bytes| bytes == end)?;
        Some(self.kept.drain(..at + end.len()).collect())
    }

    fn unexpected(&self, wanted: &str) -> String {
        let start = &self.kept[..self.kept.len().min(100)];
        format!("{wanted} should be here, and not {:?}", String::from_utf8_lossy(start))
    }
}

/// The counts in a JSON message.
fn count_of(json: &[u8]) -> Result<Part, String> {
    let message: Value = serde_json::from_slice(json)
        .map_err(|error| format!("{error}: {:?}", String::from_utf8_lossy(json)))?;
    let number = |name: &str| message[name].as_u64().ok_or_else(|| format!("no {name}: {message}"));
    match message["type"].as_str() {
        Some("update/count") => Ok(Part::Count(number("count")?, number("visitors")?)),
        Some(_) => Ok(Part::Other),
        None => Err(format!("a message without a type: {message}")),
    }
}

/// How long the PNG is that begins here, once all of it is there: a signature, then chunks of length, type, data and checksum up to IEND.
fn png_length(bytes: &[u8]) -> Result<Option<usize>, ()> {
    if !bytes.starts_with(SIGNATURE) {
        return if SIGNATURE.starts_with(bytes) { Ok(None) } else { Err(()) };
    }
    let mut at = SIGNATURE.len();
    while let Some(head) = bytes.get(at..at + 8) {
        let (length, kind) = (u32::from_be_bytes(head[..4].try_into().unwrap()) as usize, &head[4..]);
        if length > 1 << 20 || !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(());
        }
        at += 8 + length + 4;
        if kind == b"IEND" {
            return if bytes.len() < at { Ok(None) } else { Ok(Some(at)) };
        }
    }
    Ok(None)
}
