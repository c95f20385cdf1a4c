//! Connections that another program has accepted and hands on: each is a message over a Unix datagram socket, with one
//! descriptor (SCM_RIGHTS) and the bytes that were read from it already.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixDatagram, UnixStream};

use super::super::address::Peer;
use super::super::stream::SocketStream;
use super::{Accepted, tcp};

/// The most bytes that may have been read already: those of a ClientHello.
const MAX_UNREAD: usize = 64 * 1024;

/// A message that hands no connection on, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// More bytes than there may be.
    TooLong,
    /// None, or more than one.
    Descriptors,
    NotConnected,
}

/// What came with a message.
struct Message {
    unread: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    flags: ReturnFlags,
}

/// The next connection.
///
/// # Errors
/// The system's, also if a descriptor got lost because there was no file left for it.
pub(super) async fn receive(socket: &UnixDatagram) -> io::Result<Accepted> {
    loop {
        let message = socket.async_io(Interest::READABLE, || Ok(read(socket)?)).await?;
        if message.flags.contains(ReturnFlags::CTRUNC) && message.descriptors.is_empty() {
            return Err(Errno::MFILE.into());
        }
        match message.connection() {
            Ok((stream, unread)) => match accepted(stream, unread) {
                Ok(accepted) => return Ok(accepted),
                Err(error) => tracing::debug!(%error, "a connection that was passed has ended"),
            },
            // The sender is a local program that may do so; it is the one to be repaired.
            Err(fault) => tracing::warn!("a connection that was passed is dropped: {fault}"),
        }
    }
}

fn read(socket: &UnixDatagram) -> rustix::io::Result<Message> {
    let mut unread = vec![0; MAX_UNREAD];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut unread)], &mut control, flags)?;
    unread.truncate(received.bytes);
    unread.shrink_to_fit();
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok(Message { unread, descriptors: descriptors.flatten().collect(), flags: received.flags })
}

impl Message {
    /// The connection, and what was read from it. Otherwise all descriptors are closed.
    fn connection(self) -> Result<(Socket, Vec<u8>), Fault> {
        let Ok([descriptor]) = <[OwnedFd; 1]>::try_from(self.descriptors) else {
            return Err(Fault::Descriptors);
        };
        if self.flags.contains(ReturnFlags::CTRUNC) {
            return Err(Fault::Descriptors);
        }
        if self.flags.contains(ReturnFlags::TRUNC) {
            return Err(Fault::TooLong);
        }
        let stream = Socket::from(descriptor);
        let is_stream = stream.r#type().is_ok_and(|kind| kind == Type::STREAM);
        if is_stream && stream.peer_addr().is_ok() {
            Ok((stream, self.unread))
        } else {
            Err(Fault::NotConnected)
        }
    }
}

fn accepted(stream: Socket, unread: Vec<u8>) -> io::Result<Accepted> {
    stream.set_nonblocking(true)?;
    let peer = stream.peer_addr()?;
    if is_unix(&peer) {
        SockRef::from(&stream).set_send_buffer_size(tcp::SEND_BUFFER)?;
        let stream = SocketStream::Unix(UnixStream::from_std(stream.into())?);
        return Ok(Accepted { stream, peer: Peer::local(), unread });
    }
    tcp::set_options(&stream)?;
    let address = peer.as_socket().ok_or(io::ErrorKind::Unsupported)?.ip();
    let stream = SocketStream::Tcp(TcpStream::from_std(stream.into())?);
    Ok(Accepted { stream, peer: Peer::at(address), unread })
}

fn is_unix(address: &SockAddr) -> bool {
    address.domain() == Domain::UNIX
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "more than 64 KiB were read from it already",
            Self::Descriptors => "the message has not exactly one descriptor",
            Self::NotConnected => "the descriptor isn't a connected stream socket",
        })
    }
}
