//! The way out of one connection: written to by its circles, and by the connection itself for what is its own.

use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use tokio::net::TcpStream;

use super::frame;

/// How much of its own a connection may owe a page that asks and doesn't read, in bytes.
const MOST_OWED: usize = 16 * 1024;

/// After so many questions without an answer a page has gone.
const PATIENCE: u8 = 2;

/// The page has gone, or takes nothing of what it has asked for.
#[derive(Debug)]
pub(crate) struct Gone;

/// A socket, and at most the rest of one write to it.
#[derive(Debug)]
pub(crate) struct Outbox {
    socket: TcpStream,
    state: Mutex<State>,
}

#[derive(Default, Debug)]
struct State {
    /// Something that the socket didn't take whole.
    stalled: Option<Box<Stalled>>,
    /// How often the page was asked in a row whether it is there, and didn't answer.
    unanswered: u8,
    end: Option<End>,
    /// Whom to wake when there is something to write on, or to end.
    connection: Option<Waker>,
}

/// Why a connection is to end, seen from outside of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The page doesn't answer.
    Unanswered,
    /// The server stops.
    Stop,
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
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, state: Mutex::default() }
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Sends what the circle with number `slot` tells; or has its newest sent when the page has read what is before it.
    pub(crate) fn send(&self, frames: &Bytes, slot: u8) {
        let mut state = self.lock();
        if let Some(stalled) = &mut state.stalled {
            stalled.behind |= 1 << slot;
            return;
        }
        let stalled = match self.write(frames) {
            Ok(all) if all == frames.len() => return,
            // Of a write that hasn't begun nothing need be kept.
            Ok(0) => Stalled { behind: 1 << slot, ..Stalled::default() },
            Ok(some) => Stalled { rest: frames.slice(some..), ..Stalled::default() },
            // The connection hears of it when it reads.
            Err(_) => return,
        };
        state.stalled = Some(Box::new(stalled));
        state.wake();
    }

    /// Sends what is for this page alone, behind what it still has to get.
    ///
    /// # Errors
    /// [`Gone`], if it is owed too much already.
    pub(super) fn answer(&self, frames: &[u8]) -> Result<(), Gone> {
        let mut state = self.lock();
        let sent = if state.stalled.is_some() { 0 } else { self.write(frames).map_err(|_| Gone)? };
        if sent < frames.len() {
            let stalled = state.stalled.get_or_insert_default();
            stalled.answers.extend_from_slice(&frames[sent..]);
            if stalled.answers.len() > MOST_OWED {
                return Err(Gone);
            }
            state.wake();
        }
        Ok(())
    }

    /// Goes on with what wasn't taken whole, as far as there is room; `newest` says what a circle's newest is.
    pub(super) fn flush(
        &self,
        cx: &mut Context<'_>,
        newest: impl Fn(u8) -> Option<Bytes>,
    ) -> Result<(), Gone> {
        let mut state = self.lock();
        while let Some(stalled) = &mut state.stalled {
            if !stalled.load(&newest) {
                state.stalled = None;
                break;
            }
            let Poll::Ready(ready) = self.socket.poll_write_ready(cx) else { break };
            ready.map_err(|_| Gone)?;
            let some = self.write(&stalled.rest).map_err(|_| Gone)?;
            stalled.rest.advance(some);
        }
        Ok(())
    }

    /// Has `cx`'s task woken when there is something to write on, or to end; says whether there is that now.
    pub(super) fn listen(&self, cx: &Context<'_>) -> Standing {
        let mut state = self.lock();
        if !state.connection.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.connection = Some(cx.waker().clone());
        }
        Standing { stalled: state.stalled.is_some(), end: state.end }
    }

    /// Asks the page whether it is there; has the connection end, if it hasn't answered for long.
    pub(super) fn ask(&self) {
        let mut state = self.lock();
        if state.unanswered == PATIENCE {
            state.end = Some(End::Unanswered);
            return state.wake();
        }
        state.unanswered += 1;
        drop(state);
        // One that is owed too much is found by its next message, or by the next question.
        let _ = self.answer(&frame::ping());
    }

    /// The page has said something.
    pub(super) fn answered(&self) {
        self.lock().unanswered = 0;
    }

    /// Has the connection closed the orderly way.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.end = Some(End::Stop);
        state.wake();
    }

    /// What has begun and isn't out yet, and the answers behind it: what comes before a last frame.
    pub(super) fn take_rest(&self) -> Vec<u8> {
        let stalled = self.lock().stalled.take().unwrap_or_default();
        [&stalled.rest, &stalled.answers[..]].concat()
    }

    /// How much the socket has taken.
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.socket.try_write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            wrote => wrote,
        }
    }

    /// A panic under the lock would be in code that has none.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a connection's way out is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) stalled: bool,
    pub(super) end: Option<End>,
}

impl State {
    fn wake(&self) {
        if let Some(connection) = &self.connection {
            connection.wake_by_ref();
        }
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
