//! The one seam between bytes and the network: what an event loop sends and reads goes through here, except that the
//! sender gives io_uring the descriptor. Text is bytes as a protocol has them; on a connection with TLS it goes out in records.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use bytes::{Buf, Bytes};
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use onlookers_handover::ReadBuffer;
use rustls::ServerConnection;

use super::connection::ConnectionId;
use super::entry::Entry;
use super::tls::{self, Tls, TlsRecord};
use crate::net::tls::Held;
pub(super) use rest::Rest;

mod rest;

/// The peer has gone, or has to.
#[derive(Debug)]
pub(super) struct Gone;

/// The poll of an event loop, and the id by which it knows a connection.
#[derive(Clone, Copy)]
pub(super) struct Registered<'p> {
    pub(super) registry: &'p Registry,
    pub(super) id: ConnectionId,
}

/// A connected, non-blocking socket.
pub(crate) struct Socket {
    io: socket2::Socket,
    /// Boxed, so that a connection without it takes no more memory than it needs.
    tls: Option<Box<Tls>>,
    /// With a keeper.
    entry: Option<Box<Entry>>,
}

/// How much was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reading {
    /// How many bytes came; none if nothing is there.
    pub(super) bytes: usize,
    /// Whether there may be more: there was no room for it, or the end has come.
    pub(super) has_more: bool,
}

impl Socket {
    /// The socket has to be non-blocking.
    pub(super) fn plain(socket: impl Into<OwnedFd>) -> Self {
        Self { io: socket.into().into(), tls: None, entry: None }
    }

    /// A connection whose handshake is over, and of which rustls has nothing to send or to be read. The bytes in `ahead` were read
    /// from the socket and not given to rustls; the text in them is appended to `unread`. `held` is dropped with the socket.
    ///
    /// # Errors
    /// If the keys can't be taken, or the connection is over.
    pub(super) fn tls(
        socket: impl Into<OwnedFd>,
        (mut connection, held): (ServerConnection, Option<Held>),
        mut ahead: Vec<u8>,
        unread: &mut Vec<u8>,
    ) -> io::Result<Self> {
        let io = socket2::Socket::from(socket.into());
        if let Some(farewell) = tls::farewell(&mut connection) {
            // The client may not take it at once; then it sees that something is missing.
            let _ = (&io).write(&farewell);
            return Err(io::Error::other("the keys of the connection have changed"));
        }
        let mut tls = Tls::take_over(connection, held).map_err(io::Error::other)?;
        let received = tls.receive::<Gone>(&mut ahead, |text| {
            unread.extend_from_slice(text);
            Ok(())
        });
        match received {
            Ok(()) if !tls.has_closed() => Ok(Self { io, tls: Some(Box::new(tls)), entry: None }),
            _ => Err(ErrorKind::ConnectionAborted.into()),
        }
    }

    /// A connection of another process, with the TLS that it has there.
    pub(super) fn moved(socket: OwnedFd, tls: Option<Tls>) -> Self {
        Self { io: socket.into(), tls: tls.map(Box::new), entry: None }
    }

    /// Its TLS, if it has any, for another process.
    pub(super) fn tls_record(&self) -> Option<TlsRecord> {
        self.tls.as_ref()?.record()
    }

