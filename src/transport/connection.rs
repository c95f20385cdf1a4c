//! One connection: a socket, what it speaks, and what its client still has to get.

use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::{Registry, Token};
use onlookers_rooms::CountGuard;

use super::socket::{Gone, Registered, Socket};
use super::unsent::Unsent;
use super::websocket::WebSocket;
use crate::feeds::FeedId;
use crate::net::capacity::Permit;

/// How many bytes a client may send after its request for a stream. A browser sends none.
const MAX_IGNORED: u16 = u16::MAX;

/// Identifies a connection within its event loop; 32 bits, because lists of subscribers are long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ConnectionId(u32);

/// An open connection. The permit is dropped before the protocol's guards: a client that is told of somebody's leave finds
/// the permit free.
pub(super) struct Connection {
    pub(super) socket: Socket,
    unsent: Option<Box<Unsent>>,
    /// Everything was sent that will be.
    is_finished: bool,
    /// Events that the poll has reported and the loop hasn't attended to.
    pub(super) ready: Ready,
    _permit: Permit,
    pub(super) protocol: Protocol,
}

/// A connection with any of these is in the loop's ready list.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) readable: bool,
    /// Nothing comes after what can be read.
    pub(super) read_closed: bool,
    pub(super) writable: bool,
}

/// The protocol that a connection speaks.
pub(super) enum Protocol {
    Stream(Stream),
    /// Boxed, so that a stream takes no more memory than it needs.
    WebSocket(Box<WebSocket>),
}

/// A stream of one feed's frames.
pub(super) struct Stream {
    pub(super) feed: FeedId,
    /// Its place among the feed's subscribers on this loop.
    pub(super) place: u32,
    /// How many bytes its client has sent that nobody asked for.
    ignored: u16,
    /// It is sent its frame once in so many turns, of which each interval has two.
    every: u8,
    /// How many turns go by before that.
    skipped: u8,
    _guard: Option<CountGuard>,
}

impl Connection {
    pub(super) fn new(socket: Socket, permit: Permit, protocol: Protocol) -> Self {
        let ready = Ready::default();
        Self { socket, unsent: None, is_finished: false, ready, _permit: permit, protocol }
    }

    /// Sends the opening and the first frame, in one write.
    pub(super) fn open(&mut self, opening: &[u8], frame: &[u8], poll: Registered<'_>) -> Result<(), Gone> {
        let taken = self.socket.write_two(opening, frame)?;
        if taken == opening.len() + frame.len() {
            return Ok(());
        }
        let rest = Bytes::from([opening, frame].concat()).slice(taken..);
        self.stall(Unsent::rest(rest), poll)
    }

    /// Sends the newest frame of the subscription in `slot`, or without a slot a reply; at once or after the write before.
    ///
    /// # Errors
    /// [`Gone`], if the client is gone or doesn't read its replies.
    pub(super) fn send(&mut self, slot: Option<u8>, bytes: &Bytes, poll: Registered<'_>) -> Result<(), Gone> {
        match (&mut self.unsent, slot) {
            (None, _) => {
                let taken = self.socket.write(bytes)?;
                self.sent(slot, bytes, taken, poll)
            }
            (Some(unsent), Some(slot)) => {
                unsent.miss(slot);
                Ok(())
            }
            (Some(unsent), None) => unsent.reply(bytes),
        }
    }

    /// Whether a frame of the subscription in `slot` has to wait for the write before it; then its newest will be sent.
    pub(super) fn has_to_wait(&mut self, slot: u8) -> bool {
        self.unsent.as_mut().map(|unsent| unsent.miss(slot)).is_some()
    }

    /// Notes that the socket has taken so many of `bytes`.
    pub(super) fn sent(
        &mut self,
        slot: Option<u8>,
        bytes: &Bytes,
        taken: usize,
        poll: Registered<'_>,
    ) -> Result<(), Gone> {
        match slot {
            _ if taken == bytes.len() => Ok(()),
            // Nothing is kept of a frame that hasn't begun: when there is room, the newest will do.
            Some(slot) if taken == 0 => self.miss(slot, poll),
            _ => self.stall(Unsent::rest(bytes.slice(taken..)), poll),
        }
    }

    /// The update of the subscription in `slot` was dropped: its newest has to be sent.
    pub(super) fn miss(&mut self, slot: u8, poll: Registered<'_>) -> Result<(), Gone> {
        self.unsent.get_or_insert_with(|| Box::new(Unsent::new())).miss(slot);
        self.socket.watch_writable(true, poll)
    }

    /// Goes on with the rest, then with what came since, as far as there is room; `newest` makes the newest bytes of a
    /// subscription.
    pub(super) fn resume(
        &mut self,
        mut newest: impl FnMut(&mut Protocol, u8) -> Bytes,
        poll: Registered<'_>,
    ) -> Result<(), Gone> {
        let Self { socket, unsent, protocol, .. } = self;
        let Some(waiting) = unsent else { return Ok(()) };
        loop {
            let next = waiting.next(|slot| newest(protocol, slot));
            if next.is_empty() {
                *unsent = None;
                return socket.watch_writable(false, poll);
            }
            match socket.write(next)? {
                0 => return Ok(()),
                taken => waiting.advance(taken),
            }
        }
    }

    /// Whether the rest of a write waits for room in the socket.
    pub(super) fn is_stalled(&self) -> bool {
        self.unsent.is_some()
    }

    /// Whether the socket has taken nothing of a write for longer than `time`.
    pub(super) fn has_stalled_for(&self, time: Duration, now: Instant) -> bool {
        self.unsent.as_ref().is_some_and(|unsent| unsent.is_older_than(time, now))
    }

    /// Sends the end after the last write, if that has gone out. The connection closes when the client has read all.
    pub(super) fn finish(&mut self) -> Result<(), Gone> {
        if self.is_stalled() || self.is_finished {
            return Ok(());
        }
        self.is_finished = true;
        self.socket.finish()
    }

    /// Ends the connection. Its guards go with it.
    pub(super) fn close(self, registry: &Registry) {
        self.socket.close(registry);
    }

    fn stall(&mut self, unsent: Unsent, poll: Registered<'_>) -> Result<(), Gone> {
        self.unsent = Some(Box::new(unsent));
        self.socket.watch_writable(true, poll)
    }
}

impl Stream {
    /// A subscriber of `feed`, which is sent its frame once in `every` turns.
    /// `number` is another one for each stream, so that those that came together don't all take the same turn.
    pub(super) fn new(feed: FeedId, guard: Option<CountGuard>, every: u8, number: usize) -> Self {
        Self {
            feed,
            place: 0,
            ignored: 0,
            every,
            skipped: (number % usize::from(every)) as u8,
            _guard: guard,
        }
    }

    /// Notes bytes that nobody asked for.
    pub(super) fn ignore(&mut self, bytes: usize) -> Result<(), Gone> {
        self.ignored = self.ignored.saturating_add(u16::try_from(bytes).unwrap_or(MAX_IGNORED));
        if self.ignored == MAX_IGNORED { Err(Gone) } else { Ok(()) }
    }

    /// Whether it is sent its frame once more in this round.
    pub(super) fn takes_turn(&mut self) -> bool {
        self.skipped = (self.skipped + 1) % self.every;
        self.skipped == 0
    }
}

impl ConnectionId {
    pub(super) fn new(index: usize) -> Self {
        Self(index as u32)
    }

    /// Its place in the loop's slab.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn token(self) -> Token {
        Token(self.index())
    }
}
