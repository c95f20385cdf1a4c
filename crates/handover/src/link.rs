//! Messages with descriptors over a Unix stream socket.
//!
//! Each message is its length (4 bytes), the number of its descriptors (2 bytes), both little-endian, and its bytes. The descriptors
//! travel with the first byte: the kernel gives them to the read that takes it, and no read takes bytes before and after it.

mod error;

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, send, sendmsg,
};

pub use self::error::LinkError;
use crate::options;

/// The most descriptors in a message: the kernel takes no more (`SCM_MAX_FD`).
pub const MAX_DESCRIPTORS: usize = 253;

/// The most bytes in a message.
pub const MAX_BYTES: usize = 64 << 20;

/// The most bytes in a message that is sent without waiting: they fit into one buffer of the kernel's.
pub const SHORT: usize = 4096;

/// Bytes of a message's length and number of descriptors.
const HEAD: usize = 6;

/// Bytes for which there is room before they come: a length that the other end says costs no more than that.
const PIECE: usize = 256 << 10;

/// One end of a Unix socket that carries messages with descriptors. Every call blocks; one thread may send while another one receives.
///
/// After an error that is neither [`LinkError::TooManyInFlight`] nor [`LinkError::Lost`] nor about a message that can't be sent, part
/// of a message may be on its way, so nothing more can be understood.
#[derive(Debug)]
pub struct Link {
    socket: UnixStream,
}

/// A message that was received.
#[derive(Debug, Default)]
pub struct Message {
    /// Its bytes, at most [`MAX_BYTES`].
    pub bytes: Vec<u8>,
    /// Its descriptors in the order in which they were sent. Child processes don't inherit them.
    pub descriptors: Vec<OwnedFd>,
}

/// The process that connected the other end of a link, or had it connected, at that time. Both ends of [`Link::pair`] are of the one that
/// called it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its process; `None`, if that is not visible from here: a container doesn't see the processes around it.
    pub pid: Option<u32>,
    /// Its effective user.
    pub uid: u32,
}

