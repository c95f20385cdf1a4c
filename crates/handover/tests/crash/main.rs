//! Processes that send on many sockets and are killed, one after the other: each stream goes on, and no byte of it is missing or
//! there twice.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod clients;
mod server;

use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use onlookers_handover::{Facts, Ledger, Link, Missing, Piece};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};

use clients::Client;
use server::Server;

/// Connections at a time; every other one is sealed.
const CONNECTIONS: usize = 24;

/// Seeds at a time.
const THREADS: u64 = 8;

/// Processes that are killed, one after the other.
const KILLED: u8 = 2;

/// A generator of numbers that are random enough to choose times and sizes.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

#[test]
fn streams_go_on_wherever_their_process_was_killed() {
    let seeds: u64 = std::env::var("ONLOOKERS_TEST_SEEDS").map_or(40, |seeds| seeds.parse().unwrap());
    // They wait for clients most of the time.
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || (1..=seeds).filter(|seed| seed % THREADS == thread).for_each(survive));
        }
    });
}

fn survive(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let ledger = Ledger::create(64, 4 << 20).unwrap();
    let memory = ledger.as_fd().try_clone_to_owned().unwrap();
    drop(ledger);
    let (sockets, clients): (Vec<_>, Vec<_>) = connections().into_iter().unzip();
    let (mut random_reads, ends) = (Random(random.below(u64::MAX) | 1), clients.len());
    let reader = thread::spawn(move || {
        let clients = clients.into_iter().enumerate().map(|(number, it)| Client::new(it, number % 2 == 1));
        clients::read_all(clients.collect(), &mut random_reads)
    });
    let mut numbers = Vec::new();
    for generation in 0..KILLED {
        numbers = run_and_kill(generation, &memory, &sockets, numbers, &mut random);
    }
    let mut last = Server::recover(memory, sockets, &numbers, KILLED);
    let newest = last.finish();
    drop(last);
    let received = reader.join().unwrap();
    assert_eq!(received, vec![newest; ends], "seed {seed}");
}

/// Starts a process, waits until it sends, and kills it a random time later. Returns the numbers of its records.
fn run_and_kill(
    generation: u8,
    memory: &OwnedFd,
    sockets: &[TcpStream],
    mut numbers: Vec<u8>,
    random: &mut Random,
) -> Vec<u8> {
    let (link, end) = Link::pair().unwrap();
    link.set_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut child = start("sends_until_it_is_killed", end);
    let descriptors: Vec<BorrowedFd<'_>> =
        [memory.as_fd()].into_iter().chain(sockets.iter().map(AsFd::as_fd)).collect();
    link.send(&[&[generation][..], &numbers].concat(), &descriptors).unwrap();
    let said = link.receive().unwrap().bytes;
    if generation == 0 {
        numbers = said;
    }
    wait_and_kill(&mut child, random.below(3000));
    numbers
}

/// Starts a process that runs the test of that name, with a link as its input.
fn start(test: &str, link: OwnedFd) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored"])
        .stdin(Stdio::from(link))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn wait_and_kill(child: &mut Child, microseconds: u64) {
    let (start, time) = (Instant::now(), Duration::from_micros(microseconds));
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn connections() -> Vec<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = |_| {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        set_socket_send_buffer_size(&server, 4096).unwrap();
        set_socket_recv_buffer_size(&client, 4096).unwrap();
        server.set_nonblocking(true).unwrap();
        client.set_nonblocking(true).unwrap();
        (server, client)
    };
    (0..CONNECTIONS).map(connection).collect()
}

#[test]
#[ignore = "by the test above, in a process of its own"]
fn sends_until_it_is_killed() {
    let link = Link::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut message = link.receive().unwrap();
    let memory = message.descriptors.remove(0);
    let sockets = message.descriptors.into_iter().map(TcpStream::from).collect();
    let mut server = match message.bytes[0] {
        0 => {
            let server = Server::begin(memory, sockets);
            link.send(&server.numbers(), &[]).unwrap();
            server
        }
        generation => {
            link.send(b"", &[]).unwrap();
            Server::recover(memory, sockets, &message.bytes[1..], generation)
        }
    };
    loop {
        server.send_frame();
    }
}

#[test]
fn a_note_is_whole_wherever_its_process_was_killed() {
    let (mut random, mut notes) = (Random(1), 0);
    for _ in 0..30 {
        let ledger = Ledger::create(1, 4096).unwrap();
        let memory = ledger.as_fd().try_clone_to_owned().unwrap();
        let (link, end) = Link::pair().unwrap();
        let mut child = start("notes_until_it_is_killed", end);
        link.send(b"", &[memory.as_fd()]).unwrap();
        link.receive().unwrap();
        wait_and_kill(&mut child, random.below(300));
        let mut opened = Ledger::open(memory).unwrap();
        let record = &mut opened.records[0];
        // Each note says that a byte is sent and one is consumed, so both streams are as long as the number after it.
        let number = record.recover(&Facts { taken: 0, ..NOTED }).sequence;
        let recovered = record.recover(&Facts { taken: number, read: number, ..NOTED });
        notes += number;
        assert_eq!((recovered.missing, recovered.sequence), (Missing::Nothing, number));
        assert_eq!(record.description(), number.to_string().as_bytes());
    }
    assert!(notes > 1000, "{notes} notes are too few to be killed among");
}

const NOTED: Facts = Facts { cookie: 1, taken: 0, read: 0 };

#[test]
#[ignore = "by the test above, in a process of its own"]
fn notes_until_it_is_killed() {
    let link = Link::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let ledger = Ledger::open(link.receive().unwrap().descriptors.remove(0)).unwrap().ledger;
    let mut record = ledger.join(&NOTED, 0, b"").unwrap();
    for number in 1.. {
        assert!(record.prepare(number.to_string().as_bytes(), number));
        record.begin(Piece::unknown(1), Piece::NOTHING, number);
        if number == 1 {
            link.send(b"", &[]).unwrap();
        }
    }
}
