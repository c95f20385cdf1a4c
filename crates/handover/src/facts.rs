//! The kernel's own account of a socket, the same whichever processes have used it.

use std::io;
use std::os::fd::AsFd;

use rustix::io::{Errno, ioctl_fionread};
use rustix::net::sockopt::socket_cookie;

use crate::options::tcp_info;

/// States of a TCP connection, as the kernel numbers them.
const ESTABLISHED: u8 = 1;
const CLOSE_WAIT: u8 = 8;

/// The kernel's account of a TCP connection on which this side can still send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// The number of the socket, which no other one has had since the machine was started (`SO_COOKIE`). Never 0.
    pub cookie: u64,
    /// How many bytes the socket has taken since it was connected. The peer may not have got them all yet.
    pub taken: u64,
    /// How many bytes were read from the socket since it was connected.
    pub read: u64,
}

impl Facts {
    /// Looks at a socket; none, if it isn't TCP, or no more can be sent: this side has ended, or the connection has.
    ///
    /// # Errors
    /// The system's, for what isn't a socket.
    pub fn of(socket: impl AsFd) -> io::Result<Option<Self>> {
        let socket = socket.as_fd();
        let cookie = socket_cookie(socket)?;
        loop {
            let info = match tcp_info(socket) {
                Ok(info) => info,
                Err(error) if is_not_tcp(&error) => return Ok(None),
                Err(error) => return Err(error),
            };
            if ![ESTABLISHED, CLOSE_WAIT].contains(&info.tcpi_state) {
                return Ok(None);
            }
            let unread = ioctl_fionread(socket)?;
            // Either nothing has come since, or it is among what wasn't read.
            if unread == 0 || received(&tcp_info(socket)?) == received(&info) {
                let read = received(&info).saturating_sub(unread);
                return Ok(Some(Self { cookie, taken: taken(&info), read }));
            }
        }
    }
}

/// The bytes that the kernel has accepted: those sent at least once, and those still queued. This side has not closed
/// the stream, so no FIN is among them.
fn taken(info: &libc::tcp_info) -> u64 {
    (info.tcpi_bytes_sent + u64::from(info.tcpi_notsent_bytes)).saturating_sub(info.tcpi_bytes_retrans)
}

/// The peer's end counts as a byte.
fn received(info: &libc::tcp_info) -> u64 {
    info.tcpi_bytes_received.saturating_sub(u64::from(info.tcpi_state == CLOSE_WAIT))
}

fn is_not_tcp(error: &io::Error) -> bool {
    [Errno::NOPROTOOPT, Errno::OPNOTSUPP]
        .map(|errno| errno.raw_os_error())
        .map(Some)
        .contains(&error.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, client)
    }

    fn facts(socket: &TcpStream) -> Facts {
        Facts::of(socket).unwrap().unwrap()
    }

    #[test]
    fn what_the_socket_took_is_counted_whether_it_was_read_or_not() {
        let (mut server, mut client) = pair();
        assert_eq!((facts(&server).taken, facts(&server).read), (0, 0));
        server.set_nonblocking(true).unwrap();
        let mut taken = 0;
        while let Ok(bytes) = server.write(&[7; 5000]) {
            taken += bytes as u64;
            assert_eq!(facts(&server).taken, taken);
        }
        let mut half = vec![0; taken as usize / 2];
        client.read_exact(&mut half).unwrap();
        while let Ok(bytes) = server.write(&[7; 777]) {
            taken += bytes as u64;
        }
        assert_eq!(facts(&server).taken, taken);
        assert_ne!(facts(&server).cookie, facts(&client).cookie);
    }

    #[test]
    fn what_was_read_is_counted_and_not_what_waits() {
        let (mut server, mut client) = pair();
        client.write_all(b"0123456789").unwrap();
        let mut some = [0; 4];
        server.read_exact(&mut some).unwrap();
        assert_eq!(facts(&server).read, 4);
        client.shutdown(Shutdown::Write).unwrap();
        let mut rest = [0; 6];
        server.read_exact(&mut rest).unwrap();
        assert_eq!(server.read(&mut rest).unwrap(), 0);
        assert_eq!(facts(&server).read, 10);
    }

    #[test]
    fn what_has_ended_has_no_facts_nor_has_a_unix_socket() {
        let (server, _client) = pair();
        server.shutdown(Shutdown::Write).unwrap();
        assert_eq!(Facts::of(&server).unwrap(), None);
        let (unix, _other) = UnixStream::pair().unwrap();
        assert_eq!(Facts::of(&unix).unwrap(), None);
        assert!(Facts::of(std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
