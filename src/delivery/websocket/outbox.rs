//! The way out of one connection: written to by its circles, and by the connection itself for what is its own.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use mio::net::TcpStream;

/// How much of its own a connection may owe a page that asks and doesn't read, in bytes.
const MOST_OWED: usize = 16 * 1024;

/// The page has gone, or takes nothing of what it has asked for.
#[derive(Debug)]
pub(crate) struct Gone;

/// A socket, and at most the rest of one write to it.
#[derive(Debug)]
pub(crate) struct Outbox {
    socket: TcpStream,
    /// Something that the socket didn't take whole. When it has room again, the switchboard hears of it.
    stalled: Mutex<Option<Box<Stalled>>>,
}

/// What a page that reads slowly still has to get.
#[derive(Default, Debug)]
struct Stalled {
    /// The rest of a write that has begun.
    rest: Bytes,
    /// Answers to this page alone, which come behind that.
    answers: Vec<u8>,
    /// The circles that have told something since, a bit each: their newest will do.
    behind: u64,
}

impl Outbox {
    /// A way out by `socket`, which has to be watched for room to write.
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, stalled: Mutex::default() }
    }

    /// Sends what the circle with number `slot` tells; or has its newest sent when the page has read what is before it.
    pub(crate) fn send(&self, frames: &Bytes, slot: u8) {
        let mut stalled = self.lock();
        if let Some(stalled) = &mut *stalled {
            stalled.behind |= 1 << slot;
            return;
        }
        let rest = match self.write(frames) {
            Ok(all) if all == frames.len() => return,
            // Of a write that hasn't begun nothing need be kept.
            Ok(0) => Stalled { behind: 1 << slot, ..Stalled::default() },
            Ok(some) => Stalled { rest: frames.slice(some..), ..Stalled::default() },
            // The connection hears of it when it reads.
            Err(_) => return,
        };
        *stalled = Some(Box::new(rest));
    }

    /// Sends what is for this page alone, behind what it still has to get.
    ///
    /// # Errors
    /// [`Gone`], if it is owed too much already.
    pub(crate) fn answer(&self, frames: &[u8]) -> Result<(), Gone> {
        let mut stalled = self.lock();
        let sent = if stalled.is_some() { 0 } else { self.write(frames).map_err(|_| Gone)? };
        if sent < frames.len() {
            let owed = &mut stalled.get_or_insert_default().answers;
            owed.extend_from_slice(&frames[sent..]);
            if owed.len() > MOST_OWED {
                return Err(Gone);
            }
        }
        Ok(())
    }

    /// Goes on with what wasn't taken whole, as far as there is room, and says whether all is out; `newest` says what a
    /// circle's newest is.
    ///
    /// # Errors
    /// [`Gone`].
    pub(super) fn flush(&self, newest: impl Fn(u8) -> Option<Bytes>) -> Result<bool, Gone> {
        let mut stalled = self.lock();
        while let Some(more) = &mut *stalled {
            if !more.load(&newest) {
                *stalled = None;
                break;
            }
            let some = self.write(&more.rest).map_err(|_| Gone)?;
            if some == 0 {
                return Ok(false);
            }
            more.rest.advance(some);
        }
        Ok(true)
    }

    /// What has come from the page, as far as it fits; none, if there is nothing at the moment.
    ///
    /// # Errors
    /// [`Gone`], also at the end.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Result<Option<usize>, Gone> {
        loop {
            return match (&self.socket).read(buffer) {
                Ok(0) => Err(Gone),
                Ok(some) => Ok(Some(some)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => Err(Gone),
            };
        }
    }

    /// Nothing more will be sent.
    pub(super) fn finish(&self) {
        if let Err(error) = self.socket.shutdown(Shutdown::Write) {
            tracing::debug!(%error, "a WebSocket had ended already");
        }
    }

    /// How much the socket has taken.
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match (&self.socket).write(bytes) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            wrote => wrote,
        }
    }

    /// A panic under the lock would be in code that has none.
    fn lock(&self) -> MutexGuard<'_, Option<Box<Stalled>>> {
        self.stalled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stalled {
    /// Sees to it that there is something to write next; false, if there is nothing any more.
    fn load(&mut self, newest: impl Fn(u8) -> Option<Bytes>) -> bool {
        while self.rest.is_empty() {
            if !self.answers.is_empty() {
                self.rest = std::mem::take(&mut self.answers).into();
            } else if self.behind != 0 {
                let slot = self.behind.trailing_zeros();
                self.behind &= !(1 << slot);
                // None of a circle that was left meanwhile.
                self.rest = newest(slot as u8).unwrap_or_default();
            } else {
                return false;
            }
        }
        true
    }
}
