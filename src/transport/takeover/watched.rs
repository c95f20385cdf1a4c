//! The stream as hyper sees it, and whether hyper waits for a request: the last response is out, and there is nothing to read.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;

use super::Stream;

/// How far hyper is with a connection. One thread at a time looks at it and changes it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The response to the last request was written and flushed.
    is_answered: AtomicBool,
    /// There was nothing to read when hyper last looked.
    is_drained: AtomicBool,
}

impl Progress {
    /// hyper has read a request's head.
    pub(super) fn request_came(&self) {
        self.is_answered.store(false, Ordering::Relaxed);
    }

    /// Whether every request is answered and hyper waits for another one, or for the rest of its head.
    pub(super) fn waits_for_request(&self) -> bool {
        self.is_answered.load(Ordering::Relaxed) && self.is_drained.load(Ordering::Relaxed)
    }
}

/// A stream that hyper reads and writes.
pub(super) struct Watched<S> {
    /// Bytes that were read from the stream before.
    unread: Bytes,
    io: TokioIo<S>,
    has_written: bool,
    progress: Arc<Progress>,
}

impl<S: Stream> Watched<S> {
    /// Watches `stream`, of which the bytes `unread` were read already.
    pub(super) fn new(unread: Bytes, stream: S, progress: Arc<Progress>) -> Self {
        Self { unread, io: TokioIo::new(stream), has_written: false, progress }
    }

    /// What hyper hasn't read of the bytes that were read before, and the stream.
    pub(super) fn into_parts(self) -> (Bytes, S) {
        (self.unread, self.io.into_inner())
    }

    fn io(&mut self) -> Pin<&mut TokioIo<S>> {
        Pin::new(&mut self.io)
    }

    fn writes(&mut self) {
        self.has_written = true;
        self.progress.is_answered.store(false, Ordering::Relaxed);
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
        self.progress.is_drained.store(read.is_pending(), Ordering::Relaxed);
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
        // hyper may flush before it has written anything of the response.
        if flushed.is_ready() && std::mem::take(&mut self.has_written) {
            self.progress.is_answered.store(true, Ordering::Relaxed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}
