//! One viewer: a socket, and at most the rest of one part.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::Newcomer;
use crate::feed::FeedId;
use crate::net::capacity::Permit;
use crate::room::CountGuard;

/// How many bytes a viewer may send behind its request before it is let go. A browser sends none.
const MOST_JUNK: usize = 64 * 1024;

/// By what a thread knows a viewer. There are fewer sockets than that has numbers; lists of them are long.
pub(super) type Key = u32;

/// The viewer has gone, or has to.
#[derive(Debug)]
pub(super) struct Gone;

/// An open stream.
#[derive(Debug)]
pub(super) struct Viewer {
    socket: TcpStream,
    /// The part that the socket didn't take whole.
    stalled: Option<Box<Stalled>>,
    /// Everything was sent that will be.
    finished: bool,
    /// Whether it is repainted each time it is looked at, or every second time only.
    hangs_up_late: bool,
    passed_over: bool,
    junk: u32,
    /// Its place among the viewers of its feed.
    pub(super) place: u32,
    pub(super) feed: FeedId,
    /// Dropped before the presence: whoever hears that somebody has left can take the permit.
    _permit: Permit,
    _presence: Option<CountGuard>,
}

/// What a slow viewer still has to take.
#[derive(Debug)]
struct Stalled {
    rest: Bytes,
    /// Whether a newer frame has come since.
    behind: bool,
    since: Instant,
}

impl Viewer {
    /// Watches the newcomer's socket for its end, under `token`.
    pub(super) fn new(newcomer: Newcomer, place: u32, registry: &Registry, token: Token) -> io::Result<Self> {
        let Newcomer { socket, feed, presence, permit, hangs_up_late, .. } = newcomer;
        let mut socket = TcpStream::from_std(socket);
        // Not for room to write: a viewer that keeps up always has that, and each wake-up would cost.
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(Self {
            socket,
            stalled: None,
            finished: false,
            hangs_up_late,
            passed_over: false,
            junk: 0,
            place,
            feed: feed.id(),
            _presence: presence,
            _permit: permit,
        })
    }

    /// Sends the opening and the first frame, in one write.
    pub(super) fn open(
        &mut self,
        opening: &[u8],
        frame: &Bytes,
        registry: &Registry,
        token: Token,
    ) -> Result<(), Gone> {
        let wrote = self.socket.write_vectored(&[IoSlice::new(opening), IoSlice::new(frame)]);
        match taken(wrote)? {
            all if all == opening.len() + frame.len() => Ok(()),
            some => {
                let rest = Bytes::from([opening, frame].concat()).slice(some..);
                self.stall(Stalled { rest, behind: false, since: Instant::now() }, registry, token)
            }
        }
    }

    /// Sends the newest frame; at once, or when the part before it has gone out.
    pub(super) fn send(&mut self, frame: &Bytes, registry: &Registry, token: Token) -> Result<(), Gone> {
        if !self.is_ready() {
            return Ok(());
        }
        let wrote = self.socket.write(frame);
        self.took(frame, wrote, registry, token)
    }

    /// Whether the newest frame can be sent at once. If not, it will be when the part before it has gone out.
    pub(super) fn is_ready(&mut self) -> bool {
        match &mut self.stalled {
            Some(stalled) => stalled.behind = true,
            None => return true,
        }
        false
    }

    /// Notes what came of sending `frame`.
    pub(super) fn took(
        &mut self,
        frame: &Bytes,
        wrote: io::Result<usize>,
        registry: &Registry,
        token: Token,
    ) -> Result<(), Gone> {
        let (rest, behind) = match taken(wrote)? {
            all if all == frame.len() => return Ok(()),
            // Of a part that hasn't begun nothing need be kept: when there is room, the newest will do.
            0 => (Bytes::new(), true),
            some => (frame.slice(some..), false),
        };
        self.stall(Stalled { rest, behind, since: Instant::now() }, registry, token)
    }

    /// Goes on with the part that wasn't taken whole, then with `newest` if that has come since.
    pub(super) fn resume(&mut self, newest: &Bytes, registry: &Registry, token: Token) -> Result<(), Gone> {
        while let Some(stalled) = &mut self.stalled {
            if stalled.rest.is_empty() && !stalled.behind {
                self.stalled = None;
                return self.watch(Interest::READABLE, registry, token);
            }
            if stalled.rest.is_empty() {
                (stalled.rest, stalled.behind) = (newest.clone(), false);
            }
            let some = taken(self.socket.write(&stalled.rest))?;
            if some == 0 {
                return Ok(());
            }
            stalled.rest.advance(some);
            stalled.since = Instant::now();
        }
        Ok(())
    }

    /// Reads what nobody asked for, until there is no more of it; a browser only ever sends the end.
    pub(super) fn drain(&mut self) -> Result<(), Gone> {
        let mut scratch = [0; 4096];
        loop {
            match self.socket.read(&mut scratch) {
                Ok(0) => return Err(Gone),
                Ok(some) => self.count_junk(some)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
    }

    /// Notes that `bytes` more came behind the request.
    pub(super) fn count_junk(&mut self, bytes: usize) -> Result<(), Gone> {
        self.junk = self.junk.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.junk as usize > MOST_JUNK { Err(Gone) } else { Ok(()) }
    }

    /// Whether a part waits for it that it has taken nothing of for longer than `time`.
    pub(super) fn has_taken_nothing_for(&self, time: Duration, now: Instant) -> bool {
        self.stalled.as_ref().is_some_and(|stalled| now.duration_since(stalled.since) > time)
    }

    /// Whether it is its turn to be repainted.
    pub(super) fn takes_turn(&mut self) -> bool {
        self.passed_over = !self.passed_over && !self.hangs_up_late;
        !self.passed_over
    }

    /// Whether part of a frame still waits for room in the socket.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.is_some()
    }

    /// Ends the answer behind its last frame, if that has gone out. The connection closes when the viewer has read all.
    pub(super) fn finish(&mut self) -> Result<(), Gone> {
        if self.is_stalled() || self.finished {
            return Ok(());
        }
        self.finished = true;
        self.socket.shutdown(Shutdown::Write).map_err(|_| Gone)
    }

    fn stall(&mut self, stalled: Stalled, registry: &Registry, token: Token) -> Result<(), Gone> {
        self.stalled = Some(Box::new(stalled));
        self.watch(Interest::READABLE | Interest::WRITABLE, registry, token)
    }

    fn watch(&mut self, interest: Interest, registry: &Registry, token: Token) -> Result<(), Gone> {
        registry.reregister(&mut self.socket, token, interest).map_err(|_| Gone)
    }
}

impl AsFd for Viewer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// How many bytes a socket took; none if it has no room.
fn taken(wrote: io::Result<usize>) -> Result<usize, Gone> {
    match wrote {
        Ok(bytes) => Ok(bytes),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        Err(_) => Err(Gone),
    }
}
