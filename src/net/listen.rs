//! Sockets that listen: the server's own, those that systemd has opened, and those over which another program passes connections.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram as StdUnixDatagram;
use std::path::PathBuf;

use onlookers_activation::Passed;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, UnixDatagram, UnixListener};

use super::address::Peer;
use super::listener::Place;
use super::stream::SocketStream;
pub(crate) use inherited::Inherited;
use unix::RemoveOnDrop;

mod handed;
mod inherited;
mod tcp;
mod unix;

/// A socket that connections come from.
pub(crate) struct ListenSocket {
    /// Its file, which this process has to remove; dropped first.
    file: Option<RemoveOnDrop>,
    /// What it was opened for, and the place of the configuration.
    name: String,
    kind: Kind,
}

enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener),
    /// Connections come as messages.
    Handed(UnixDatagram),
}

/// What a socket listens for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// Visitors.
    Visitors,
    /// Operators.
    Admin,
    /// Orders to this process.
    Control,
}

/// A connection that has come.
pub(crate) struct Accepted {
    pub(crate) stream: SocketStream,
    pub(crate) peer: Peer,
    /// What was read from it already.
    pub(crate) unread: Vec<u8>,
}

/// Listens at `place`, with the sockets that were inherited for it, or with new ones. On Linux accepted TCP connections inherit the
/// options, which saves six system calls each. Needs a tokio runtime.
///
/// # Errors
/// The system's, if the place can't be had; others with a sentence.
pub(crate) fn bind(
    purpose: Purpose,
    place: &Place,
    inherited: &mut Inherited,
) -> io::Result<Vec<ListenSocket>> {
    let name = format!("{}{place}", purpose.prefix());
    let found = inherited.take(&name, matches!(place, Place::Systemd(_)));
    // One whose file has gone can't be reached any more.
    let has_file = match place {
        Place::Unix(file) | Place::Passed(file) => file.path.symlink_metadata().is_ok(),
        Place::Tcp(_) | Place::Systemd(_) => true,
    };
    if !found.is_empty() && has_file {
        return found
            .into_iter()
            .map(|socket| ListenSocket::inherited(name.clone(), socket, place))
            .collect();
    }
    match place {
        Place::Tcp(address) => Ok(vec![ListenSocket::of(name, tcp::bind(*address)?, None)?]),
        Place::Unix(file) => {
            let (socket, file) = unix::bind(file, Type::STREAM)?;
            Ok(vec![ListenSocket::of(name, socket, Some(file))?])
        }
        Place::Passed(file) => {
            let (socket, file) = unix::bind(file, Type::DGRAM)?;
            Ok(vec![ListenSocket::of(name, socket, Some(file))?])
        }
        Place::Systemd(socket) => activated(&name, socket.as_deref()),
    }
}

/// The sockets that systemd has opened: all, or those of a name.
fn activated(place: &str, name: Option<&str>) -> io::Result<Vec<ListenSocket>> {
    let passed = onlookers_activation::passed()?.into_iter();
    let named = passed.filter(|passed| name.is_none_or(|name| passed.name == name));
    let of = |Passed { fd, name }| {
        let error = |error| io::Error::other(format!("the socket {name} of systemd: {error}"));
        let socket = Socket::from(fd);
        set_options(&socket).and_then(|()| ListenSocket::of(place.to_owned(), socket, None)).map_err(error)
    };
    let sockets = named.map(of).collect::<io::Result<Vec<_>>>()?;
    if sockets.is_empty() {
        return Err(io::Error::other(
            "systemd has passed no such socket; the unit needs a .socket beside it",
        ));
    }
    Ok(sockets)
}

/// The sockets that systemd has passed to this process, for one that it starts: by each name that [`bind`] may look for.
///
/// # Errors
/// The system's.
pub(crate) fn activated_for_child() -> io::Result<Vec<(String, OwnedFd)>> {
    let mut all = Vec::new();
    for Passed { fd, name } in onlookers_activation::passed()? {
        let socket = Socket::from(fd);
        // What can't have them is no such socket, as the other process will say.
        let _ = set_options(&socket);
        for place in [Place::Systemd(None), Place::Systemd(Some(name))] {
            all.push((format!("{}{place}", Purpose::Visitors.prefix()), socket.try_clone()?.into()));
        }
    }
    Ok(all)
}

