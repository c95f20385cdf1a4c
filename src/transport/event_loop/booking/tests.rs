//! A process dies at each moment of obeying what a page says, and the next one goes on: everything is answered once.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use onlookers_handover::Ledger;
use onlookers_rooms::ViewerId;
use rustls::ClientConnection;

use super::super::super::connection::Connection;
use super::super::super::entry::{Keep, ToKeep, recover};
use super::super::super::session::Session;
use super::super::super::socket::{Gone, Registered, Socket};
use super::super::super::websocket::{Format, WebSocket};
use super::super::tests::{connection, event_loop, only_id, room};
use super::*;
use crate::app::App;
use crate::app::tests::app;
use crate::net::address::ClientNetwork;
use crate::transport::event_loop::Ready;
use crate::transport::tls::tests::{open, sent, shaken_hands_of_each};
use crate::wire::frame::{self, client::masked_text};
use crate::wire::protocol::ServerMessage;

const READABLE: Ready = Ready { readable: true, read_closed: false, writable: false };

/// How far a process gets before it dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Moment {
    Read,
    Obeyed,
    Answered,
    Settled,
}

const MOMENTS: [Moment; 4] = [Moment::Read, Moment::Obeyed, Moment::Answered, Moment::Settled];

/// A process with one WebSocket.
struct Process {
    app: Arc<App>,
    event_loop: EventLoop,
    /// Another process would hold it like this.
    socket: TcpStream,
    /// Nobody hears what the keeper is to do.
    _keeper: Receiver<ToKeep>,
}

/// The other end, with TLS or without.
struct Client {
    socket: TcpStream,
    tls: Option<ClientConnection>,
}

impl Client {
    /// Its bytes for a text.
    fn seal(&mut self, text: &[u8]) -> Vec<u8> {
        let Some(tls) = &mut self.tls else { return text.to_vec() };
        tls.writer().write_all(text).unwrap();
        sent(tls)
    }

    /// The text in bytes that it has got: records have to be in their order.
    fn open(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.tls.as_mut().map_or(bytes.to_vec(), |tls| open(tls, bytes))
    }
}

/// Both ends of a connection without TLS, and with each cipher of it.
fn connections() -> impl Iterator<Item = (Client, TcpStream, Socket)> {
    let tls = shaken_hands_of_each().map(|(client, server)| (Some(client), Some(server)));
    let hands = [(None, None)].into_iter().chain(tls);
    hands.map(|(tls, hand)| {
        let (client, server) = connection();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let socket = server.try_clone().unwrap();
        let socket = match hand {
            Some(hand) => Socket::tls(socket, (hand, None), Vec::new(), &mut Vec::new()).unwrap(),
            None => Socket::plain(socket),
        };
        (Client { socket: client, tls }, server, socket)
    })
}

impl Process {
    fn begin((socket, server): (TcpStream, Socket)) -> Self {
        let (app, ledger) = (Arc::new(app()), Ledger::create(4, 4 << 20).unwrap());
        let mut event_loop = event_loop(0);
        let (book, _keeper) = book(ledger, &app);
        event_loop.begin_book(book);
        let client = ClientNetwork::of(Ipv4Addr::LOCALHOST.into());
        let session = Session::new(ViewerId::new(7), client, room().of_site().clone(), None, false);
        let protocol = Protocol::WebSocket(Box::new(WebSocket::new(session, Format::Json)));
        let permit = app.capacity.acquire(client, None).unwrap();
        let id = event_loop.insert(Connection::new(server, permit, protocol)).unwrap();
        event_loop.enter_in_book(id);
        Self { app, event_loop, socket, _keeper }
    }

    /// Sends what doesn't fit into the socket. It is the beginning of what the client gets.
    fn stall(&mut self) -> Vec<u8> {
        let long = Bytes::from(frame::text(&"x".repeat(1 << 19)));
        let id = only_id(&self.event_loop);
        let registry = self.event_loop.poll.registry();
        let connection = &mut self.event_loop.connections[id.index()];
        connection.send(None, &long, Registered { registry, id }).unwrap();
        assert!(connection.is_stalled());
        long.to_vec()
    }

    /// Attends to as many bytes as have been sent, up to that moment.
    fn attend_until(&mut self, moment: Moment, bytes: usize) {
        while self.socket.peek(&mut [0; 1024]).unwrap_or_default() < bytes {
            std::thread::yield_now();
        }
        let id = only_id(&self.event_loop);
        let Self { event_loop, app, .. } = self;
        if moment == Moment::Read {
            let socket = &mut event_loop.connections[id.index()].socket;
            let reading = socket.read((&mut [0; 1024], event_loop.input.as_mut()), |_| Ok::<_, Gone>(()));
            assert_eq!(reading.unwrap().bytes, bytes);
            return;
        }
        event_loop.list_ready(id, READABLE);
        event_loop.attend_to(id, app, Instant::now() + Duration::from_secs(60));
        if moment != Moment::Obeyed {
            event_loop.send_replies();
        }
        if moment == Moment::Settled {
            event_loop.settle_inputs();
        }
    }

    /// Whether the next process would go on with it.
    fn is_kept(&self) -> bool {
        let connection = &self.event_loop.connections[only_id(&self.event_loop).index()];
        connection.socket.entry_number().is_some()
    }

