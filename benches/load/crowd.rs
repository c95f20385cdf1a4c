//! The load generator: viewers by the thousand on one epoll.

use super::{
    Outcome,
    asker::Asker,
    pictures::{Id, Pictures},
    stream::{Progress, Stream},
    tls::Session,
};
use memchr::memmem;
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use slab::Slab;
use std::{
    io::{self, ErrorKind, Read, Write},
    thread,
    time::{Duration, Instant},
};

/// What a stream of events brings when nothing has changed.
const REPAINT: &[u8] = b":\n\n";
/// Rest between two readings. A visitor's browser is woken by the visitor's own machine, but over loopback the server
/// that writes pays for waking whoever waits in epoll, and how often that is depends on how the scheduler mixes the
/// two. Without the rest, reading a frame cost 4.6 µs beside the floor and 3.3 µs beside onlookers; with it, 2.5 µs
/// beside both. It is also how exact the delays are.
pub(crate) const NAP: Duration = Duration::from_millis(2);
/// A WebSocket's server asks whether the viewer is there. No message has the first of these bytes, and no frame's head both.
pub(crate) const PING: &[u8] = &[0x89, 0];
/// Masked with nothing, as the protocol wants it of clients.
pub(crate) const PONG: &[u8] = &[0x8a, 0x80, 0, 0, 0, 0];
/// How many reasons for a lost viewer are kept.
const REASONS: usize = 10;
/// Nothing that is waited for takes longer, or the bench fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What has come in since the start.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
}

struct Viewer {
    socket: TcpStream,
    tls: Option<Session>,
    asked: bool,
    stream: Stream,
    frames: u64,
    picture: Option<Id>,
    /// When it got a picture last, while that is wanted.
    last: Option<Instant>,
}

/// All viewers of one server.
pub(crate) struct Crowd {
    pub(crate) tally: Tally,
    pub(crate) pictures: Pictures,
    asker: Asker,
    /// So many may wait for their first picture while more connect.
    at_once: usize,
    poll: Poll,
    events: Events,
    viewers: Slab<Viewer>,
    waiting: usize,
    serial: usize,
    /// When viewers got another picture than they had, if that is wanted.
    pub(crate) arrivals: Option<Vec<Instant>>,
    /// The longest that a viewer had to wait from one picture to the next, if that is wanted.
    pub(crate) longest_gap: Option<Duration>,
    /// Viewers that the server has put out or refused, which is an error unless `may_lose`.
    pub(crate) lost: usize,
    /// The reasons of the first of them.
    pub(crate) why_lost: Vec<String>,
    pub(crate) may_lose: bool,
    /// The viewer that joined last and leaves next (changes.rs).
    pub(super) extra: Option<usize>,
    /// The soonest time for the next change.
    pub(super) due: Instant,
    buffer: Box<[u8]>,
}

impl Crowd {
    pub(crate) fn new(asker: Asker, at_once: usize) -> Outcome<Self> {
        Ok(Self {
            tally: Tally::default(),
            pictures: Pictures::default(),
            asker,
            at_once,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            viewers: Slab::new(),
            waiting: 0,
            serial: 0,
            arrivals: None,
            longest_gap: None,
            lost: 0,
            why_lost: Vec::new(),
            may_lose: false,
            extra: None,
            due: Instant::now(),
            buffer: vec![0; 64 * 1024].into(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.viewers.len()
    }

    /// Joins until there are `viewers`, and returns when each has a picture.
    pub(crate) fn fill(&mut self, viewers: usize) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.len() < viewers {
            while self.len() < viewers && self.waiting < self.at_once {
                self.join()?;
            }
            self.turn(Duration::from_secs(1))?;
            if Instant::now() > deadline {
                return Err(format!("only {} of {viewers} have joined", self.len() - self.waiting).into());
            }
        }
        self.until("a first picture", |crowd| crowd.waiting == 0)
    }

    /// One viewer more; its key.
    pub(crate) fn join(&mut self) -> Outcome<usize> {
        self.serial += 1;
        let mut socket = self.asker.connect(self.serial)?;
        let tls = self.asker.tls.as_ref().map(Session::new).transpose()?;
        let entry = self.viewers.vacant_entry();
        let (key, interest) = (entry.key(), Interest::READABLE | Interest::WRITABLE);
        self.poll.registry().register(&mut socket, Token(key), interest)?;
        let stream = Stream::default();
        entry.insert(Viewer { socket, tls, asked: false, stream, frames: 0, picture: None, last: None });
        self.waiting += 1;
        Ok(key)
    }

    /// One viewer fewer, unless it is gone already.
    pub(crate) fn leave(&mut self, key: usize) {
        let Some(viewer) = self.viewers.try_remove(key) else { return };
        self.pictures.swap(viewer.picture, None);
        self.waiting -= usize::from(viewer.picture.is_none());
    }

    pub(crate) fn leave_all(&mut self) {
        (0..self.viewers.capacity()).for_each(|key| self.leave(key));
    }

    /// The first viewer at or after a place, going round: some viewer, for any number.
    pub(crate) fn near(&self, place: usize) -> Option<usize> {
        let slots = self.viewers.capacity().max(1);
        (0..slots).map(|step| (place + step) % slots).find(|&key| self.viewers.contains(key))
    }

    /// Every viewer holds the picture that came last.
    pub(crate) fn agrees(&self) -> bool {
        self.pictures.holders(self.pictures.newest()) == self.len()
    }

    pub(crate) fn most_frames(&self) -> u64 {
        self.viewers.iter().map(|(_, viewer)| viewer.frames).max().unwrap_or(0)
    }

    /// Reads what comes until `done`.
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            if Instant::now() > deadline {
                let holders = self.pictures.holders(self.pictures.newest());
                let state = format!("{holders} of {} hold the newest, {} none", self.len(), self.waiting);
                let state = format!("{state}, {} are lost: {:?}", self.lost, self.why_lost);
                return Err(format!("waited {PATIENCE:?} for {what}: {state}").into());
            }
            self.turn(Duration::from_millis(100))?;
        }
        Ok(())
    }

