//! One response as it comes in: its head, then picture after picture.

use crate::pictures::{END, SIGNATURE};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Longer than any head that the servers send.
const HEAD_LIMIT: usize = 16 * 1024;

static HEAD_END: LazyLock<Finder> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));
static PICTURE_START: LazyLock<Finder> = LazyLock::new(|| Finder::new(SIGNATURE));
static PICTURE_END: LazyLock<Finder> = LazyLock::new(|| Finder::new(END));

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
    pub(crate) fn take(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Progress {
        if self.in_body && self.kept.is_empty() {
            let used = pictures(bytes, &mut each);
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
        let used = pictures(&self.kept, &mut each);
        self.kept.drain(..used);
        Progress::GoOn
    }

    fn head(&mut self) -> Progress {
        let Some(end) = HEAD_END.find(&self.kept) else {
            let refused = self.kept.len() > HEAD_LIMIT;
            return if refused { Progress::Refused("an endless head".into()) } else { Progress::GoOn };
        };
        let head = String::from_utf8_lossy(&self.kept[..end]).into_owned();
        self.kept.drain(..end + 4);
        self.in_body = head.starts_with("HTTP/1.1 200 ");
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

/// Returns how many bytes are done with: what is left begins with a picture, or may.
fn pictures(bytes: &[u8], each: &mut impl FnMut(&[u8])) -> usize {
    let mut at = 0;
    while let Some(start) = PICTURE_START.find(&bytes[at..]) {
        at += start;
        let Some(end) = PICTURE_END.find(&bytes[at..]) else { return at };
        each(&bytes[at..at + end + END.len()]);
        at += end + END.len();
    }
    // Part heads are ASCII, so only the first byte of a signature that was cut in two is worth keeping.
    memchr::memrchr(SIGNATURE[0], &bytes[at..]).map_or(bytes.len(), |cut| at + cut)
}