impl Link {
    /// A link, and the other end, which is for another process. Child processes inherit neither, unless told to ([`inherit`]).
    ///
    /// # Errors
    /// The system's, if there are too many files open.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (socket, other) = UnixStream::pair()?;
        Ok((Self { socket }, other.into()))
    }

    /// Bounds how long each system call of a send or receive may wait; a message that takes several may take longer. Then the call
    /// fails with [`io::ErrorKind::TimedOut`].
    ///
    /// # Errors
    /// If it is zero.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(timeout)?;
        self.socket.set_write_timeout(timeout)
    }

    /// The same end once more; the timeout is one for both.
    ///
    /// # Errors
    /// The system's, if there are too many files open.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.try_clone()? })
    }

    /// Returns who is at the other end.
    ///
    /// # Errors
    /// The system's, if this isn't a Unix socket.
    pub fn peer(&self) -> io::Result<Peer> {
        let (pid, uid) = options::peer(self.socket.as_fd())?;
        Ok(Peer { pid: u32::try_from(pid).ok().filter(|pid| *pid > 0), uid })
    }

    /// Sends `bytes` and duplicates of the descriptors.
    ///
    /// # Errors
    /// [`LinkError::TooLong`], if there are too many of either; [`LinkError::TooManyInFlight`], if the user has more descriptors
    /// in messages that nobody has received than a process may have open (nothing was sent then); [`LinkError::Closed`].
    pub fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), LinkError> {
        if bytes.len() > MAX_BYTES || descriptors.len() > MAX_DESCRIPTORS {
            return Err(LinkError::TooLong);
        }
        let head = head(bytes.len(), descriptors.len());
        let mut sent = self.send_first(&head, bytes, descriptors, SendFlags::NOSIGNAL)?;
        while sent < HEAD + bytes.len() {
            sent += match sent.checked_sub(HEAD) {
                Some(of_bytes) => self.send_some(&bytes[of_bytes..])?,
                None => self.send_some(&head[sent..])?,
            };
        }
        Ok(())
    }

    /// Sends a short message, if that takes no waiting.
    ///
    /// # Errors
    /// Those of [`send`](Self::send); [`LinkError::TooLong`] also beyond [`SHORT`] bytes; and [`io::ErrorKind::TimedOut`], if there is no
    /// room for it. Nothing was sent then.
    pub fn try_send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), LinkError> {
        if bytes.len() > SHORT || descriptors.len() > MAX_DESCRIPTORS {
            return Err(LinkError::TooLong);
        }
        // The kernel takes so few bytes as a whole, or not at all.
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        self.send_first(&head(bytes.len(), descriptors.len()), bytes, descriptors, flags).map(drop)
    }

    /// Receives the next message, however long that takes.
    ///
    /// # Errors
    /// [`LinkError::Lost`], if the descriptors are not those that the message announces: this process has too many files open. It
    /// keeps none of them then, and the next message can be received. [`LinkError::Closed`] after the last message.
    pub fn receive(&self) -> Result<Message, LinkError> {
        let mut parts = Parts::default();
        let mut head = [0; HEAD];
        self.fill(&mut head, &mut parts)?;
        let (length, count) = read_head(head);
        if length > MAX_BYTES || count > MAX_DESCRIPTORS {
            return Err(LinkError::TooLong);
        }
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let known = bytes.len();
            bytes.resize(length.min(known + PIECE), 0);
            self.fill(&mut bytes[known..], &mut parts)?;
        }
        if parts.is_cut || parts.descriptors.len() != count {
            return Err(LinkError::Lost);
        }
        Ok(Message { bytes, descriptors: parts.descriptors })
    }

    /// Begins a message. Returns how many bytes of it were sent: one at least, with which the descriptors went.
    fn send_first(
        &self,
        head: &[u8],
        bytes: &[u8],
        descriptors: &[BorrowedFd<'_>],
        flags: SendFlags,
    ) -> Result<usize, LinkError> {
        let pieces = [IoSlice::new(head), IoSlice::new(bytes)];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        loop {
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
                return Err(LinkError::TooLong);
            }
            match sendmsg(&self.socket, &pieces, &mut control, flags) {
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }

    fn send_some(&self, bytes: &[u8]) -> Result<usize, LinkError> {
        Ok(rustix::io::retry_on_intr(|| send(&self.socket, bytes, SendFlags::NOSIGNAL))?)
    }

    /// Receives exactly as many bytes as there is room for, and the descriptors that come with them.
    fn fill(&self, mut room: &mut [u8], parts: &mut Parts) -> Result<(), LinkError> {
        while !room.is_empty() {
            let received = parts.receive(&self.socket, room)?;
            if received == 0 {
                return Err(LinkError::Closed);
            }
            room = &mut room[received..];
        }
        Ok(())
    }
}

/// What came beside the bytes of a message.
#[derive(Default)]
struct Parts {
    descriptors: Vec<OwnedFd>,
    /// Whether the system had to drop descriptors.
    is_cut: bool,
}

impl Parts {
    fn receive(&mut self, socket: &UnixStream, room: &mut [u8]) -> Result<usize, LinkError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::io::retry_on_intr(|| {
            recvmsg(socket, &mut [IoSliceMut::new(room)], &mut control, RecvFlags::CMSG_CLOEXEC)
        })?;
        self.is_cut |= received.flags.contains(ReturnFlags::CTRUNC);
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        Ok(received.bytes)
    }
}

/// Lets child processes inherit the descriptor, under the same number. All of them do that are started from now on, until it is closed: start
/// none meanwhile but the one it is for.
///
/// # Errors
/// The system's.
pub fn inherit(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let flags = fcntl_getfd(descriptor)?;
    Ok(fcntl_setfd(descriptor, flags - FdFlags::CLOEXEC)?)
}

fn head(length: usize, descriptors: usize) -> [u8; HEAD] {
    // Neither is cut: `MAX_BYTES` and `MAX_DESCRIPTORS` are less than what there is room for.
    let [a, b, c, d] = (length as u32).to_le_bytes();
    let [e, f] = (descriptors as u16).to_le_bytes();
    [a, b, c, d, e, f]
}

fn read_head([a, b, c, d, e, f]: [u8; HEAD]) -> (usize, usize) {
    (u32::from_le_bytes([a, b, c, d]) as usize, u16::from_le_bytes([e, f]).into())
}

impl From<UnixStream> for Link {
    fn from(socket: UnixStream) -> Self {
        Self { socket }
    }
}

impl From<OwnedFd> for Link {
    fn from(socket: OwnedFd) -> Self {
        Self { socket: socket.into() }
    }
}

impl From<Link> for OwnedFd {
    fn from(link: Link) -> Self {
        link.socket.into()
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
