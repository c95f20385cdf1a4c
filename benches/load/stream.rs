//! One response as it comes in: its head, then picture after picture, or event after event.

use super::pictures::{END, SIGNATURE};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Longer than any head that the servers send.
const HEAD_LIMIT: usize = 16 * 1024;

static HEAD_END: LazyLock<Finder> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));

/// Where in a body what is counted begins and ends.
pub(crate) struct Marks {
    start: Finder<'static>,
    end: Finder<'static>,
}

pub(crate) static PICTURES: LazyLock<Marks> = LazyLock::new(|| Marks::new(SIGNATURE, END));
/// An event's data: what is before it has the time in it, by which two events with one count differ.
pub(crate) static EVENTS: LazyLock<Marks> = LazyLock::new(|| Marks::new(b"data: ", b"\n\n"));

/// A count among a WebSocket's messages. They are ASCII, so where a frame's head is in the way, it is no mark.
pub(crate) static MESSAGES: LazyLock<Marks> =
    LazyLock::new(|| Marks::new(b"{\"type\":\"update/count\"", b"}"));

/// A WebSocket's answer to a ping.
pub(crate) static PONGS: LazyLock<Marks> = LazyLock::new(|| Marks::new(b"{\"type\":\"pong\"", b"}"));

/// What the bytes so far amount to.
pub(crate) enum Progress {
    /// The head isn't complete, or the pictures have been handed over.
    GoOn,
    /// 302: ask again, here.
    Redirect(String),
    /// Not a stream: the status line.
    Refused(String),
}

/// The bytes of one response that are not a whole head or picture yet; empty between two frames.
#[derive(Default)]
pub(crate) struct Stream {
    kept: Vec<u8>,
    in_body: bool,
}

impl Stream {
    /// Takes what was read and hands every whole picture to `each`.
    pub(crate) fn take(&mut self, bytes: &[u8], marks: &Marks, mut each: impl FnMut(&[u8])) -> Progress {
        if self.in_body && self.kept.is_empty() {
            let used = marks.find(bytes, &mut each);
            self.kept.extend_from_slice(&bytes[used..]);
            return Progress::GoOn;
        }
        self.kept.extend_from_slice(bytes);
        if !self.in_body {
            match self.head() {
                Progress::GoOn if self.in_body => {}
                other => return other,
            }
        }
        let used = marks.find(&self.kept, &mut each);
        self.kept.drain(..used);
        Progress::GoOn
    }

    /// The response has begun.
    pub(crate) fn in_body(&self) -> bool {
        self.in_body
    }

    fn head(&mut self) -> Progress {
        let Some(end) = HEAD_END.find(&self.kept) else {
            let refused = self.kept.len() > HEAD_LIMIT;
            return if refused { Progress::Refused("an endless head".into()) } else { Progress::GoOn };
        };
        let head = String::from_utf8_lossy(&self.kept[..end]).into_owned();
        self.kept.drain(..end + 4);
        self.in_body = ["HTTP/1.1 200 ", "HTTP/1.1 101 "].iter().any(|good| head.starts_with(good));
        match location(&head) {
            _ if self.in_body => Progress::GoOn,
            Some(path) => Progress::Redirect(path),
            None => Progress::Refused(head.lines().next().unwrap_or("").into()),
        }
    }
}

/// Where to ask again; a query alone is one for the same path.
fn location(head: &str) -> Option<String> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(name, _)| name.eq_ignore_ascii_case("location")).map(|(_, value)| {
        let value = value.trim();
        if value.starts_with('?') { format!("/online.png{value}") } else { value.into() }
    })
}

impl Marks {
    fn new(start: &'static [u8], end: &'static [u8]) -> Self {
        Self { start: Finder::new(start), end: Finder::new(end) }
    }

    /// Returns how many bytes are done with: what is left begins with a picture, or may.
    fn find(&self, bytes: &[u8], each: &mut impl FnMut(&[u8])) -> usize {
        let (mut at, start, end) = (0, self.start.needle(), self.end.needle());
        while let Some(found) = self.start.find(&bytes[at..]) {
            at += found;
            let Some(length) = self.end.find(&bytes[at..]) else { return at };
            each(&bytes[at..at + length + end.len()]);
            at += length + end.len();
        }
        // Part heads are ASCII, so only the first byte of a signature that was cut in two is worth keeping.
        memchr::memrchr(start[0], &bytes[at..]).map_or(bytes.len(), |cut| at + cut)
    }
}
