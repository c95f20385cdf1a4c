//! The keeper's loop: it watches the server, and starts it anew when it dies.
//!
//! It has one thread, and hears one whole message at a time: so another version of the program can go on between any two.

use std::io;
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use onlookers_handover::{Link, LinkError, Message};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpid, set_child_subreaper};

use super::kept::Kept;
use super::message::{FromKeeper, FromServer};
use super::orders::Orders;
use super::renewal::{FORMATS, Watched};
use super::server::{Number, ServerProcess};
use crate::net::{listen, open_files};
use crate::signals::Signals;
use crate::upgrade::message::say;
use crate::upgrade::process;

/// The pause before a server is started anew that has run for less than [`SETTLED`], the second time; doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long what a server says may wait, if it has said something just before.
const NAP: Duration = Duration::from_millis(5);

/// After so long a server isn't taken for one that can't start.
const SETTLED: Duration = Duration::from_secs(1);

struct Keeper {
    orders: Orders,
    watched: Watched,
    started: Instant,
    pause: Duration,
    is_stopping: bool,
    /// Whether a server has said something a moment ago.
    has_heard: bool,
}

/// Who has something to say.
#[derive(Default)]
struct Ready {
    orders: bool,
    servers: Vec<Number>,
    /// Nobody, and a server is to be started.
    is_time: bool,
}

/// Keeps a server running until one ends in order, or the first can't start. Returns the exit code.
///
/// # Errors
/// The system's, if it can start none.
pub fn keep(signals: Signals, tell_main: fn(u32)) -> io::Result<u8> {
    // As the server does, whose connections are to be kept.
    open_files::raise_limit();
    // Children of a process that ends are this one's then: a server starts the one that takes over from it.
    set_child_subreaper(Some(getpid()))?;
    let mut keeper = Keeper {
        orders: Orders::new(signals)?,
        watched: watched(tell_main)?,
        started: Instant::now(),
        pause: Duration::ZERO,
        is_stopping: false,
        has_heard: false,
    };
    keeper.run()
}

/// What this keeper begins with: what a version of it before has left, a server that runs, or nothing.
fn watched(tell_main: fn(u32)) -> io::Result<Watched> {
    if let Some(left) = Watched::take_left()? {
        tracing::info!("version {} of the keeper goes on", env!("CARGO_PKG_VERSION"));
        return Ok(left);
    }
    let Some((link, pid)) = process::served()? else {
        return Ok(Watched::new(Kept::new(listen::activated_for_child()?)));
    };
    tell_main(std::process::id());
    let mut watched = Watched::new(Kept::of_running());
    watched.owner = Some(watched.watch(link, i32::try_from(pid).ok().and_then(Pid::from_raw))?);
    Ok(watched)
}

impl Watched {
    fn watch(&mut self, link: Link, pid: Option<Pid>) -> io::Result<Number> {
        let number = self.newest + 1;
        self.newest = number;
        self.servers.push(ServerProcess::new(number, link, pid)?);
        Ok(number)
    }

    fn server(&self, number: Number) -> Option<&ServerProcess> {
        self.servers.iter().find(|server| server.number == number)
    }
}

impl Keeper {
    fn run(&mut self) -> io::Result<u8> {
        if self.watched.owner.is_none() && !self.watched.kept.is_served() {
            self.start()?;
        }
        loop {
            let ready = self.wait()?;
            if ready.orders {
                self.obey_order()?;
            }
            for number in &ready.servers {
                if let Some(code) = self.hear(*number) {
                    return Ok(code);
                }
            }
            if self.is_stopping && self.watched.servers.is_empty() {
                return Ok(0);
            }
            if ready.is_time {
                self.start_again();
            }
            self.nap(!ready.servers.is_empty());
        }
    }

    /// Pauses when everything is heard that was said. What is said meanwhile is in the socket, and needn't wake this process, which would cost
    /// the server as much as a join does.
    fn nap(&mut self, has_heard: bool) {
        if self.has_heard && !has_heard && self.restart_in().is_none() {
            thread::sleep(NAP);
        }
        self.has_heard = has_heard;
    }

