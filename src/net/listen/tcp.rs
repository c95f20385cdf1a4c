//! Listening TCP sockets, and the options that accepted connections inherit.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// How many connections may wait to be accepted; the kernel may allow fewer (net.core.somaxconn).
pub(super) const BACKLOG: i32 = 4096;

/// A peer that acknowledges nothing for this long is gone; on Linux, so is one that accepts no data. A frame sent shortly
/// before the end starts the time again, so a visitor who vanished silently is counted for at most twice this time,
/// whatever `--repaint` is.
const USER_TIMEOUT: Duration = Duration::from_secs(14);

/// Keepalive probes begin after 8 s of silence and repeat every second until [`USER_TIMEOUT`]. A lost probe is not sent
/// again: with one every three seconds, two lost probes ended a connection. That happened to some of 10,000 idle
/// WebSockets over loopback, which drops packets beyond about a thousand at once.
pub(crate) const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(8))
    .with_interval(Duration::from_secs(1))
    .with_retries(6);

/// The kernel's send buffer of a connection, in bytes: a few frames, so that a slow viewer skips to the newest number
/// instead of seeing a minute of old ones. (Linux doubles it for its own overhead.)
pub(super) const SEND_BUFFER: usize = 16 * 1024;

/// Listens on `address`. On Linux accepted connections inherit the options, which saves six system calls each.
///
/// # Errors
/// The system's, if the address can't be bound.
pub(super) fn bind(address: SocketAddr) -> io::Result<Socket> {
    match listen(address) {
        // All addresses of a machine without IPv6, as containers may be.
        Err(error) if has_no_ipv6(&error) && address.ip() == Ipv6Addr::UNSPECIFIED => {
            listen((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        other => other,
    }
}

fn has_no_ipv6(error: &io::Error) -> bool {
    let codes =
        [rustix::io::Errno::AFNOSUPPORT, rustix::io::Errno::ADDRNOTAVAIL].map(|code| code.raw_os_error());
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn listen(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `[::]` is all addresses, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    set_options(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Sets the options of connections.
///
/// # Errors
/// The system's.
pub(super) fn set_options(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.set_send_buffer_size(SEND_BUFFER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;

    fn listening(address: &str) -> std::net::TcpListener {
        bind(address.parse().unwrap()).unwrap().into()
    }

    #[test]
    fn the_unspecified_address_is_of_both_families() {
        let listener = listening("[::]:0");
        let port = listener.local_addr().unwrap().port();
        for address in [(Ipv4Addr::LOCALHOST, port).into(), SocketAddr::from((Ipv6Addr::LOCALHOST, port))] {
            assert!(std::net::TcpStream::connect(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn accepted_connections_inherit_the_options() {
        let listener = listening("127.0.0.1:0");
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let accepted = SockRef::from(&accepted);
        assert!(accepted.tcp_nodelay().unwrap() && accepted.keepalive().unwrap());
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), Duration::from_secs(8));
        assert_eq!(accepted.tcp_keepalive_interval().unwrap(), Duration::from_secs(1));
        assert_eq!(accepted.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
        assert_eq!(accepted.send_buffer_size().unwrap(), 2 * SEND_BUFFER);
    }
}
