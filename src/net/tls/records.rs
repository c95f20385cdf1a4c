//! Gives rustls one record at a time. What it has been given it can't give back, and a connection is taken over from it between
//! two records.

use std::io::{self, IoSlice};
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The bytes of a record's head: the type, a version, and the length of what follows (RFC 8446, section 5.1).
const HEAD: usize = 5;

/// How many bytes are read at once.
const READ: usize = 4096;

/// A stream of records that ends each read with a record at the latest.
#[derive(Debug)]
pub(crate) struct RecordReader<S> {
    stream: S,
    /// Bytes that were read and not given to rustls; mostly none.
    ahead: Vec<u8>,
    /// The head of the record that is being read.
    head: [u8; HEAD],
    /// How many bytes of the head were given.
    of_head: usize,
    /// How many bytes after the head weren't.
    remaining: usize,
}

impl<S> RecordReader<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, ahead: Vec::new(), head: [0; HEAD], of_head: 0, remaining: 0 }
    }

    /// The stream, and what rustls wasn't given.
    pub(crate) fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.ahead)
    }

    /// Gives as many of `bytes` as belong to the record and fit, and returns their number.
    fn give(&mut self, bytes: &[u8], buffer: &mut ReadBuf<'_>) -> usize {
        let mut given = 0;
        while given < bytes.len() && buffer.remaining() > 0 {
            let rest = &bytes[given..];
            let some = if self.of_head < HEAD { HEAD - self.of_head } else { self.remaining };
            let some = some.min(rest.len()).min(buffer.remaining());
            buffer.put_slice(&rest[..some]);
            given += some;
            if self.advance(&rest[..some]) {
                break;
            }
        }
        given
    }

    /// Notes bytes that were given, and says whether they are the last of a record.
    fn advance(&mut self, bytes: &[u8]) -> bool {
        if self.of_head < HEAD {
            self.head[self.of_head..][..bytes.len()].copy_from_slice(bytes);
            self.of_head += bytes.len();
            if self.of_head < HEAD {
                return false;
            }
            self.remaining = usize::from(u16::from_be_bytes([self.head[3], self.head[4]]));
        } else {
            self.remaining -= bytes.len();
        }
        let is_whole = self.remaining == 0;
        self.of_head = if is_whole { 0 } else { HEAD };
        is_whole
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RecordReader<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut ahead = mem::take(&mut self.ahead);
        if ahead.is_empty() {
            // On the stack, and so not in the future of a task that waits.
            let mut bytes = [const { MaybeUninit::uninit() }; READ];
            let mut bytes = ReadBuf::uninit(&mut bytes);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut bytes))?;
            let given = self.give(bytes.filled(), buffer);
            self.ahead = bytes.filled()[given..].to_vec();
        } else {
            let given = self.give(&ahead, buffer);
            ahead.drain(..given);
            self.ahead = ahead;
        }
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
    async fn each_read_ends_with_a_record_at_the_latest() {
        let records = [record(10), record(0), record(9_000), record(1)];
        for piece in [1, 3, 6, 5_000, 100_000] {
            let bytes = records.concat();
            let (mut client, server) = tokio::io::duplex(piece);
            let sending = tokio::spawn(async move {
                tokio::io::AsyncWriteExt::write_all(&mut client, &bytes).await.unwrap();
            });
            let mut reader = RecordReader::new(server);
            for wanted in &records {
                let mut read = Vec::new();
                while read.len() < wanted.len() {
                    reader.read_buf(&mut read).await.unwrap();
                }
                assert_eq!(read, *wanted, "in pieces of {piece}");
            }
            sending.await.unwrap();
            assert!(reader.into_parts().1.is_empty());
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_between_two_records() {
        let bytes = [record(4), record(2)].concat();
        let mut reader = RecordReader::new(&bytes[..]);
        let mut read = Vec::new();
        reader.read_buf(&mut read).await.unwrap();
        assert_eq!(read, record(4));
        assert_eq!(reader.into_parts().1, record(2));
    }
}
