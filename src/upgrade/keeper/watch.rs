//! The keeper's loop: it watches the server, and starts it anew when it dies.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use onlookers_handover::Link;
use rustix::process::{Pid, Signal, getpid, set_child_subreaper};

use super::kept::Kept;
use super::message::{FromKeeper, FromServer};
use super::server::{Number, ServerProcess};
use crate::net::{listen, open_files};
use crate::signals::Signals;
use crate::upgrade::message::say;
use crate::upgrade::process;

/// The pause before a server is started anew that has run for less than [`SETTLED`], the second time; doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// After so long a server isn't taken for one that can't start.
const SETTLED: Duration = Duration::from_secs(1);

/// Something that the keeper waits for.
pub(super) enum Event {
    /// A server has said something.
    Said(Number, FromServer, Vec<OwnedFd>),
    /// A server has ended, or can't be understood.
    Ended(Number),
    Signal(Signal),
}

struct Keeper {
    kept: Kept,
    /// Those that have not ended.
    servers: Vec<ServerProcess>,
    /// Which of them everything belongs to; none before the first has begun to serve.
    owner: Option<Number>,
    /// The highest number so far.
    newest: Number,
    /// The one whose death made all of this free.
    last: Number,
    started: Instant,
    pause: Duration,
    is_stopping: bool,
    events: Sender<Event>,
}

/// Keeps a server running until one ends in order, or the first can't start. Returns the exit code.
///
/// # Errors
/// The system's, if it can start none.
pub fn keep(signals: Signals) -> io::Result<u8> {
    // As the server does, whose connections are to be kept.
    open_files::raise_limit();
    // Children of a process that ends are this one's then: a server starts the one that takes over from it.
    set_child_subreaper(Some(getpid()))?;
    let (events, waiting) = channel();
    pass_on(signals, &events)?;
    let mut keeper = Keeper {
        kept: Kept::new(listen::activated_for_child()?),
        servers: Vec::new(),
        owner: None,
        newest: 0,
        last: 0,
        started: Instant::now(),
        pause: Duration::ZERO,
        is_stopping: false,
        events,
    };
    keeper.start()?;
    keeper.run(&waiting)
}

/// Has signals come as events.
fn pass_on(signals: Signals, events: &Sender<Event>) -> io::Result<()> {
    let Signals { mut reload, mut upgrade, stop, stop_now } = signals;
    let send = |signal| {
        let events = events.clone();
        move || events.send(Event::Signal(signal)).is_ok()
    };
    let (end, reread, renew) = (send(Signal::TERM), send(Signal::HUP), send(Signal::USR2));
    let start = |name: &str, task: Box<dyn FnOnce() + Send>| {
        thread::Builder::new().name(name.to_owned()).spawn(task).map(drop)
    };
    start(
        "stop",
        Box::new(move || {
            for stop in [stop, stop_now] {
                // Without the thread of signals there is no way to stop but by killing.
                if stop.blocking_recv().is_err() || !end() {
                    return;
                }
            }
        }),
    )?;
    start("reload", Box::new(move || while reload.blocking_recv().is_some() && reread() {}))?;
    start("upgrade", Box::new(move || while upgrade.blocking_recv().is_some() && renew() {}))
}

