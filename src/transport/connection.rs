//! One connection: a socket, what it speaks, and what its client still has to get.

use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::{Registry, Token};

use super::entry::Entry;
use super::socket::{Gone, Registered, Rest, Socket};
use super::unsent::Unsent;
use super::websocket::WebSocket;
use crate::net::capacity::Permit;
pub(super) use stream::Stream;

mod stream;

/// Identifies a connection within its event loop; 32 bits, because lists of subscribers are long.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct ConnectionId(u32);

/// An open connection. The permit is dropped before the protocol's guards: a client that is told of somebody's leave finds
/// the permit free.
pub(super) struct Connection {
    pub(super) socket: Socket,
    unsent: Option<Box<Unsent>>,
    end: Ending,
    /// Events that the poll has reported and the loop hasn't attended to.
    pub(super) ready: Ready,
    pub(super) permit: Permit,
    pub(super) protocol: Protocol,
}

/// How far the connection is with its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// The next frame of the stream is the last one.
    Due,
    /// The record that comes last is sealed.
    Begun,
    /// Everything was sent that will be.
    Finished,
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

impl Connection {
    pub(super) fn new(socket: Socket, permit: Permit, protocol: Protocol) -> Self {
        let ready = Ready::default();
        Self { socket, unsent: None, end: Ending::No, ready, permit, protocol }
    }

    /// Sends the opening and the first frame, in one write.
    pub(super) fn open(&mut self, opening: &[u8], frame: &Bytes, poll: Registered<'_>) -> Result<(), Gone> {
        let rest = self.socket.send_two(opening, frame)?;
        if rest.is_empty() { Ok(()) } else { self.stall(rest, poll) }
    }

    /// Sends the newest frame of the subscription in `slot`, or without a slot a reply; at once or after the write before. Says
    /// whether it is sent: a frame that hasn't begun isn't, as the newest will be.
    ///
    /// # Errors
    /// [`Gone`], if the client is gone or doesn't read its replies.
    pub(super) fn send(
        &mut self,
        slot: Option<u8>,
        bytes: &Bytes,
        poll: Registered<'_>,
    ) -> Result<bool, Gone> {
        // Nothing comes after the end.
        if self.is_ending() {
            return Ok(false);
        }
        match (&mut self.unsent, slot) {
            (None, _) => {
                let rest = self.socket.send(bytes)?;
                self.sent(slot, rest, poll)
            }
            (Some(unsent), Some(slot)) => {
                unsent.miss(slot);
                Ok(false)
            }
            (Some(unsent), None) => unsent.reply(bytes).map(|()| true),
        }
    }

    /// The same of bytes that are noted in the ledger already, if the connection is in one.
    pub(super) fn send_noted(
        &mut self,
        slot: Option<u8>,
        bytes: &Bytes,
        poll: Registered<'_>,
    ) -> Result<bool, Gone> {
        if self.is_stalled() || self.is_ending() || self.socket.seals() {
            return self.send(slot, bytes, poll);
        }
        let taken = self.socket.write(bytes)?;
        self.sent(slot, Rest::of_text(bytes, taken), poll)
    }

    /// Sends a record that was sealed for it.
    pub(super) fn send_record(&mut self, record: &[u8], poll: Registered<'_>) -> Result<(), Gone> {
        let taken = self.socket.write(record)?;
        self.sent_record(record, taken, poll)
    }

    /// Whether a frame of the subscription in `slot` can't be sent now. It has to wait for the write before it, and then its
    /// newest will be sent; or the connection has had its last.
    pub(super) fn has_to_wait(&mut self, slot: u8) -> bool {
        self.is_ending() || self.unsent.as_mut().map(|unsent| unsent.miss(slot)).is_some()
    }

    /// Notes what the socket hasn't taken of a text, and says whether it is sent.
    pub(super) fn sent(&mut self, slot: Option<u8>, rest: Rest, poll: Registered<'_>) -> Result<bool, Gone> {
        match slot {
            _ if rest.is_empty() => Ok(true),
            // Nothing is kept of a frame that hasn't begun: when there is room, the newest will do.
            Some(slot) if rest.begun.is_empty() => {
                self.socket.entry().into_iter().for_each(Entry::retract);
                self.miss(slot, poll).map(|()| false)
            }
            _ => self.stall(rest, poll).map(|()| true),
        }
    }

    /// Notes that the socket has taken so many bytes of a record. What is sealed has to be sent, even if none of it was taken.
    pub(super) fn sent_record(
        &mut self,
        record: &[u8],
        taken: usize,
        poll: Registered<'_>,
    ) -> Result<(), Gone> {
        if taken == record.len() {
            return Ok(());
        }
        let begun = Bytes::copy_from_slice(&record[taken..]);
        self.stall(Rest { begun, text: Bytes::new() }, poll)
    }

