//! The one seam between bytes and the network: what an event loop sends and reads goes through here, except that the
//! sender gives io_uring the descriptor. A socket that encrypts would do so here.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use mio::{Interest, Registry};

use super::connection::ConnectionId;

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
#[derive(Debug)]
pub(crate) struct Socket(mio::net::TcpStream);

impl From<TcpStream> for Socket {
    /// The socket has to be non-blocking.
    fn from(socket: TcpStream) -> Self {
        Self(mio::net::TcpStream::from_std(socket))
    }
}

impl Socket {
    /// Watches for something to read. Not for room to write: a client that keeps up always has that, and each wake-up
    /// costs.
    pub(super) fn register(&mut self, poll: Registered<'_>) -> io::Result<()> {
        poll.registry.register(&mut self.0, poll.id.token(), Interest::READABLE)
    }

    /// Watches for room to write, too, or no longer.
    pub(super) fn watch_writable(&mut self, wanted: bool, poll: Registered<'_>) -> Result<(), Gone> {
        let interest = if wanted { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        poll.registry.reregister(&mut self.0, poll.id.token(), interest).map_err(|_| Gone)
    }

    /// Sends as many of `bytes` as there is room for, and returns their number.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Gone> {
        written(self.0.write(bytes))
    }

    /// The same for two pieces in a row.
    pub(super) fn write_two(&mut self, first: &[u8], second: &[u8]) -> Result<usize, Gone> {
        written(self.0.write_vectored(&[IoSlice::new(first), IoSlice::new(second)]))
    }

    /// Reads as many bytes as there are and as fit; none if nothing has come.
    ///
    /// # Errors
    /// [`Gone`], also at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Gone> {
        loop {
            return match self.0.read(buffer) {
                Ok(0) => Err(Gone),
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => Err(Gone),
            };
        }
    }

    /// Sends the end after everything that was sent; the peer may go on.
    pub(super) fn finish(&mut self) -> Result<(), Gone> {
        self.0.shutdown(Shutdown::Write).map_err(|_| Gone)
    }

    /// Ends the connection. Another process may hold a duplicate of the socket, which a mere drop would leave connected
    /// and registered with the poll.
    pub(super) fn close(mut self, registry: &Registry) {
        // Each fails only for a socket that the peer has reset.
        let _ = registry.deregister(&mut self.0);
        let _ = self.0.shutdown(Shutdown::Both);
    }

    /// Leaves the poll; the connection stays.
    pub(super) fn release(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut self.0)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
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
