//! Clients that read in pieces, and check every byte.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::thread;

use crate::Random;
use crate::server::payload;

/// A record: the length of its text, its number, and the text, which looks different with each number.
pub(crate) fn seal(sequence: u64, text: &[u8]) -> Vec<u8> {
    let sealed = text.iter().map(|byte| byte ^ mask(sequence));
    (text.len() as u16).to_le_bytes().into_iter().chain(sequence.to_le_bytes()).chain(sealed).collect()
}

fn mask(sequence: u64) -> u8 {
    sequence.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes()[7]
}

pub(crate) struct Client {
    socket: TcpStream,
    seals: bool,
    /// Bytes that are not a whole record.
    sealed: Vec<u8>,
    sequence: u64,
    /// Text that is not a whole frame.
    text: Vec<u8>,
    newest: u32,
    is_over: bool,
}

/// Reads until every stream has ended. Returns the number of the last frame of each.
pub(crate) fn read_all(mut clients: Vec<Client>, random: &mut Random) -> Vec<u32> {
    while clients.iter().any(|client| !client.is_over) {
        for client in &mut clients {
            if random.below(3) == 0 {
                client.read(random.below(3000) as usize + 1);
            }
        }
        thread::yield_now();
    }
    clients.iter().map(Client::newest).collect()
}

impl Client {
    pub(crate) fn new(socket: TcpStream, seals: bool) -> Self {
        let (sealed, text) = (Vec::new(), Vec::new());
        Self { socket, seals, sealed, sequence: 0, text, newest: 0, is_over: false }
    }

    fn read(&mut self, most: usize) {
        let mut bytes = vec![0; most];
        match self.socket.read(&mut bytes) {
            Ok(0) => self.is_over = true,
            Ok(length) => self.take(&bytes[..length]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        if !self.seals {
            self.text.extend_from_slice(bytes);
            return self.take_frames();
        }
        self.sealed.extend_from_slice(bytes);
        while let Some(head) = self.sealed.first_chunk::<10>() {
            let [a, b, sequence @ ..] = *head;
            let end = 10 + usize::from(u16::from_le_bytes([a, b]));
            if self.sealed.len() < end {
                break;
            }
            assert_eq!(u64::from_le_bytes(sequence), self.sequence, "a record is missing, or there twice");
            self.text.extend(self.sealed[10..end].iter().map(|byte| byte ^ mask(self.sequence)));
            self.sealed.drain(..end);
            self.sequence += 1;
        }
        self.take_frames();
    }

    fn take_frames(&mut self) {
        while let Some(head) = self.text.first_chunk::<8>() {
            let [a, b, c, d, number @ ..] = *head;
            let (length, number) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes(number));
            assert!(length < 2520, "a frame is torn: {length}");
            let end = 8 + length as usize;
            if self.text.len() < end {
                break;
            }
            assert!(number > self.newest, "frame {number} after {}", self.newest);
            let expected = (0..length).map(|place| payload(number, place));
            assert!(expected.eq(self.text[8..end].iter().copied()), "frame {number} is torn");
            self.newest = number;
            self.text.drain(..end);
        }
    }

    /// The number of the last frame, which was whole.
    fn newest(&self) -> u32 {
        assert!(self.text.is_empty() && self.sealed.is_empty(), "the stream ends within a frame");
        self.newest
    }
}
