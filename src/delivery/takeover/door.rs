//! The socket as hyper sees it, and a look at what hyper does with it: whether the last answer is out and nothing has come
//! since.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A socket that hyper reads and writes.
pub(super) struct Door {
    /// What was read from the socket before.
    before: Bytes,
    io: TokioIo<TcpStream>,
    written: bool,
    /// Something was written since the last byte came, and all of it has gone out.
    answered: bool,
    /// Not while something is being written: hyper may look for more requests before it writes its answer to the last.
    waits: Arc<AtomicBool>,
}

impl Door {
    /// A door to `socket`, of which the bytes `before` were read already. The second value is true while the last answer
    /// is out and nothing has come since.
    pub(super) fn new(before: Bytes, socket: TcpStream) -> (Self, Arc<AtomicBool>) {
        let waits = Arc::new(AtomicBool::new(false));
        let io = TokioIo::new(socket);
        (Self { before, io, written: false, answered: false, waits: Arc::clone(&waits) }, waits)
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.io.into_inner()
    }

    fn io(&mut self) -> Pin<&mut TokioIo<TcpStream>> {
        Pin::new(&mut self.io)
    }
}

impl Read for Door {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.before.is_empty() {
            let some = self.before.len().min(buffer.remaining());
            buffer.put_slice(&self.before.split_to(some));
            return Poll::Ready(Ok(()));
        }
        let read = self.io().poll_read(cx, buffer);
        if read.is_ready() {
            (self.written, self.answered) = (false, false);
        }
        self.waits.store(self.answered, Ordering::Relaxed);
        read
    }
}

impl Write for Door {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        (self.written, self.answered) = (true, false);
        self.waits.store(false, Ordering::Relaxed);
        self.io().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        (self.written, self.answered) = (true, false);
        self.waits.store(false, Ordering::Relaxed);
        self.io().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// hyper flushes when its own buffer is empty.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.io().poll_flush(cx);
        self.answered = self.written && flushed.is_ready();
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}
