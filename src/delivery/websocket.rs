//! WebSockets: the viewers with scripts, who hear counts as messages and may talk.
//!
//! A connection is a task that reads. It is not woken for what all are told: a [circle](crate::circle) writes that to the
//! sockets itself; nor to be asked whether the page is still there: the [`Keeper`] does.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) use connection::{Guest, Manner};
pub(crate) use handshake::Key;
pub(crate) use keeper::Keeper;
pub(crate) use outbox::Outbox;

use crate::http::House;

mod connection;
pub(crate) mod frame;
mod handshake;
mod keeper;
mod limits;
mod messages;
mod outbox;
mod rooms;

/// A socket whose opening was judged.
pub(crate) struct Opened {
    /// Non-blocking, and watched by nobody.
    pub(crate) socket: std::net::TcpStream,
    /// What came behind the request's head. It pins hyper's buffer: not to be kept.
    pub(crate) behind: Bytes,
    pub(crate) key: Key,
    pub(crate) guest: Guest,
}

/// Accepts the opening, and serves the connection until it ends.
pub(crate) fn serve(opened: Opened, house: Arc<House>) {
    let Opened { socket, behind, key, guest } = opened;
    let Ok(socket) = TcpStream::from_std(socket) else { return };
    let outbox = Outbox::new(socket);
    if outbox.answer(&key.accept()).is_ok() {
        // A task of its own, as small as it can be: it lives as long as the page is open.
        tokio::spawn(guest.enter(house, outbox, &behind));
    }
}

/// How long a page may take to close a connection that is at its end, and how much it may still send.
const FAREWELL: Duration = Duration::from_secs(2);
const MOST_JUNK: usize = 64 * 1024;

/// Ends a connection with a close frame. What still comes is read until the page closes too: to close with that unread
/// would be to reset, and a reset can overtake the frame.
async fn hang_up(outbox: &Outbox, code: u16) {
    let last = [outbox.take_rest(), frame::close(code)].concat();
    let socket = outbox.socket();
    let farewell = async {
        let mut sent = 0;
        while sent < last.len() {
            socket.writable().await?;
            sent += unless_blocked(socket.try_write(&last[sent..]))?.unwrap_or(0);
        }
        SockRef::from(socket).shutdown(Shutdown::Write)?;
        let (mut junk, mut buffer) = (0, [0; 1024]);
        while junk < MOST_JUNK {
            socket.readable().await?;
            match unless_blocked(socket.try_read(&mut buffer))? {
                Some(0) => break,
                some => junk += some.unwrap_or(0),
            }
        }
        io::Result::Ok(())
    };
    if !matches!(timeout(FAREWELL, farewell).await, Ok(Ok(()))) {
        tracing::debug!(code, "a WebSocket was not closed by both sides");
    }
}

fn unless_blocked(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        done => done.map(Some),
    }
}
