//! Pages with a WebSocket, by the thousand, on one epoll and a thread of their own: they send messages and count the
//! answers.

use crate::{
    Outcome,
    args::{Args, Message},
    load::{
        asker::Asker,
        crowd::{NAP, PING, PONG},
        stream::{PONGS, Progress, Stream},
    },
};
use memchr::memmem;
use mio::{Events, Interest, Poll, Token, event::Event, net::TcpStream};
use onlookers_ring::Ring;
use slab::Slab;
use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

const ERROR: &[u8] = b"{\"type\":\"error\"";
const IDLE: Duration = Duration::from_millis(20);

/// What the thread of the pages has done so far.
#[derive(Default)]
pub(crate) struct Status {
    /// Set from outside: they are to send messages.
    pub(crate) send: AtomicBool,
    /// Nothing is on its way: everybody has joined, and if they have sent messages, each has sent a ping as its last and
    /// got the answer. A server handles a connection's messages in their order, so all have been handled.
    pub(crate) settled: AtomicBool,
    pub(crate) sent: AtomicUsize,
    pub(crate) lost: AtomicUsize,
    pub(crate) errors: AtomicUsize,
}

impl Status {
    pub(crate) fn start(address: SocketAddr, args: &Args) -> Outcome<Arc<Self>> {
        let status = Arc::new(Self::default());
        let pages = Pages {
            asker: Asker::websocket(address, &PONGS),
            args: args.clone(),
            poll: Poll::new()?,
            ring: Ring::new()?,
            pages: Slab::with_capacity(args.pages),
            status: Arc::clone(&status),
            opening: 0,
            next: 0,
            unanswered: 0,
        };
        thread::spawn(move || {
            if let Err(error) = pages.run() {
                eprintln!("pages: {error}");
                std::process::exit(1);
            }
        });
        Ok(status)
    }
}

struct Page {
    socket: TcpStream,
    asked: bool,
    open: bool,
    stream: Stream,
    unanswered: usize,
}

struct Pages {
    asker: Asker,
    args: Args,
    poll: Poll,
    ring: Ring,
    pages: Slab<Page>,
    status: Arc<Status>,
    /// So many have not got the head of their response.
    opening: usize,
    /// Whose turn it is to send.
    next: usize,
    /// Pings without an answer yet.
    unanswered: usize,
}