/// Sets the options that connections inherit, which the server's own listeners have.
fn set_options(socket: &Socket) -> io::Result<()> {
    let domain = socket.local_addr()?.domain();
    if socket.r#type()? == Type::STREAM && domain != Domain::UNIX { tcp::set_options(socket) } else { Ok(()) }
}

impl ListenSocket {
    /// A socket that another process has opened at that place. Its file is that one's still.
    fn inherited(name: String, socket: Socket, place: &Place) -> io::Result<Self> {
        let file = match place {
            Place::Unix(file) | Place::Passed(file) => {
                let file = RemoveOnDrop::of(&file.path)?;
                file.keep(true);
                Some(file)
            }
            Place::Tcp(_) | Place::Systemd(_) => None,
        };
        Self::of(name, socket, file)
    }

    fn of(name: String, socket: Socket, file: Option<RemoveOnDrop>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let (is_unix, is_stream) =
            (socket.local_addr()?.domain() == Domain::UNIX, socket.r#type()? == Type::STREAM);
        if is_stream && !socket.is_listener()? || !(is_stream || is_unix) {
            return Err(io::Error::other("not a socket that listens for connections"));
        }
        let kind = match (is_unix, is_stream) {
            (false, _) => Kind::Tcp(TcpListener::from_std(socket.into())?),
            (true, true) => Kind::Unix(UnixListener::from_std(socket.into())?),
            (true, false) => Kind::Handed(UnixDatagram::from_std(StdUnixDatagram::from(socket))?),
        };
        Ok(Self { file, name, kind })
    }

    /// The next connection.
    ///
    /// # Errors
    /// The system's, also of a connection that has ended already.
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok(Accepted::new(SocketStream::Tcp(stream), Peer::at(peer.ip())))
            }
            Kind::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                // Nothing of it is inherited.
                SockRef::from(&stream).set_send_buffer_size(tcp::SEND_BUFFER)?;
                Ok(Accepted::new(SocketStream::Unix(stream), Peer::local()))
            }
            Kind::Handed(socket) => handed::receive(socket).await,
        }
    }

    /// What it was opened for, and the place of the configuration: by that the next process finds it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Another process has the socket, and its file, from now on.
    pub(crate) fn leave_file(&self) {
        self.file.as_ref().inspect(|file| file.keep(true));
    }

    /// The file is this process' from now on.
    pub(crate) fn own_file(&self) {
        self.file.as_ref().inspect(|file| file.keep(false));
    }

    /// The address of a TCP socket.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp(listener) => listener.local_addr().ok(),
            Kind::Unix(_) | Kind::Handed(_) => None,
        }
    }

    /// The file of a Unix socket.
    fn path(&self) -> Option<PathBuf> {
        match &self.kind {
            Kind::Tcp(_) => None,
            Kind::Unix(listener) => listener.local_addr().ok()?.as_pathname().map(PathBuf::from),
            Kind::Handed(socket) => socket.local_addr().ok()?.as_pathname().map(PathBuf::from),
        }
    }
}

impl Purpose {
    /// Tells sockets of one place apart, for the process after this one: so its text stays.
    fn prefix(self) -> &'static str {
        match self {
            Self::Visitors => "",
            Self::Admin => "admin ",
            Self::Control => "control ",
        }
    }
}

impl Accepted {
    fn new(stream: SocketStream, peer: Peer) -> Self {
        Self { stream, peer, unread: Vec::new() }
    }
}

impl AsFd for ListenSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.kind {
            Kind::Tcp(listener) => listener.as_fd(),
            Kind::Unix(listener) => listener.as_fd(),
            Kind::Handed(socket) => socket.as_fd(),
        }
    }
}

/// Where it listens, as a configuration has it.
impl fmt::Display for ListenSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path().unwrap_or_default();
        match &self.kind {
            Kind::Tcp(_) => self.address().map_or(Ok(()), |address| address.fmt(f)),
            Kind::Unix(_) => write!(f, "unix:{}", path.display()),
            Kind::Handed(_) => write!(f, "passed:{}", path.display()),
        }
    }
}