impl Keeper {
    fn run(&mut self, events: &Receiver<Event>) -> io::Result<u8> {
        loop {
            let event = match self.restart_in() {
                None => events.recv().map_err(io::Error::other)?,
                Some(pause) => match events.recv_timeout(pause) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) => {
                        self.start_again();
                        continue;
                    }
                    Err(error) => return Err(io::Error::other(error)),
                },
            };
            match event {
                Event::Signal(signal) => self.signal(signal),
                Event::Said(number, message, descriptors) => self.hear(number, message, descriptors),
                Event::Ended(number) => {
                    if let Some(code) = self.ended(number) {
                        return Ok(code);
                    }
                }
            }
            if self.is_stopping && self.servers.is_empty() {
                return Ok(0);
            }
        }
    }

    /// When to start a server, if the owner has died, and all processes with it that had begun to take over.
    fn restart_in(&self) -> Option<Duration> {
        let is_free = self.owner.is_none() && self.servers.iter().all(|server| server.number < self.last);
        (is_free && !self.is_stopping).then_some(self.pause)
    }

    /// Starts a server, and gives it what there is of the one before.
    fn start(&mut self) -> io::Result<()> {
        let (mut child, link) = process::start_kept()?;
        self.started = Instant::now();
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let given = self.kept.give(&link);
        self.owner = Some(self.watch(link, pid)?);
        if let Err(error) = given {
            tracing::error!("the server can't be given what there is of the one before: {error}");
            let _ = child.kill();
        }
        Ok(())
    }

    /// The same, once a server has served: if the system has no memory for another one, it may have some later.
    fn start_again(&mut self) {
        if let Err(error) = self.start() {
            tracing::error!("another server can't be started yet: {error}");
            self.pause = LONGEST_PAUSE;
        }
    }

    fn watch(&mut self, link: Link, pid: Option<Pid>) -> io::Result<Number> {
        let number = self.newest + 1;
        self.newest = number;
        self.servers.push(ServerProcess::new(number, link, pid, self.events.clone())?);
        Ok(number)
    }

    /// Passes a signal on to the server; to end, to all.
    fn signal(&mut self, signal: Signal) {
        let ends = signal == Signal::TERM;
        self.is_stopping |= ends;
        for server in self.servers.iter().filter(|server| ends || Some(server.number) == self.owner) {
            server.signal(signal);
        }
    }

    fn hear(&mut self, number: Number, message: FromServer, descriptors: Vec<OwnedFd>) {
        match message {
            FromServer::Owner(pid) => {
                self.owner = Some(number);
                if let Some(server) = self.servers.iter_mut().find(|server| server.number == number) {
                    server.pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
                }
            }
            FromServer::Stopped => self.is_stopping |= self.owner == Some(number),
            FromServer::Link => {
                if let Err(error) = self.give_link(number) {
                    tracing::error!("a process that is to take over can't be kept: {error}");
                    // The server waits for an answer.
                    if let Some(server) = self.servers.iter().find(|server| server.number == number) {
                        let _ = say(&server.link, &FromKeeper::Link, &[]);
                    }
                }
            }
            FromServer::Sync => {
                if let Some(server) = self.servers.iter().find(|server| server.number == number) {
                    // If it has died, it needs no answer.
                    let _ = say(&server.link, &FromKeeper::Synced, &[]);
                }
            }
            // What an old process still says is of no use any more.
            message if self.owner == Some(number) => self.kept.note(message, descriptors),
            _ => {}
        }
    }

    /// Makes a link for a process that is to take over, and gives the other end to the one that starts it.
    fn give_link(&mut self, number: Number) -> io::Result<()> {
        let (link, end) = Link::pair()?;
        self.watch(link, None)?;
        let Some(server) = self.servers.iter().find(|server| server.number == number) else { return Ok(()) };
        say(&server.link, &FromKeeper::Link, &[end.as_fd()]).map_err(io::Error::other)
    }

    /// A server has ended. The exit code, if that is the end of the keeper.
    fn ended(&mut self, number: Number) -> Option<u8> {
        let at = self.servers.iter().position(|server| server.number == number)?;
        let code = self.servers.remove(at).wait();
        if self.owner != Some(number) {
            return None;
        }
        (self.owner, self.last) = (None, number);
        // What was about to take over would share what the next one has. Older ones linger with what is theirs alone.
        let newer = self.servers.iter().filter(|server| server.number > number);
        newer.for_each(|server| server.signal(Signal::KILL));
        if self.is_stopping {
            return None;
        }
        // It has said why. One that was killed may start the next time.
        if let (false, Some(code)) = (self.kept.is_served(), code) {
            return Some(code.max(1));
        }
        self.pause = match self.started.elapsed() > SETTLED {
            true => Duration::ZERO,
            false => (2 * self.pause).clamp(FIRST_PAUSE, LONGEST_PAUSE),
        };
        tracing::error!("the server has died: another one goes on");
        None
    }
}
