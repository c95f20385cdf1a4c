//! One event loop: a thread with a poll, its connections, and what they receive.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::{Events, Poll, Token, Waker};
use onlookers_handover::ReadBuffer;
use slab::Slab;

use super::connection::{Connection, ConnectionId, Protocol, Ready};
use super::cursor::Cursor;
use super::entry::Book;
use super::inbox::Inbox;
use super::sender::Sender;
use super::socket::{Gone, Registered};
use super::subscriptions::{Source, Subscriber, Subscriptions};
use super::takeover::Taken;
use super::turns::Turns;
use super::websocket::End;
use super::{Grant, Options};
use crate::app::App;
use crate::feeds::FeedId;
use crate::metrics::{Costs, Sent, ViewerMetrics};
use crate::settings::DenyList;
use closing::Closing;
pub(crate) use transfer::Transfer;

mod admit;
mod booking;
mod closing;
mod commands;
mod counting;
mod denying;
mod ending;
mod incoming;
mod periodic;
#[cfg(test)]
mod tests;
mod transfer;

const WAKER: Token = Token(usize::MAX);

/// Sending may take one part in five of the thread's time: a round is followed by a pause of four times the time it took.
const PAUSE: u32 = 4;

/// How long admissions and incoming messages may take in one turn; the rest waits until due frames have gone out.
const MAX_INCOMING: Duration = Duration::from_micros(200);

pub(super) struct EventLoop {
    poll: Poll,
    sender: Sender,
    connections: Slab<Connection>,
    subscriptions: Subscriptions,
    /// Connections that haven't been taken in.
    admitted: VecDeque<Taken<Grant>>,
    /// Connections with something to attend to, each once. The poll reports an event once, so what isn't attended to in
    /// this turn is kept here.
    ready: VecDeque<ConnectionId>,
    /// Bytes for single connections, sent at the end of this turn; one entry for each.
    replies: Vec<(ConnectionId, Bytes)>,
    /// Connections that are over.
    over: Vec<(ConnectionId, End)>,
    closing: Closing,
    /// How many connections are WebSockets.
    websockets: usize,
    /// One past the highest place in use since there last was no connection: how far the cursors go.
    places: usize,
    resend: Cursor,
    ping: Cursor,
    write_timeout: Duration,
    started: Instant,
    /// When updates may be sent again.
    rested: Instant,
    /// Until when the last connections may close, if this is the end.
    end: Option<Instant>,
    /// The connections that are yet to be sent the end.
    turns: Option<Turns<ConnectionId>>,
    /// The time as of the step that runs: asked for once, not wherever it is needed.
    now: Instant,
    /// For openings and replies; kept, so that it isn't allocated anew for each.
    buffer: Vec<u8>,
    metrics: Arc<ViewerMetrics>,
    /// None before it runs.
    costs: Option<Arc<Costs>>,
    denied: Arc<DenyList>,
    /// Where connections are entered, with a keeper.
    book: Option<Book>,
    /// Those that the keeper doesn't hold yet.
    entered: Vec<ConnectionId>,
    /// Where connections are read that are in the book.
    input: Option<ReadBuffer>,
    /// Connections of which something may have been read in this turn, with a book.
    unsettled: Vec<ConnectionId>,
    /// The first place that hasn't been looked at since then, if any.
    unexamined: Option<usize>,
}

impl EventLoop {
    /// # Errors
    /// The system's, if it has no poll or no io_uring to give.
    pub(super) fn new(number: u32, options: Options) -> io::Result<(Self, Inbox)> {
        let poll = Poll::new()?;
        let metrics = Arc::<ViewerMetrics>::default();
        let inbox = Inbox::new(Waker::new(poll.registry(), WAKER)?, Arc::clone(&metrics));
        let now = Instant::now();
        let event_loop = Self {
            poll,
            sender: Sender::new(options.sends)?,
            connections: Slab::new(),
            subscriptions: Subscriptions::new(number),
            admitted: VecDeque::new(),
            ready: VecDeque::new(),
            replies: Vec::new(),
            over: Vec::new(),
            closing: Closing::default(),
            websockets: 0,
            places: 0,
            // Firefox has its turn each time the cursor comes by, other clients every second time.
            resend: Cursor::new(options.resend / 2, now),
            ping: Cursor::new(options.ping, now),
            write_timeout: options.write_timeout,
            started: now,
            rested: now,
            end: None,
            turns: None,
            now,
            buffer: Vec::new(),
            metrics,
            costs: None,
            denied: Arc::default(),
            book: None,
            entered: Vec::new(),
            input: None,
            unsettled: Vec::new(),
            unexamined: None,
        };
        Ok((event_loop, inbox))
    }

    /// Runs until told to end, then until every connection has closed or the deadline has passed.
    ///
    /// # Errors
    /// The system's, if it can't poll.
    pub(super) fn run(&mut self, inbox: &Inbox, app: &App) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        self.costs = Some(Arc::clone(app.painter.costs()));
        while !self.is_over() {
            self.wait(&mut events)?;
            self.on_commands(inbox.take());
            self.publish();
            self.now = Instant::now();
            self.send_again();
            self.send_pings();
            self.attend(app);
            self.end_due();
            self.end_denied();
            self.end_keepers();
            self.keep_entered();
            self.remove_over();
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let is_empty = self.connections.is_empty() && self.admitted.is_empty();
        self.end.is_some_and(|end| is_empty || Instant::now() >= end)
    }

