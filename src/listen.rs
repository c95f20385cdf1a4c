//! Where connections come from: TCP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;

/// How many connections may wait to be accepted; the kernel may allow fewer (net.core.somaxconn).
const BACKLOG: i32 = 4096;

/// A peer that acknowledges nothing for so long is gone, and on Linux one that takes nothing, too. A frame sent shortly
/// before the time is over starts it anew; so twice this, at most, bounds how long a visitor who vanished without a word
/// is counted, whatever the repaint.
const USER_TIMEOUT: Duration = Duration::from_secs(14);

/// When nothing is sent for so long, ask the peer whether it is there; and then, until the time above is over, every
/// second. A question is a packet that nobody sends again: with one every three seconds, two that were lost put a page out,
/// as they did of 10,000 idle WebSockets over loopback, which drops what is more than a thousand at once.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(8))
    .with_interval(Duration::from_secs(1))
    .with_retries(6);

/// How much the kernel may keep for a viewer that doesn't take it, in bytes: some frames, so that a slow viewer skips to
/// the newest number instead of watching a minute of old ones. (Linux doubles it for its own overhead.)
const SEND_BUFFER: usize = 16 * 1024;

/// Listens on `address`. What is set here holds for every connection accepted: on Linux they inherit it, which spares
/// six system calls each.
///
/// # Errors
/// The system's, if the address can't be had.
pub(crate) fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;

    #[tokio::test]
    async fn accepted_connections_inherit_the_options() {
        let listener = tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let _client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let accepted = SockRef::from(&accepted);
        assert!(accepted.tcp_nodelay().unwrap() && accepted.keepalive().unwrap());
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), Duration::from_secs(8));
        assert_eq!(accepted.tcp_keepalive_interval().unwrap(), Duration::from_secs(1));
        assert_eq!(accepted.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
        assert_eq!(accepted.send_buffer_size().unwrap(), 2 * SEND_BUFFER);
    }
}
