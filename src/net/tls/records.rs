//! Gives rustls one whole record at a time. What it has been given it can't give back, and a connection is taken over from it
//! between two records.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::acceptor::Held;

/// The bytes of a record's head: the type, a version, and the length of what follows (RFC 8446, section 5.1).
const HEAD: usize = 5;

/// The longest record, in bytes. What claims to be longer, or is no record, is given to rustls as it comes, which refuses it.
const LONGEST: usize = HEAD + (1 << 14) + 2048;

/// How many bytes a client may send for a handshake. Those of browsers have two thousand, with keys that withstand quantum computers.
/// The record after it may come along.
const MAX_HANDSHAKE: usize = 16 * 1024 + LONGEST;

/// How many bytes are read at once.
const READ: usize = 4096;

/// A stream of records, of which each read gives one, or a part of one that is there whole.
#[derive(Debug)]
pub(crate) struct RecordReader<S> {
    stream: S,
    /// Bytes that were read and not given to rustls; none after a record, mostly.
    ahead: Vec<u8>,
    /// How many of them, or of those after them, belong to a record that was given in part.
    remaining: usize,
    /// How many more bytes rustls is given.
    allowed: usize,
    held: Option<Held>,
}

impl<S> RecordReader<S> {
    /// The records of `stream`, of which the bytes in `ahead` were read already. `held` is dropped with the connection.
    pub(crate) fn new(stream: S, ahead: Vec<u8>, held: Option<Held>) -> Self {
        Self { stream, ahead, remaining: 0, allowed: MAX_HANDSHAKE, held }
    }

    /// The handshake is over: any number of bytes may come from now on.
    pub(crate) fn allow_any(&mut self) {
        self.allowed = usize::MAX;
    }

    /// The stream, what rustls wasn't given, and what is to be dropped with the connection.
    pub(crate) fn into_parts(self) -> (S, Vec<u8>, Option<Held>) {
        (self.stream, self.ahead, self.held)
    }

    /// Whether there is a record to give, or the rest of one.
    fn has_record(&mut self) -> bool {
        if self.remaining == 0
            && let Some(head) = self.ahead.first_chunk::<HEAD>()
        {
            let length = HEAD + usize::from(u16::from_be_bytes([head[3], head[4]]));
            let is_record = matches!(head, [20..=24, 3, ..]) && length <= LONGEST;
            let is_there = self.ahead.len() >= length || !is_record;
            self.remaining = if is_there { length } else { 0 };
        }
        self.remaining > 0 && !self.ahead.is_empty()
    }

    /// Gives as much of the record as fits.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let some = self.remaining.min(self.ahead.len()).min(buffer.remaining()).min(self.allowed);
        self.allowed -= some;
        buffer.put_slice(&self.ahead[..some]);
        self.remaining -= some;
        if some == self.ahead.len() {
            self.ahead = Vec::new();
        } else {
            self.ahead.drain(..some);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RecordReader<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.has_record() {
            // On the stack, and so not in the future of a task that waits.
            let mut bytes = [const { MaybeUninit::uninit() }; READ];
            let mut bytes = ReadBuf::uninit(&mut bytes);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut bytes))?;
            if bytes.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.ahead.extend_from_slice(bytes.filled());
        }
        if self.allowed == 0 {
            return Poll::Ready(Err(io::Error::other("a handshake is too long")));
        }
        self.give(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RecordReader<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn record(length: usize) -> Vec<u8> {
        let mut record = vec![23, 3, 3];
        record.extend((length as u16).to_be_bytes());
        record.resize(HEAD + length, 7);
        record
    }

    #[tokio::test]
    async fn each_read_gives_one_whole_record() {
        let records = [record(10), record(0), record(9_000), record(1)];
        for piece in [1, 3, 6, 5_000, 100_000] {
            let bytes = records.concat();
            let (mut client, server) = tokio::io::duplex(piece);
            let sending = tokio::spawn(async move {
                tokio::io::AsyncWriteExt::write_all(&mut client, &bytes).await.unwrap();
            });
            let mut reader = RecordReader::new(server, Vec::new(), None);
            for wanted in &records {
                let mut read = Vec::with_capacity(wanted.len() + 100);
                reader.read_buf(&mut read).await.unwrap();
                assert_eq!(read, *wanted, "in pieces of {piece}");
            }
            sending.await.unwrap();
            assert!(reader.into_parts().1.is_empty());
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_between_two_records_nor_within_one() {
        let bytes = [&record(4)[..], &record(2)[..3]].concat();
        let mut reader = RecordReader::new(&bytes[3..], bytes[..3].to_vec(), None);
        let mut read = Vec::new();
        while read.len() < record(4).len() {
            reader.read_buf(&mut read).await.unwrap();
        }
        assert_eq!(read, record(4));
        assert_eq!(reader.read_buf(&mut read).await.unwrap(), 0);
        assert_eq!(reader.into_parts().1, record(2)[..3]);
    }

    /// Nothing is kept of it, however long it is.
    #[tokio::test]
    async fn what_is_no_record_is_given_as_it_comes() {
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], &[23, 3, 3, 255, 255, 0]] {
            let mut reader = RecordReader::new(bytes, Vec::new(), None);
            let mut read = Vec::new();
            reader.read_buf(&mut read).await.unwrap();
            assert_eq!(read, bytes);
        }
    }
}