    /// Waits until somebody has something to say, or a server is to be started.
    fn wait(&self) -> io::Result<Ready> {
        let restart = self.restart_in();
        // At once, if only to see whether everything is heard.
        let pause = restart.or(self.has_heard.then_some(Duration::ZERO));
        let pause = pause.and_then(|pause| Timespec::try_from(pause).ok());
        let descriptors =
            [self.orders.as_fd()].into_iter().chain(self.watched.servers.iter().map(|it| it.link.as_fd()));
        let mut polled: Vec<_> =
            descriptors.map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN)).collect();
        match poll(&mut polled, pause.as_ref()) {
            Ok(0) => Ok(Ready { is_time: restart.is_some(), ..Ready::default() }),
            Ok(_) => {
                let is_ready: Vec<bool> = polled.iter().map(|polled| !polled.revents().is_empty()).collect();
                let servers = self.watched.servers.iter().zip(&is_ready[1..]);
                let servers = servers.filter(|(_, is_ready)| **is_ready).map(|(server, _)| server.number);
                Ok(Ready { orders: is_ready[0], servers: servers.collect(), is_time: false })
            }
            Err(Errno::INTR) => Ok(Ready::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// When to start a server, if the owner has died, and all processes with it that had begun to take over.
    fn restart_in(&self) -> Option<Duration> {
        let Watched { owner, servers, last, .. } = &self.watched;
        let is_free = owner.is_none() && servers.iter().all(|server| server.number < *last);
        (is_free && !self.is_stopping).then_some(self.pause)
    }

    /// Starts a server, and gives it what there is of the one before.
    fn start(&mut self) -> io::Result<()> {
        let (mut child, link) = process::start_kept()?;
        self.started = Instant::now();
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let number = self.watched.watch(link, pid)?;
        self.watched.owner = Some(number);
        let given = self.watched.server(number).map(|server| self.watched.kept.give(&server.link));
        if let Some(Err(error)) = given {
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

    fn obey_order(&mut self) -> io::Result<()> {
        if let Some(signal) = self.orders.next()? {
            self.signal(signal);
        }
        Ok(())
    }

    /// Passes a signal on to the server; to end, to all.
    fn signal(&mut self, signal: Signal) {
        let ends = signal == Signal::TERM;
        if ends {
            self.stop();
        }
        // A terminal, or systemd, may have told the servers, too: that isn't a second order then.
        let passed = if ends { Signal::USR1 } else { signal };
        let Watched { servers, owner, .. } = &self.watched;
        for server in servers.iter().filter(|server| ends || Some(server.number) == *owner) {
            server.signal(passed);
        }
    }

    fn stop(&mut self) {
        self.is_stopping = true;
        self.watched.kept.stop_listening();
    }

    /// Hears a server. The exit code, if that is the end of the keeper.
    fn hear(&mut self, number: Number) -> Option<u8> {
        let server = self.watched.server(number)?;
        match server.hear() {
            Ok(Some((said, message))) => {
                self.obey(number, said, message);
                None
            }
            Ok(None) => None,
            Err(LinkError::Closed) => self.ended(number),
            Err(_) => {
                // It lives, so the id is no other process': the next one must not share its connections.
                server.signal(Signal::KILL);
                self.ended(number)
            }
        }
    }

    fn obey(&mut self, number: Number, said: FromServer, message: Message) {
        let is_owner = self.watched.owner == Some(number);
        match said {
            FromServer::Owner(pid) => {
                self.watched.owner = Some(number);
                if let Some(server) = self.watched.servers.iter_mut().find(|server| server.number == number) {
                    server.pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
                    if self.is_stopping {
                        server.signal(Signal::USR1);
                    }
                }
            }
            FromServer::Stopped if is_owner => self.stop(),
            FromServer::Renew(formats) if is_owner && !self.is_stopping => self.renew(&formats),
            FromServer::Link(pid) => {
                if let Err(error) = self.give_link(number, pid) {
                    tracing::error!("a process that is to take over can't be kept: {error}");
                    // The server waits for an answer.
                    if let Some(server) = self.watched.server(number) {
                        let _ = say(&server.link, &FromKeeper::Link, &[]);
                    }
                }
            }
            FromServer::Sync => {
                if let Some(server) = self.watched.server(number) {
                    // If it has died, it needs no answer.
                    let _ = say(&server.link, &FromKeeper::Synced, &[]);
                }
            }
            // What an old process still says is of no use any more.
            said if is_owner => {
                self.watched.kept.note(said, message);
                if self.is_stopping {
                    self.watched.kept.stop_listening();
                }
            }
            _ => {}
        }
    }

    /// Goes on with the program that the new server has been started from.
    fn renew(&mut self, formats: &RangeInclusive<u32>) {
        if !formats.contains(FORMATS.end()) {
            tracing::warn!("the keeper goes on as it was: the new version doesn't understand it");
            return;
        }
        // An order that has come belongs to this program.
        while self.orders.are_there() {
            if self.obey_order().is_err() || self.is_stopping {
                return;
            }
        }
        let error = self.watched.renew();
        tracing::warn!("the keeper goes on as it was: the new version can't be started: {error}");
    }

    /// Makes a link for a process that is to take over, and gives the other end to the one that starts it.
    fn give_link(&mut self, number: Number, pid: u32) -> io::Result<()> {
        let (link, end) = Link::pair()?;
        self.watched.watch(link, i32::try_from(pid).ok().and_then(Pid::from_raw))?;
        let Some(server) = self.watched.server(number) else { return Ok(()) };
        say(&server.link, &FromKeeper::Link, &[end.as_fd()]).map_err(io::Error::other)
    }

    /// A server has ended. The exit code, if that is the end of the keeper.
    fn ended(&mut self, number: Number) -> Option<u8> {
        let watched = &mut self.watched;
        let at = watched.servers.iter().position(|server| server.number == number)?;
        let code = watched.servers.remove(at).wait();
        if watched.owner != Some(number) {
            return None;
        }
        (watched.owner, watched.last) = (None, number);
        // What was about to take over would share what the next one has. Older ones linger with what is theirs alone.
        let newer = watched.servers.iter().filter(|server| server.number > number);
        newer.for_each(|server| server.signal(Signal::KILL));
        if self.is_stopping {
            return None;
        }
        // It has said why. One that was killed may start the next time.
        if let (false, Some(code)) = (watched.kept.is_served(), code) {
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