    /// The update of the subscription in `slot` was dropped: its newest has to be sent.
    pub(super) fn miss(&mut self, slot: u8, poll: Registered<'_>) -> Result<(), Gone> {
        if self.is_ending() {
            return Ok(());
        }
        let seals = self.socket.seals();
        self.unsent.get_or_insert_with(|| Box::new(Unsent::new(seals))).miss(slot);
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
            let next = waiting.next(|slot| newest(protocol, slot), |text| socket.begin(text))?;
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

    /// Since when it has made no progress, if it keeps something. That of the client's own records isn't noted: they take no time.
    pub(super) fn keeps_since(&self, start: Instant) -> Option<Instant> {
        if self.socket.has_partial() {
            Some(start)
        } else {
            self.unsent.as_ref().map(|unsent| unsent.since())
        }
    }

    /// Notes all that is still to be sent, if the connection is in the ledger, and what is prepared there.
    pub(super) fn note_unsent(&mut self) {
        match (&self.unsent, self.socket.entry()) {
            (Some(unsent), Some(entry)) => {
                let (begun, text) = unsent.all();
                entry.keep_all(begun, &text);
            }
            (None, Some(entry)) => entry.settle(),
            (_, None) => {}
        }
    }

    /// Takes input that a process before this one has read, and not obeyed.
    pub(super) fn receive(&mut self, mut input: Vec<u8>) -> Result<(), Gone> {
        let Self { socket, protocol, .. } = self;
        if let Protocol::Stream(stream) = protocol {
            stream.ignore(input.len())?;
        }
        socket.receive(&mut input, |text| {
            if let Protocol::WebSocket(socket) = protocol {
                socket.receive(text);
            }
            Ok(())
        })
    }

    /// Whether it can go on in another process: its keys are here, and it isn't about to end.
    pub(super) fn is_movable(&self) -> bool {
        let is_closing = matches!(&self.protocol, Protocol::WebSocket(socket) if socket.is_closing());
        self.end == Ending::No && !is_closing && self.socket.is_movable()
    }

    /// Whether nothing is kept of what its client has sent.
    pub(super) fn has_whole_input(&self) -> bool {
        let has_message = matches!(&self.protocol, Protocol::WebSocket(socket) if socket.has_begun_message());
        !(has_message || self.socket.has_partial())
    }

    pub(super) fn unsent(&self) -> Option<&Unsent> {
        self.unsent.as_deref()
    }

    /// The same, with these bytes still to be sent.
    pub(super) fn with_unsent(self, unsent: Option<Unsent>) -> Self {
        Self { unsent: unsent.map(Box::new), ..self }
    }

    /// Whether the last record is sealed.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.end, Ending::Begun | Ending::Finished)
    }

    /// Has a stream's next frame be the last one.
    pub(super) fn set_last(&mut self) {
        self.socket.set_entry(None);
        if self.end == Ending::No {
            self.end = Ending::Due;
        }
    }

    /// Whether a stream's next frame is the last one, or it has had that.
    pub(super) fn is_last(&self) -> bool {
        self.end != Ending::No
    }

    /// Sends the end after the last write, if that has gone out. The connection closes when the client has read all.
    pub(super) fn finish(&mut self, poll: Registered<'_>) -> Result<(), Gone> {
        if self.is_stalled() {
            return Ok(());
        }
        if !self.is_ending() {
            // No process is to go on after that.
            self.socket.set_entry(None);
            self.end = Ending::Begun;
            let record = self.socket.end()?;
            self.send_record(&record, poll)?;
        }
        if self.end == Ending::Begun && !self.is_stalled() {
            self.end = Ending::Finished;
            return self.socket.finish();
        }
        Ok(())
    }

    /// Ends the connection, as far as that goes at once. Its guards go with it.
    pub(super) fn close(mut self, registry: &Registry) {
        // No process is to go on after that.
        self.socket.set_entry(None);
        if !self.is_ending()
            && !self.is_stalled()
            && let Ok(record) = self.socket.end()
        {
            // The peer may have gone.
            let _ = self.socket.write(&record);
        }
        self.socket.close(registry);
    }

    fn stall(&mut self, rest: Rest, poll: Registered<'_>) -> Result<(), Gone> {
        debug_assert!(self.unsent.is_none(), "the rest of a write is lost");
        if let Some(entry) = self.socket.entry() {
            entry.keep_rest(&rest.begun, &rest.text);
        }
        self.unsent = Some(Box::new(Unsent::rest(rest, self.socket.seals())));
        self.socket.watch_writable(true, poll)
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
