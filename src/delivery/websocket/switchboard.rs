//! The switchboard: one thread that hears what all WebSockets say, and asks them now and then whether they are there.
//!
//! A task for each connection was tried first, with the runtime's own sockets: with those a viewer took 1.17 KiB, with this
//! 0.44 (`cargo bench --bench fanout`, 10,000 viewers), at the same CPU a frame.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use tokio::runtime::Handle;

use super::connection::{Connection, End};
use super::frame::Closing;
use super::{Opened, Outbox};
use crate::app::App;

const DOORBELL: Token = Token(usize::MAX);

/// In so many steps all pages are asked once whether they are there.
const STEPS: usize = 20;

/// How long a page may take to close a connection that is at its end.
const FAREWELL: Duration = Duration::from_secs(2);

/// The thread, as the rest of the program sees it.
#[derive(Debug)]
pub(crate) struct Switchboard {
    commands: Sender<Command>,
    waker: Waker,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread is told.
enum Command {
    Admit(Box<Opened>),
    End { within: Duration },
}

impl Switchboard {
    /// Starts the thread, on which pages are asked every so often whether they are there. Needs a tokio runtime, on which
    /// the circles are driven that pages open.
    ///
    /// # Errors
    /// The system's, if it has no thread or no poll to give.
    pub(crate) fn start(app: Arc<App>, ask_every: Duration) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), DOORBELL)?;
        let (commands, inbox) = mpsc::channel();
        let runtime = Handle::current();
        let mut worker = Worker {
            poll,
            app,
            connections: Slab::new(),
            closing: Vec::new(),
            every: ask_every / STEPS as u32,
            next_step: Instant::now(),
            step: 0,
            end: None,
        };
        let run = move || {
            let _runtime = runtime.enter();
            worker.run(&inbox);
        };
        let thread = std::thread::Builder::new().name("switchboard".to_owned()).spawn(run)?;
        Ok(Self { commands, waker, thread: Mutex::new(Some(thread)) })
    }

    /// Takes a connection in.
    pub(crate) fn admit(&self, opened: Opened) {
        self.tell(Command::Admit(Box::new(opened)));
    }

    /// Closes every connection the orderly way and waits until all have closed, `within` at most. Blocks.
    pub(crate) fn end(&self, within: Duration) {
        self.tell(Command::End { within });
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the switchboard has panicked");
        }
    }

    fn tell(&self, command: Command) {
        // A thread that has ended takes nothing more: what the command holds is dropped with it.
        if self.commands.send(command).is_ok()
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "the switchboard can't be woken");
        }
    }
}

impl Drop for Switchboard {
    fn drop(&mut self) {
        self.tell(Command::End { within: Duration::ZERO });
    }
}

struct Worker {
    poll: Poll,
    app: Arc<App>,
    connections: Slab<Connection>,
    /// Those that are being closed, and until when.
    closing: Vec<(usize, Instant)>,
    /// From one step of asking to the next.
    every: Duration,
    next_step: Instant,
    step: usize,
    /// Until when the last may close, if this is the end.
    end: Option<Instant>,
}

impl Worker {
    fn run(&mut self, inbox: &Receiver<Command>) {
        let mut events = Events::with_capacity(1024);
        while !self.end.is_some_and(|end| self.connections.is_empty() || Instant::now() >= end) {
            if let Err(error) = self.poll.poll(&mut events, self.patience())
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the switchboard can't poll");
            }
            events.iter().for_each(|event| self.hear(event));
            inbox.try_iter().for_each(|command| self.obey(command));
            self.ask();
            self.part();
        }
    }

    /// How long the poll may wait for an event.
    fn patience(&self) -> Option<Duration> {
        let step = (!self.connections.is_empty()).then_some(self.next_step);
        let closing = self.closing.iter().map(|(_, until)| *until).min();
        let next = [step, closing, self.end].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn hear(&mut self, event: &Event) {
        let Token(key) = event.token();
        let readable = event.is_readable() || event.is_read_closed() || event.is_error();
        let writable = event.is_writable();
        // None for the doorbell, which has rung by waking this thread.
        let Some(connection) = self.connections.get_mut(key) else { return };
        let mut standing = Ok(());
        if writable {
            standing = connection.flush();
        }
        if readable && standing.is_ok() {
            standing = connection.read(&self.app);
        }
        self.note(key, standing);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Admit(opened) => self.admit(*opened),
            Command::End { within } => {
                self.end = Some(Instant::now() + within);
                let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
                keys.into_iter().for_each(|key| self.note(key, Err(Closing::GoingAway.into())));
            }
        }
    }

    fn admit(&mut self, opened: Opened) {
        let Opened { socket, behind, key: opening, guest } = opened;
        let mut socket = mio::net::TcpStream::from_std(socket);
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        // For room to write, too: events are told once, and a socket that always has room tells of that only here.
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut socket, Token(key), interest) {
            tracing::warn!(%error, "a WebSocket can't be watched");
            return;
        }
        let outbox = Arc::new(Outbox::new(socket));
        // Before its circles can write to it.
        if outbox.answer(&opening.accept()).is_err() {
            return;
        }
        let connection = entry.insert(Connection::new(outbox, guest));
        let standing = connection.begin(&behind, &self.app);
        self.note(key, standing);
        if self.end.is_some() {
            self.note(key, Err(Closing::GoingAway.into()));
        }
    }

    /// Asks some pages whether they are there, when it is time: all of them once in [`STEPS`].
    fn ask(&mut self) {
        let now = Instant::now();
        if now < self.next_step {
            return;
        }
        // Not from when it should have been: nobody is asked twice in a row since the machine was busy.
        self.next_step = now + self.every;
        self.step = (self.step + 1) % STEPS;
        for key in (self.step..self.connections.capacity()).step_by(STEPS) {
            if let Some(connection) = self.connections.get_mut(key) {
                let standing = connection.ask();
                self.note(key, standing);
            }
        }
    }

    fn note(&mut self, key: usize, standing: Result<(), End>) {
        let Err(end) = standing else { return };
        let Some(connection) = self.connections.get_mut(key) else { return };
        tracing::debug!(?end, "a WebSocket is over");
        match end {
            End::Close(code) if connection.close(code).is_ok() => {
                self.closing.push((key, Instant::now() + FAREWELL));
            }
            _ => self.remove(key),
        }
    }

    /// Parts with those that have had their time to close.
    fn part(&mut self) {
        let now = Instant::now();
        while let Some(at) = self.closing.iter().position(|(_, until)| *until <= now) {
            let (key, _) = self.closing.swap_remove(at);
            self.remove(key);
        }
    }

    fn remove(&mut self, key: usize) {
        self.connections.try_remove(key);
        self.closing.retain(|(closing, _)| *closing != key);
        if self.connections.is_empty() {
            self.connections = Slab::new();
        }
    }
}