    /// Reads what comes until a time.
    pub(crate) fn read_until(&mut self, end: Instant) -> Outcome<()> {
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.turn(left)?;
        }
        Ok(())
    }

    pub(crate) fn turn(&mut self, wait: Duration) -> Outcome<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        thread::sleep(NAP);
        let ready = self.events.iter().map(|event| (event.token().0, event.is_readable()));
        for (key, readable) in ready.collect::<Vec<_>>() {
            self.react(key, readable)?;
        }
        Ok(())
    }

    fn react(&mut self, key: usize, readable: bool) -> Outcome<()> {
        let Some(viewer) = self.viewers.get_mut(key) else { return Ok(()) };
        if !viewer.asked {
            let path = self.asker.path(key);
            if let Err(error) = viewer.ask(&self.asker, &path) {
                return self.lose(key, &error.to_string());
            }
        }
        if readable { self.read(key) } else { Ok(()) }
    }

    /// A read that doesn't fill the buffer has emptied the socket (epoll(7)), which saves the read that says so.
    fn read(&mut self, key: usize) -> Outcome<()> {
        while let Some(viewer) = self.viewers.get_mut(key) {
            match viewer.read(&mut self.buffer) {
                Ok(None) => return self.lose(key, "the server ended a stream"),
                Ok(Some(n)) => self.receive(key, n)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return self.lose(key, &format!("a stream broke: {error}")),
            }
        }
        Ok(())
    }

    fn lose(&mut self, key: usize, why: &str) -> Outcome<()> {
        self.leave(key);
        self.extra.take_if(|extra| *extra == key);
        self.lost += 1;
        if self.why_lost.len() < REASONS {
            self.why_lost.push(why.into());
        }
        if self.may_lose { Ok(()) } else { Err(why.into()) }
    }

    fn receive(&mut self, key: usize, bytes: usize) -> Outcome<()> {
        let Self { viewers, pictures, tally, waiting, buffer, asker, arrivals, longest_gap, .. } = self;
        let viewer = &mut viewers[key];
        tally.bytes += bytes as u64;
        // A repaint is a frame that the server has paid for: a picture is counted below as any other, this one is no event.
        tally.frames += u64::from(buffer[..bytes] == *REPAINT);
        let progress = viewer.stream.take(&buffer[..bytes], asker.marks, |png| {
            let id = pictures.recognise(png);
            pictures.swap(viewer.picture, Some(id));
            if let (Some(arrivals), true) = (&mut *arrivals, viewer.picture != Some(id)) {
                arrivals.push(Instant::now());
            }
            *waiting -= usize::from(viewer.picture.is_none());
            viewer.picture = Some(id);
            if let Some(longest) = longest_gap {
                let now = Instant::now();
                *longest = viewer.last.replace(now).map_or(*longest, |last| (now - last).max(*longest));
            }
            viewer.frames += 1;
            tally.frames += 1;
        });
        let done = match progress {
            Progress::GoOn if asker.is_websocket() && memmem::find(&buffer[..bytes], PING).is_some() => {
                viewer.send(PONG)
            }
            Progress::GoOn => viewer.settle(),
            Progress::Redirect(path) => viewer.ask(asker, &path),
            Progress::Refused(status) => Err(format!("a viewer was refused: {status}").into()),
        };
        done.or_else(|why: Box<dyn std::error::Error>| self.lose(key, &why.to_string()))
    }
}

impl Viewer {
    fn ask(&mut self, asker: &Asker, path: &str) -> Outcome<()> {
        self.send(asker.request(path).as_bytes())?;
        self.asked = true;
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        match &mut self.tls {
            Some(session) => session.send(bytes, &mut self.socket),
            None => match self.socket.write(bytes) {
                Ok(sent) if sent == bytes.len() => Ok(()),
                Ok(_) => Err("a request didn't fit into an empty socket".into()),
                Err(error) => Err(format!("no connection: {error}").into()),
            },
        }
    }

    /// How many bytes are in `buffer` now, or the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match &mut self.tls {
            Some(session) => session.read(buffer, &mut self.socket),
            None => Ok(Some(self.socket.read(buffer)?).filter(|&bytes| bytes > 0)),
        }
    }

    /// The answer has begun, so the viewer has said all.
    fn settle(&mut self) -> Outcome<()> {
        if self.stream.in_body() && self.tls.as_ref().is_some_and(|session| !session.is_settled()) {
            self.tls = self.tls.take().map(Session::settle).transpose()?;
        }
        Ok(())
    }
}