    /// Waits for events and puts their connections into the ready list.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        if let Err(error) = self.poll.poll(events, self.timeout())
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        for event in events.iter().filter(|event| event.token() != WAKER) {
            let id = ConnectionId::new(event.token().0);
            let read_closed = event.is_read_closed() || event.is_error();
            let readable = event.is_readable() || read_closed;
            self.list_ready(id, Ready { readable, read_closed, writable: event.is_writable() });
        }
        Ok(())
    }

    /// How long the poll may wait for an event.
    fn timeout(&self) -> Option<Duration> {
        if !self.ready.is_empty() || !self.admitted.is_empty() || self.unexamined.is_some() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let publish = self.subscriptions.has_due().then_some(self.rested);
        let turn = self.turns.as_ref().and_then(Turns::next);
        let times = [publish, self.closing.next(), turn, self.keep_at(), self.end].into_iter().flatten();
        let timeouts = times.map(|time| time.saturating_duration_since(now));
        timeouts.chain(self.periodic_timeout(now)).min()
    }

    /// Has a connection attended to, in this turn or a later one.
    fn list_ready(&mut self, id: ConnectionId, more: Ready) {
        let Some(connection) = self.connections.get_mut(id.index()) else { return };
        if connection.ready == Ready::default() && more != Ready::default() {
            self.ready.push_back(id);
        }
        connection.ready.readable |= more.readable;
        connection.ready.read_closed |= more.read_closed;
        connection.ready.writable |= more.writable;
    }

    /// Sends the updates that are due, if the thread has paused since the last round.
    fn publish(&mut self) {
        if !self.subscriptions.has_due() {
            return;
        }
        let started = Instant::now();
        if started < self.rested {
            return;
        }
        for feed in self.subscriptions.take_due() {
            self.send_update(feed);
        }
        let now = Instant::now();
        self.rested = now + (now - started) * PAUSE;
    }

    fn send_update(&mut self, feed: FeedId) {
        // The feed may have lost its last subscriber since it became due.
        let Some(subscription) = self.subscriptions.get_mut(feed) else { return };
        let (started, measured) = (Instant::now(), subscription.source.measure());
        let (batches, has_dropped) = subscription.take_update();
        let (subscribers, registry) = (&subscription.subscribers, self.poll.registry());
        let mut gone = Vec::new();
        for &Subscriber { connection: id, slot } in subscribers.iter().filter(|_| has_dropped) {
            let Some(connection) = self.connections.get_mut(id.index()) else { continue };
            gone.extend(connection.miss(slot, Registered { registry, id }).is_err().then_some(id));
        }
        match &subscription.source {
            Source::Feed(_) => {
                let frame = |_: &Connection, _| Some(&subscription.frame);
                gone.extend(self.sender.send(subscribers, &mut self.connections, registry, frame));
            }
            Source::Group(_) => {
                for batch in &batches {
                    let frame = |connection: &Connection, slot| match &connection.protocol {
                        Protocol::WebSocket(socket) => socket.bytes_of(batch, slot),
                        Protocol::Stream(_) => None,
                    };
                    gone.extend(self.sender.send(subscribers, &mut self.connections, registry, frame));
                }
            }
        }
        let took = started.elapsed();
        subscription.source.channel().add_cost(took);
        subscription.source.charge(measured);
        self.metrics.fanout.add(took);
        self.note_sent(Sent::Update);
        self.note_gone(gone);
    }

    fn note_gone(&mut self, gone: Vec<ConnectionId>) {
        self.over.extend(gone.into_iter().map(|id| (id, End::Gone)));
    }

    fn note(&mut self, id: ConnectionId, result: Result<(), impl Into<End>>) {
        if let Err(end) = result {
            self.over.push((id, end.into()));
        }
    }

    /// Goes on with the rest of a connection's write, and ends a stream that has everything.
    fn resume(&mut self, id: ConnectionId) -> Result<(), Gone> {
        let Self { connections, subscriptions, poll, metrics, .. } = self;
        let Some(connection) = connections.get_mut(id.index()) else { return Ok(()) };
        let (mut frames, mut length, is_last) = (0, 0, connection.is_last());
        let newest = |protocol: &mut Protocol, slot| {
            let bytes = match protocol {
                Protocol::Stream(stream) => {
                    subscriptions.get(stream.feed).map(|it| it.frame(is_last)).unwrap_or_default()
                }
                Protocol::WebSocket(socket) => socket.newest(slot),
            };
            (frames, length) = (frames + 1, length + bytes.len());
            bytes
        };
        connection.resume(newest, Registered { registry: poll.registry(), id })?;
        metrics.frames(Sent::Update, frames, length);
        let is_last = match &connection.protocol {
            Protocol::Stream(_) => is_last,
            Protocol::WebSocket(socket) => socket.is_closing(),
        };
        if is_last || connection.is_ending() {
            connection.finish(Registered { registry: poll.registry(), id })
        } else {
            Ok(())
        }
    }
}
