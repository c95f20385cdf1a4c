//! Sends frames to many sockets as a server does, and notes in the ledger what it is about to send.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use onlookers_handover::{Block, Facts, Ledger, Missing, Opened, Piece, Record};

use crate::clients::seal;

/// The most bytes of a text in a sealed record.
const MAX_TEXT: usize = 400;

pub(crate) struct Server {
    ledger: Ledger,
    connections: Vec<Connection>,
    next: u32,
}

struct Connection {
    socket: TcpStream,
    record: Record,
    seals: bool,
    sequence: u64,
    unsent: Unsent,
}

/// What the socket hasn't taken.
#[derive(Default)]
struct Unsent {
    bytes: Vec<u8>,
    text: Vec<u8>,
    /// The text in the ledger.
    piece: Option<Piece>,
    kept: Vec<Block>,
}

impl Server {
    /// The first process: nobody has sent anything.
    pub(crate) fn begin(memory: OwnedFd, sockets: Vec<TcpStream>) -> Self {
        let ledger = Ledger::open(memory).unwrap().ledger;
        let connection = |(number, socket): (usize, TcpStream)| {
            let facts = Facts::of(&socket).unwrap().unwrap();
            let record = ledger.join(&facts, 0, &[number as u8]).unwrap();
            Connection { socket, record, seals: number % 2 == 1, sequence: 0, unsent: Unsent::default() }
        };
        let connections = sockets.into_iter().enumerate().map(connection).collect();
        Self { connections, ledger, next: 1 }
    }

    /// The numbers of the records, in the order of the sockets.
    pub(crate) fn numbers(&self) -> Vec<u8> {
        self.connections.iter().map(|connection| connection.record.number() as u8).collect()
    }

    /// A process after one that was killed.
    pub(crate) fn recover(memory: OwnedFd, sockets: Vec<TcpStream>, numbers: &[u8], generation: u8) -> Self {
        let mut opened = Ledger::open(memory).unwrap();
        assert_eq!(opened.records.len(), sockets.len());
        let connection = |(index, socket): (usize, TcpStream)| {
            let number = u32::from(numbers[index]);
            let place = opened.records.iter().position(|record| record.number() == number).unwrap();
            let mut record = opened.records.remove(place);
            assert_eq!(record.description(), [index as u8]);
            let recovered = record.recover(&Facts::of(&socket).unwrap().unwrap());
            let bytes = match recovered.missing {
                Missing::Nothing => Vec::new(),
                Missing::Bytes(bytes) => bytes,
                Missing::Lost => panic!("connection {index} is lost"),
            };
            let piece = recovered.kept.as_ref().map(|kept| kept.text);
            let kept = recovered.kept.into_iter().map(|kept| kept.block).collect();
            let unsent = Unsent { bytes, text: recovered.text, piece, kept };
            Connection { socket, record, seals: index % 2 == 1, sequence: recovered.sequence, unsent }
        };
        let connections = sockets.into_iter().enumerate().map(connection).collect();
        let Opened { ledger, .. } = opened;
        Self { connections, ledger, next: u32::from(generation) << 20 }
    }

    /// Sends the next frame to every connection that has taken the one before.
    pub(crate) fn send_frame(&mut self) {
        let frame = frame(self.next);
        let block = self.ledger.store(&frame).unwrap();
        for connection in &mut self.connections {
            connection.go_on(&self.ledger);
            if connection.unsent.is_empty() {
                connection.send(&frame, &block, &self.ledger);
            }
        }
        self.next += 1;
    }

    /// Sends what is left, and one frame more. Returns its number.
    pub(crate) fn finish(&mut self) -> u32 {
        let frame = frame(self.next);
        let block = self.ledger.store(&frame).unwrap();
        for connection in &mut self.connections {
            connection.socket.set_nonblocking(false).unwrap();
            connection.go_on(&self.ledger);
            connection.send(&frame, &block, &self.ledger);
            connection.go_on(&self.ledger);
            assert!(connection.unsent.is_empty());
            assert_eq!(Facts::of(&connection.socket).unwrap().unwrap().cookie, connection.record.cookie());
        }
        self.next
    }
}

impl Connection {
    fn send(&mut self, frame: &[u8], block: &Block, ledger: &Ledger) {
        if self.seals {
            self.unsent = Unsent {
                bytes: Vec::new(),
                text: frame.to_vec(),
                piece: Some(block.whole()),
                kept: vec![block.clone()],
            };
            self.go_on(ledger);
            return;
        }
        self.record.begin(block.whole(), Piece::NOTHING, 0);
        match self.write(frame) {
            // The next one will do.
            0 => self.record.retract(),
            taken if taken < frame.len() => {
                self.unsent.bytes = frame[taken..].to_vec();
                // The frame's own is dropped before the rest is sent.
                let kept = self.record.keep_rest(&self.unsent.bytes, b"");
                self.unsent.kept.extend(kept.map(|kept| kept.block));
            }
            _ => {}
        }
    }

    /// Sends what is left, as far as there is room.
    fn go_on(&mut self, ledger: &Ledger) {
        loop {
            if !self.unsent.bytes.is_empty() {
                let taken = self.write(&self.unsent.bytes);
                self.unsent.bytes.drain(..taken);
                if taken == 0 {
                    return;
                }
            } else if !self.unsent.text.is_empty() {
                self.seal_next(ledger);
            } else {
                self.unsent = Unsent::default();
                return;
            }
        }
    }

    fn seal_next(&mut self, ledger: &Ledger) {
        let Unsent { bytes, text, piece, kept } = &mut self.unsent;
        let length = text.len().min(MAX_TEXT);
        *bytes = seal(self.sequence, &text[..length]);
        text.drain(..length);
        self.sequence += 1;
        let block = ledger.store(bytes).unwrap();
        let rest = piece.unwrap().after(length);
        self.record.begin(block.whole(), rest, self.sequence);
        *piece = Some(rest);
        // The one before is sent, but the first one has the text.
        kept.truncate(1);
        kept.push(block);
    }

    fn write(&self, bytes: &[u8]) -> usize {
        match (&self.socket).write(bytes) {
            Ok(taken) => taken,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Unsent {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.text.is_empty()
    }
}

/// A frame's length and number, and bytes that depend on both.
pub(crate) fn frame(number: u32) -> Vec<u8> {
    let length = 20 + number.wrapping_mul(2_654_435_761) % 2500;
    let bytes = (0..length).map(|place| payload(number, place));
    length.to_le_bytes().into_iter().chain(number.to_le_bytes()).chain(bytes).collect()
}

pub(crate) fn payload(number: u32, place: u32) -> u8 {
    (number.wrapping_mul(31).wrapping_add(place.wrapping_mul(7)) >> 2) as u8
}
