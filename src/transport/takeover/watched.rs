//! The stream as hyper sees it, and whether it is idle: the last response is out and nothing has come since.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;

use super::Stream;

/// A stream that hyper reads and writes.
pub(super) struct Watched<S> {
    /// Bytes that were read from the stream before.
    unread: Bytes,
    io: TokioIo<S>,
    has_written: bool,
    /// Something was written since the last byte came, and all of it was flushed.
    has_answered: bool,
    /// False while something is being written: hyper may look for more requests before it writes its last response.
    is_idle: Arc<AtomicBool>,
}

impl<S: Stream> Watched<S> {
    /// Watches `stream`, of which the bytes `unread` were read already. The second value is true while the last response
    /// is out and nothing has come since.
    pub(super) fn new(unread: Bytes, stream: S) -> (Self, Arc<AtomicBool>) {
        let is_idle = Arc::new(AtomicBool::new(false));
        let io = TokioIo::new(stream);
        (Self { unread, io, has_written: false, has_answered: false, is_idle: Arc::clone(&is_idle) }, is_idle)
    }

    pub(super) fn into_inner(self) -> S {
        self.io.into_inner()
    }

    fn io(&mut self) -> Pin<&mut TokioIo<S>> {
        Pin::new(&mut self.io)
    }

    fn writes(&mut self) {
        (self.has_written, self.has_answered) = (true, false);
        self.is_idle.store(false, Ordering::Relaxed);
    }
}

impl<S: Stream> Read for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let some = self.unread.len().min(buffer.remaining());
            buffer.put_slice(&self.unread.split_to(some));
            return Poll::Ready(Ok(()));
        }
        let read = self.io().poll_read(cx, buffer);
        if read.is_ready() {
            (self.has_written, self.has_answered) = (false, false);
        }
        self.is_idle.store(self.has_answered, Ordering::Relaxed);
        read
    }
}

impl<S: Stream> Write for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes();
        self.io().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes();
        self.io().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// hyper flushes when its own buffer is empty.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.io().poll_flush(cx);
        self.has_answered = self.has_written && flushed.is_ready();
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}
