//! Reads the head of a request before hyper gets the connection.
//!
//! hyper allocates 8 KiB to read into as soon as it is polled, and more with the first byte. Here, a connection that sends
//! nothing takes nothing, and an unfinished head takes what has come of it. hyper parses it all the same: it gets the
//! bytes when the head is complete, or when there is no reason to wait for the rest.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::timeout;

use super::MAX_HEAD;
use crate::metrics::Failed;
use crate::net::connections::{ConnectionPermit, Phase};

/// How long a connection may be idle before a request, and how long the rest of a head may take.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How many bytes are read at once: more than nearly all heads have.
const READ: usize = 4096;

/// Reads a head that has begun with what is in `head`. The result are bytes that begin with it.
///
/// # Errors
/// If the connection is to be closed, and why; without a reason if it has to make room for others.
pub(super) async fn read<S>(
    stream: &mut S,
    head: &mut Head,
    permit: &ConnectionPermit,
) -> Result<Bytes, Option<Failed>>
where
    S: AsyncRead + Unpin,
{
    for (phase, too_slow) in [(Phase::Idle, Failed::Idle), (Phase::Head, Failed::SlowHead)] {
        let read = poll_fn(|cx| head.poll_read(phase, stream, permit, cx));
        timeout(HEAD_TIMEOUT, read).await.map_err(|_| Some(too_slow))??;
    }
    Ok(std::mem::take(head).bytes.into())
}

/// What has come of a head, and perhaps bytes after it.
#[derive(Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
    is_complete: bool,
}

impl Head {
    /// A head that begins with these bytes.
    pub(super) fn begun(bytes: &[u8]) -> Self {
        let mut head = Self::default();
        head.push(bytes);
        head
    }

    /// Ready when there is something to read in the phase `Idle`, and everything in the phase `Head`.
    fn poll_read(
        &mut self,
        phase: Phase,
        stream: &mut (impl AsyncRead + Unpin),
        permit: &ConnectionPermit,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Option<Failed>>> {
        // On the stack, and so not in the future of a task that waits.
        let mut buffer = [const { MaybeUninit::uninit() }; READ];
        while !(self.is_complete || phase == Phase::Idle && !self.bytes.is_empty()) {
            let mut buffer = ReadBuf::uninit(&mut buffer);
            match std::pin::Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Pending => return permit.poll_closed(phase, cx).map(|()| Err(None)),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Some(Failed::Closed))),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    // hyper says what is wrong with what there is, if anything.
                    self.is_complete = true;
                    let has_begun = !self.bytes.is_empty();
                    return Poll::Ready(has_begun.then_some(()).ok_or(Some(Failed::Closed)));
                }
                Poll::Ready(Ok(())) => self.push(buffer.filled()),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn push(&mut self, mut more: &[u8]) {
        if self.bytes.is_empty() {
            // Empty lines before a request are ignored (RFC 9112, section 2.2).
            let is_line_end = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
            more = &more[more.iter().take_while(is_line_end).count()..];
        }
        let seen = self.bytes.len().saturating_sub(2);
        self.bytes.extend_from_slice(more);
        let bytes = &self.bytes[..];
        self.is_complete |= bytes.len() >= MAX_HEAD || has_end(&bytes[seen..]) || is_no_text(more);
        self.is_complete |= more.contains(&b'\n') && is_no_request(bytes);
    }
}

/// Whether an empty line ends the head; hyper accepts lines that end without CR.
fn has_end(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(line_end) = rest.iter().position(|byte| *byte == b'\n') {
        rest = &rest[line_end + 1..];
        if rest.starts_with(b"\n") || rest.starts_with(b"\r\n") {
            return true;
        }
    }
    false
}

/// Whether there are bytes which no head has, such as those of a TLS handshake: hyper refuses them at once.
fn is_no_text(bytes: &[u8]) -> bool {
    // Looks at all of them, which the compiler does many at a time.
    bytes.iter().fold(false, |found, byte| found | (*byte < 32 && !matches!(byte, b'\t' | b'\n' | b'\r')))
}

/// Whether the first line is there, and not that of a request.
fn is_no_request(bytes: &[u8]) -> bool {
    let line = bytes.iter().position(|byte| *byte == b'\n').map(|end| bytes[..end].trim_ascii_end());
    line.is_some_and(|line| !(line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_complete(pieces: &[&[u8]]) -> bool {
        let mut head = Head::default();
        pieces.iter().for_each(|piece| head.push(piece));
        head.is_complete
    }

    #[test]
    fn a_head_ends_with_an_empty_line_however_it_is_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for at in 0..head.len() {
            assert!(!is_complete(&[&head[..at]]));
            assert!(is_complete(&[&head[..at], &head[at..]]), "{at}");
        }
        assert!(is_complete(&[b"GET / HTTP/1.1\n", b"\n"]) && is_complete(&[b"GET / HTTP/1.1\n\r", b"\n"]));
    }

    #[test]
    fn empty_lines_before_a_head_take_nothing() {
        let mut head = Head::default();
        (0..1_000).for_each(|_| head.push(b"\r\n\r\n"));
        assert!(head.bytes.capacity() == 0 && !head.is_complete);
        head.push(b"\r\nGET");
        assert_eq!(head.bytes, b"GET");
    }

    #[test]
    fn hyper_gets_bytes_that_can_be_no_head() {
        assert!(is_complete(&[b"\x16\x03\x01"]) && is_complete(&[&[b'x'; MAX_HEAD]]));
        assert!(is_complete(&[b"SSH-2.0-", b"OpenSSH\r\n"]) && is_complete(&[b"GET / HTTP/3\n"]));
        assert!(!is_complete(&["GET /\tä".as_bytes()]));
    }
}
