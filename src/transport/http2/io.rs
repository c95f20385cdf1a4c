//! The socket as hyper sees it, which is read no faster than a client with something to say sends.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How many bytes a client's connection is read at once, and in a second: a request takes a few hundred. So a flood of PINGs,
/// settings or requests that are reset at once takes little of a core, whatever each of them costs.
const BURST: f32 = 256.0 * 1024.0;
const RATE: f32 = 64.0 * 1024.0;

/// How many times as much a proxy may send, which speaks for many.
const PROXY: f32 = 16.0;

/// A socket, of which some bytes were read before.
pub(super) struct Io<S> {
    unread: Bytes,
    socket: S,
    has_written: bool,
    allowance: Allowance,
    /// Until when nothing is read.
    pause: Option<Pin<Box<Sleep>>>,
}

/// A token bucket of bytes.
struct Allowance {
    left: f32,
    times: f32,
    filled: Instant,
}

impl<S> Io<S> {
    /// `is_of_client` is false where many clients may come from.
    pub(super) fn new(unread: Bytes, socket: S, is_of_client: bool) -> Self {
        let times = if is_of_client { 1.0 } else { PROXY };
        let allowance = Allowance { left: BURST * times, times, filled: Instant::now() };
        Self { unread, socket, has_written: false, allowance, pause: None }
    }
}

impl Allowance {
    /// Spends `bytes` that were read; how long to wait for the next ones is the result.
    fn spend(&mut self, bytes: usize) -> Option<Duration> {
        let now = Instant::now();
        let rate = RATE * self.times;
        let passed = (now - self.filled).as_secs_f32();
        self.left = (self.left + passed * rate).min(BURST * self.times) - bytes as f32;
        self.filled = now;
        (self.left < 0.0).then(|| Duration::from_secs_f32(-self.left / rate))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let some = self.unread.len().min(buffer.remaining());
            buffer.put_slice(&self.unread.split_to(some));
            return Poll::Ready(Ok(()));
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        let pause = self.allowance.spend(buffer.filled().len() - before);
        self.pause = pause.map(|time| Box::pin(sleep(time)));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Io<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.has_written = true;
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.has_written = true;
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    /// Not before the first write: h2 asks when it begins, and then puts frames of up to 1 KiB of many streams into one write,
    /// instead of writing each by itself.
    fn is_write_vectored(&self) -> bool {
        self.has_written && self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_read_at_its_rate_after_a_burst() {
        let mut allowance = Allowance { left: BURST, times: 1.0, filled: Instant::now() };
        assert_eq!(allowance.spend(BURST as usize), None);
        assert_eq!(allowance.spend(RATE as usize * 2), Some(Duration::from_secs(2)));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(allowance.spend(RATE as usize), None);
        assert!(allowance.spend(1).is_some());
    }
}