impl Pages {
    fn run(mut self) -> Outcome<()> {
        let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; 64 * 1024]);
        self.join(&mut events, &mut buffer)?;
        loop {
            self.status.settled.store(self.unanswered == 0, Relaxed);
            if self.status.send.load(Relaxed) {
                self.status.settled.store(false, Relaxed);
                self.send(&mut events, &mut buffer)?;
            }
            self.turn(IDLE, &mut events, &mut buffer)?;
        }
    }

    fn join(&mut self, events: &mut Events, buffer: &mut [u8]) -> Outcome<()> {
        for number in 0..self.args.pages {
            let mut socket = self.asker.connect(number)?;
            let (entry, interest) = (self.pages.vacant_entry(), Interest::READABLE | Interest::WRITABLE);
            self.poll.registry().register(&mut socket, Token(entry.key()), interest)?;
            entry.insert(Page {
                socket,
                asked: false,
                open: false,
                stream: Stream::default(),
                unanswered: 0,
            });
            self.opening += 1;
            while self.opening >= self.args.options.at_once {
                self.turn(IDLE, events, buffer)?;
            }
        }
        while self.opening > 0 {
            self.turn(IDLE, events, buffer)?;
        }
        Ok(())
    }

    /// Messages at an even pace until they are to stop, then a ping from each page. When the system has let this thread
    /// wait, a page catches up by one message: the server would close a connection that sends 20 at once.
    fn send(&mut self, events: &mut Events, buffer: &mut [u8]) -> Outcome<()> {
        let (start, mut paced, mut sent, mut last) = (Instant::now(), 0, 0, None);
        let a_second = self.args.rate * self.args.pages as f64;
        while last.is_none_or(|last| sent < last) {
            let due = (start.elapsed().as_secs_f64() * a_second) as usize;
            let some = (due - paced).min(self.args.pages);
            self.messages(some, last.map_or(self.args.kind, |_| Message::Ping))?;
            sent += some;
            paced = due;
            if last.is_none() && !self.status.send.load(Relaxed) {
                last = Some(sent + self.args.pages);
            }
            self.turn(NAP, events, buffer)?;
        }
        Ok(())
    }

    /// A message from each of the next `some` pages, together: what the generator takes of the server's cores is to be
    /// little.
    fn messages(&mut self, some: usize, kind: Message) -> Outcome<()> {
        let next = self.next..self.next + some;
        self.next = next.end;
        let keys = next.clone().map(|number| number % self.args.pages);
        let frames = next.map(|number| frame(&text(kind, number + 1)));
        let messages = keys.zip(frames).filter(|(key, _)| self.pages.contains(*key)).collect::<Vec<_>>();
        let sends = messages.iter().map(|(key, frame)| (self.pages[*key].socket.as_fd(), &frame[..]));
        let mut results = Vec::with_capacity(messages.len());
        self.ring.send_all(sends, |_, result| results.push(result))?;
        for ((key, frame), result) in messages.iter().zip(results) {
            self.sent(*key, kind, frame.len(), result)?;
        }
        Ok(())
    }

    fn sent(&mut self, key: usize, kind: Message, length: usize, result: io::Result<usize>) -> Outcome<()> {
        match result {
            Ok(bytes) if bytes == length => {}
            Ok(_) => return Err("a message didn't fit into a socket".into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error.into()),
            Err(_) => {
                self.lose(key);
                return Ok(());
            }
        }
        self.status.sent.fetch_add(1, Relaxed);
        let pings = usize::from(kind == Message::Ping);
        self.pages[key].unanswered += pings;
        self.unanswered += pings;
        Ok(())
    }

    fn turn(&mut self, wait: Duration, events: &mut Events, buffer: &mut [u8]) -> Outcome<()> {
        match self.poll.poll(events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        thread::sleep(NAP);
        for event in events.iter() {
            self.react(event, buffer)?;
        }
        Ok(())
    }

    fn react(&mut self, event: &Event, buffer: &mut [u8]) -> Outcome<()> {
        let key = event.token().0;
        let Some(page) = self.pages.get_mut(key) else { return Ok(()) };
        if !page.asked {
            let path = format!("{}/{}", self.asker.path, key / self.args.room);
            page.asked = true;
            page.socket
                .write_all(self.asker.request(&path).as_bytes())
                .map_err(|error| format!("no connection: {error}"))?;
        }
        if event.is_readable() { self.read(key, event.is_read_closed(), buffer) } else { Ok(()) }
    }

    /// A read that doesn't fill the buffer has emptied the socket (epoll(7)), which saves the read that says so; the end
    /// of the connection may come with it.
    fn read(&mut self, key: usize, closed: bool, buffer: &mut [u8]) -> Outcome<()> {
        while let Some(page) = self.pages.get_mut(key) {
            match page.socket.read(buffer) {
                Ok(0) => self.lose(key),
                Ok(bytes) => {
                    self.receive(key, &buffer[..bytes])?;
                    if bytes < buffer.len() && !closed {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => self.lose(key),
            }
        }
        Ok(())
    }

    fn receive(&mut self, key: usize, bytes: &[u8]) -> io::Result<()> {
        let (page, mut answers) = (&mut self.pages[key], 0);
        let progress = page.stream.take(bytes, &PONGS, |_pong| answers += 1);
        if let Progress::Refused(status) | Progress::Redirect(status) = progress {
            return Err(io::Error::other(format!("a page was refused: {status}")));
        }
        page.unanswered -= answers;
        self.unanswered -= answers;
        if !page.open && page.stream.in_body() {
            page.open = true;
            self.opening -= 1;
        }
        if memmem::find(bytes, PING).is_some() {
            // If it can't be written, the next read says why.
            let _ = page.socket.write_all(PONG);
        }
        self.status.errors.fetch_add(memmem::find_iter(bytes, ERROR).count(), Relaxed);
        Ok(())
    }

    fn lose(&mut self, key: usize) {
        let page = self.pages.remove(key);
        self.unanswered -= page.unanswered;
        self.opening -= usize::from(!page.open);
        self.status.lost.fetch_add(1, Relaxed);
    }
}

fn text(kind: Message, serial: usize) -> String {
    match kind {
        Message::Ping => r#"{"type":"ping"}"#.into(),
        // Another position each time, or there is nothing to tell.
        Message::Presence => format!(r#"{{"type":"presence","position":0.{:03}}}"#, serial / 7 % 1000),
        Message::Text => r#"{"type":"message","data":"a message to the others"}"#.into(),
    }
}

/// A text frame of at most 125 bytes, masked with nothing, as the protocol wants it of clients.
fn frame(text: &str) -> Vec<u8> {
    [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0], text.as_bytes()].concat()
}