    /// Whether another process can go on with it.
    pub(super) fn is_movable(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.is_movable())
    }

    /// Watches for something to read. Not for room to write: a client that keeps up always has that, and each wake-up
    /// costs.
    pub(super) fn register(&mut self, poll: Registered<'_>) -> io::Result<()> {
        poll.registry.register(&mut SourceFd(&self.io.as_raw_fd()), poll.id.token(), Interest::READABLE)
    }

    /// Watches for room to write, too, or no longer.
    pub(super) fn watch_writable(&mut self, wanted: bool, poll: Registered<'_>) -> Result<(), Gone> {
        let interest = if wanted { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let mut source = SourceFd(&self.io.as_raw_fd());
        poll.registry.reregister(&mut source, poll.id.token(), interest).map_err(|_| Gone)
    }

    /// Sends as much of `text` as there is room for, and returns the rest.
    pub(super) fn send(&mut self, text: &Bytes) -> Result<Rest, Gone> {
        let Some(tls) = &mut self.tls else {
            if let Some(entry) = &mut self.entry {
                entry.begin_own(text, &[], 0);
            }
            let taken = written(self.io.write(text))?;
            return Ok(Rest::of_text(text, taken));
        };
        let (mut text, mut record) = (text.clone(), Vec::new());
        while !text.is_empty() {
            record.clear();
            text.advance(tls.seal(&text, &mut record)?);
            if let Some(entry) = &mut self.entry {
                entry.begin_own(&record, &text, tls.sequence());
            }
            let taken = written(self.io.write(&record))?;
            if taken < record.len() {
                return Ok(Rest { begun: record[taken..].to_vec().into(), text });
            }
        }
        Ok(Rest::default())
    }

    /// The same for two pieces in a row.
    pub(super) fn send_two(&mut self, first: &[u8], second: &Bytes) -> Result<Rest, Gone> {
        if self.tls.is_some() {
            return self.send(&[first, second].concat().into());
        }
        if let Some(entry) = &mut self.entry {
            entry.begin_own(&[first, second].concat(), &[], 0);
        }
        let taken = written(self.io.write_vectored(&[IoSlice::new(first), IoSlice::new(second)]))?;
        match taken.checked_sub(first.len()) {
            Some(taken) => Ok(Rest { begun: second.slice(taken..), text: Bytes::new() }),
            None => Ok(Rest { begun: Bytes::copy_from_slice(&first[taken..]), text: second.clone() }),
        }
    }

    /// Sends bytes that are sealed already, or belong to what was begun.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Gone> {
        written(self.io.write(bytes))
    }

    /// Whether text has to be sealed.
    pub(super) fn seals(&self) -> bool {
        self.tls.is_some()
    }

    /// Seals all of `text`, which fits into a record. The record has to be sent before anything else.
    pub(super) fn seal(&mut self, text: &[u8], records: &mut Vec<u8>) -> Result<(), Gone> {
        self.tls.as_mut().map_or(Ok(()), |tls| tls.seal(text, records).map(drop))
    }

    /// Takes the beginning of `text` as bytes to be sent: all of it, or a record.
    pub(super) fn begin(&mut self, text: &mut Bytes) -> Result<Bytes, Gone> {
        let begun = match &mut self.tls {
            None => mem::take(text),
            Some(tls) => {
                let mut record = Vec::new();
                text.advance(tls.seal(text, &mut record)?);
                record.into()
            }
        };
        let sequence = self.sequence();
        if let Some(entry) = &mut self.entry {
            entry.begin_own(&begun, text, sequence);
        }
        Ok(begun)
    }

    /// Reads what there is and fits into `buffer`, and hands the text on in pieces. With an entry it comes by way of `kept`.
    ///
    /// # Errors
    /// [`Gone`], also at the end, or that of `each`.
    pub(super) fn read<E: From<Gone>>(
        &mut self,
        (buffer, mut kept): (&mut [u8], Option<&mut ReadBuffer>),
        each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Reading, E> {
        if self.tls.as_ref().is_some_and(|tls| tls.has_closed()) {
            return Err(Gone.into());
        }
        let length = loop {
            let read = match &mut self.entry {
                Some(entry) => entry.read(&self.io, buffer, kept.as_deref_mut()),
                None => self.io.read(buffer),
            };
            match read {
                Ok(0) => return Err(Gone.into()),
                Ok(length) => break length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Reading { bytes: 0, has_more: false });
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone.into()),
            }
        };
        self.receive(&mut buffer[..length], each)?;
        let has_closed = self.tls.as_ref().is_some_and(|tls| tls.has_closed());
        Ok(Reading { bytes: length, has_more: length == buffer.len() || has_closed })
    }

    /// Hands the text on in pieces that is in `bytes`, which were read before anything that hasn't been.
    ///
    /// # Errors
    /// [`Gone`], if they aren't what the peer may send, or that of `each`.
    pub(super) fn receive<E: From<Gone>>(
        &mut self,
        bytes: &mut [u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match &mut self.tls {
            None => each(bytes),
            Some(tls) => tls.receive(bytes, each),
        }
    }

    /// The record that comes last, if the connection needs one.
    pub(super) fn end(&mut self) -> Result<Bytes, Gone> {
        let mut record = Vec::new();
        self.tls.as_mut().map_or(Ok(()), |tls| tls.close(&mut record))?;
        let sequence = self.sequence();
        if let Some(entry) = &mut self.entry {
            entry.begin_own(&record, &[], sequence);
        }
        Ok(record.into())
    }

    /// The number of its next TLS record; 0 without TLS.
    pub(super) fn sequence(&self) -> u64 {
        self.tls.as_ref().map_or(0, |tls| tls.sequence())
    }

    /// Its entry in the ledger, if it has one.
    pub(super) fn entry(&mut self) -> Option<&mut Entry> {
        self.entry.as_deref_mut()
    }

    pub(super) fn entry_number(&self) -> Option<u32> {
        self.entry.as_ref()?.number()
    }

    pub(super) fn set_entry(&mut self, entry: Option<Entry>) {
        self.entry = entry.map(Box::new);
    }

    /// Sends the end after everything that was sent; the peer may go on.
    pub(super) fn finish(&mut self) -> Result<(), Gone> {
        self.io.shutdown(Shutdown::Write).map_err(|_| Gone)
    }

    /// Whether it has to end in order soon.
    pub(super) fn is_worn_out(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_worn_out())
    }

    #[cfg(test)]
    pub(super) fn wear_out(&mut self) {
        self.tls.as_mut().unwrap().wear_out();
    }

    /// Whether something is kept of what its peer has begun to send.
    pub(super) fn has_partial(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_partial())
    }

    /// Ends the connection. Another process may hold a duplicate of the socket, which a mere drop would leave connected
    /// and registered with the poll.
    pub(super) fn close(self, registry: &Registry) {
        // Each fails only for a socket that the peer has reset.
        let _ = registry.deregister(&mut SourceFd(&self.io.as_raw_fd()));
        let _ = self.io.shutdown(Shutdown::Both);
    }

    /// Leaves the poll; the connection stays.
    pub(super) fn release(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut SourceFd(&self.io.as_raw_fd()))
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

/// How many bytes a socket took; none if it has no room.
pub(super) fn written(result: io::Result<usize>) -> Result<usize, Gone> {
    match result {
        Ok(bytes) => Ok(bytes),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        Err(_) => Err(Gone),
    }
}