    /// The process after this one, which does nothing more.
    fn die(self) -> Self {
        let Self { event_loop: dead, socket, app: its, .. } = self;
        let memory = dead.book.as_ref().unwrap().ledger.as_fd().try_clone_to_owned().unwrap();
        std::mem::forget((dead, its));
        let (app, (ledger, mut records, _old)) =
            (Arc::new(app()), Ledger::open(memory).unwrap().into_parts());
        let (book, _keeper) = book(ledger, &app);
        let duplicate = OwnedFd::from(socket.try_clone().unwrap());
        let transfer = recover(records.remove(0), duplicate, &book).expect("it goes on");
        let mut event_loop = event_loop(1);
        event_loop.begin_book(book);
        event_loop.adopt(transfer);
        Self { app, event_loop, socket, _keeper }
    }

    /// Turns the loop until the client has text of that length, and once more.
    fn turn(&mut self, client: &mut Client, received: &mut Vec<u8>, length: usize) {
        client.socket.set_nonblocking(true).unwrap();
        let (started, mut buffer, mut is_last) = (Instant::now(), vec![0; 1 << 14], false);
        while !is_last {
            is_last = received.len() >= length;
            let id = only_id(&self.event_loop);
            self.event_loop.list_ready(id, Ready { writable: true, ..READABLE });
            self.event_loop.now = Instant::now();
            self.event_loop.attend(&self.app);
            match client.socket.read(&mut buffer) {
                Ok(length) => received.extend(client.open(&buffer[..length])),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{} of {length} bytes", received.len());
        }
    }
}

/// A keeper that can't be told at once.
struct Busy;

impl Keep for Busy {
    fn keep(&self, _: Vec<u32>, _: &[BorrowedFd<'_>]) -> bool {
        false
    }
}

fn book(ledger: Ledger, app: &Arc<App>) -> (Book, Receiver<ToKeep>) {
    let (keeper, asked) = channel();
    (Book { ledger, keeper, direct: Arc::new(Busy), app: Arc::clone(app) }, asked)
}

fn ping() -> Vec<u8> {
    masked_text(r#"{"type":"ping"}"#, [1, 2, 3, 4])
}

fn pongs(count: usize) -> Vec<u8> {
    frame::text(&ServerMessage::Pong.to_json()).repeat(count)
}

#[tokio::test]
async fn everything_is_answered_once_whenever_the_process_dies() {
    for (moment, is_stalled) in MOMENTS.into_iter().flat_map(|moment| [(moment, false), (moment, true)]) {
        for (client, server, socket) in connections() {
            let process = Process::begin((server, socket));
            // Connections of TLS 1.2 aren't kept.
            if process.is_kept() {
                is_answered_once(client, process, moment, is_stalled);
            }
        }
    }
}

fn is_answered_once(mut client: Client, mut process: Process, moment: Moment, is_stalled: bool) {
    let mut expected = if is_stalled { process.stall() } else { Vec::new() };
    expected.extend(pongs(3));
    // The third comes in two parts.
    let mut first: Vec<u8> = (0..3).flat_map(|_| client.seal(&ping())).collect();
    let rest = first.split_off(first.len() - 9);
    client.socket.write_all(&first).unwrap();
    process.attend_until(moment, first.len());
    let mut begun = vec![0; if is_stalled { 1000 } else { 0 }];
    client.socket.read_exact(&mut begun).unwrap();
    let mut received = client.open(&begun);
    if is_stalled && moment == Moment::Settled {
        process.event_loop.resume(only_id(&process.event_loop)).unwrap();
    }
    // The second dies before it has obeyed anything.
    let mut process = process.die().die();
    client.socket.write_all(&rest).unwrap();
    process.turn(&mut client, &mut received, expected.len());
    let kind = client.tls.as_ref().and_then(|tls| tls.negotiated_cipher_suite());
    assert!(received == expected, "{moment:?}, stalled: {is_stalled}, {kind:?}");
}

/// The others may have got it, so they must not get it again.
#[tokio::test]
async fn a_message_to_others_is_not_obeyed_again() {
    let (mut client, server, socket) = connections().next().unwrap();
    let mut process = Process::begin((server, socket));
    let message = masked_text(r#"{"type":"message","data":1}"#, [1, 2, 3, 4]);
    let said = [ping(), message].concat();
    client.socket.write_all(&said).unwrap();
    process.attend_until(Moment::Obeyed, said.len());
    assert_eq!(process.event_loop.replies.len(), 1, "messages are off");
    let mut process = process.die();
    client.socket.write_all(&ping()).unwrap();
    let (expected, mut received) = (pongs(2), Vec::new());
    process.turn(&mut client, &mut received, expected.len());
    assert_eq!(received, expected);
}

#[tokio::test]
async fn what_has_ended_a_connection_is_not_obeyed_again() {
    let (mut client, server, socket) = connections().next().unwrap();
    let mut process = Process::begin((server, socket));
    // It closes after it has asked.
    let said = [ping(), vec![0x88, 0x80, 0, 0, 0, 0]].concat();
    assert!(process.is_kept());
    client.socket.write_all(&said).unwrap();
    process.attend_until(Moment::Obeyed, said.len());
    assert!(!process.is_kept());
}
