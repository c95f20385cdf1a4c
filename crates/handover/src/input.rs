//! Input that outlives the process that has read it.
//!
//! What was read from a socket is nowhere else. So the system writes it to the ledger's memory itself, and the record says before where
//! that is: there is no moment at which only a process that may be killed has it.

use std::io;
use std::os::fd::AsFd;

use crate::arena::{Block, Piece};
use crate::ledger::Ledger;
use crate::record::Record;

/// Where a thread reads what its connections send, one after the other.
#[derive(Debug)]
pub struct ReadBuffer {
    block: Block,
    /// How many bytes have come.
    used: usize,
}

impl Ledger {
    /// A buffer for so many bytes. None, if there is no room.
    #[must_use]
    pub fn read_buffer(&self, bytes: usize) -> Option<ReadBuffer> {
        Some(ReadBuffer { block: self.store(&vec![0; bytes])?, used: 0 })
    }
}

impl ReadBuffer {
    /// For how many bytes there is room.
    #[must_use]
    pub fn room(&self) -> usize {
        self.block.whole().len() - self.used
    }

    /// Makes room: all that was read is consumed, or of connections that have left the ledger.
    pub fn clear(&mut self) {
        self.used = 0;
    }
}

impl Record {
    /// Reads what the socket has and fits, and returns how many bytes that is; 0 at the end, and if there is no room. `before` is how many were read before. Until they are
    /// consumed, no other record may read into the same buffer between two reads of this one, which must not be cleared.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::WouldBlock`], if there is nothing.
    pub fn read(
        &mut self,
        socket: impl AsFd,
        before: u64,
        (buffer, into): (&mut ReadBuffer, &mut [u8]),
    ) -> io::Result<usize> {
        let start = buffer.used;
        if before == self.note().consumed {
            self.set_input(buffer.block.piece(start..start + buffer.room()));
        }
        let end = start + into.len().min(buffer.room());
        let length = buffer.block.receive(start..end, socket.as_fd(), into)?;
        buffer.used += length;
        Ok(length)
    }

    /// What is read from now on is in no buffer: if the process dies before it is consumed, the connection can't go on.
    pub fn read_elsewhere(&mut self) {
        self.set_input(Piece::NOTHING);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::facts::Facts;
    use crate::recover::Missing;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, client)
    }

    fn facts(socket: &TcpStream) -> Facts {
        Facts::of(socket).unwrap().unwrap()
    }

    fn read(record: &mut Record, socket: &TcpStream, before: u64, buffer: &mut ReadBuffer) -> Vec<u8> {
        let mut bytes = [0; 4];
        let length = record.read(socket, before, (buffer, &mut bytes)).unwrap();
        bytes[..length].to_vec()
    }

    #[test]
    fn what_was_read_is_there_until_it_is_consumed() {
        let ledger = Ledger::create(2, 4096).unwrap();
        let mut buffer = ledger.read_buffer(100).unwrap();
        let ((server, mut client), (other, mut other_client)) = (pair(), pair());
        let [mut record, mut other_record] =
            [&server, &other].map(|socket| ledger.join(&facts(socket), 0, b"").unwrap());
        client.write_all(b"0123456789").unwrap();
        other_client.write_all(b"abc").unwrap();
        assert_eq!(read(&mut record, &server, 0, &mut buffer), b"0123");
        assert_eq!(read(&mut record, &server, 4, &mut buffer), b"4567");
        assert_eq!(read(&mut other_record, &other, 0, &mut buffer), b"abc");
        // The last two haven't been read, so they come again by themselves.
        assert_eq!(record.recover(&facts(&server)).input, b"01234567");
        assert_eq!(other_record.recover(&facts(&other)).input, b"abc");
        assert!(record.prepare(b"", 8));
        record.settle();
        assert_eq!(record.recover(&facts(&server)).input, b"");
        assert_eq!(read(&mut record, &server, 8, &mut buffer), b"89");
        assert_eq!(record.recover(&facts(&server)).input, b"89");
        assert_eq!(buffer.room(), 100 - 13);
    }

    #[test]
    fn an_answer_is_noted_with_what_it_answers() {
        let ledger = Ledger::create(1, 4096).unwrap();
        let mut buffer = ledger.read_buffer(100).unwrap();
        let (server, mut client) = pair();
        let mut record = ledger.join(&facts(&server), 0, b"before").unwrap();
        client.write_all(b"ask").unwrap();
        read(&mut record, &server, 0, &mut buffer);
        let answer = ledger.store(b"answer").unwrap();
        let before = record.recover(&facts(&server));
        assert_eq!((before.missing, before.input), (Missing::Nothing, b"ask".to_vec()));
        assert!(record.prepare(b"after", 3));
        assert_eq!(record.description(), b"before");
        record.begin(answer.whole(), Piece::NOTHING, 0);
        let after = record.recover(&facts(&server));
        assert_eq!((after.missing, after.input), (Missing::Bytes(b"answer".to_vec()), Vec::new()));
        assert_eq!(record.description(), b"after");
    }

    #[test]
    fn what_was_read_elsewhere_is_lost() {
        let ledger = Ledger::create(1, 4096).unwrap();
        let mut buffer = ledger.read_buffer(100).unwrap();
        let (mut server, mut client) = pair();
        let mut record = ledger.join(&facts(&server), 0, b"").unwrap();
        client.write_all(b"0123456").unwrap();
        assert_eq!(read(&mut record, &server, 0, &mut buffer), b"0123");
        assert!(record.prepare(b"", 4));
        record.settle();
        record.read_elsewhere();
        std::io::Read::read_exact(&mut server, &mut [0; 3]).unwrap();
        assert_eq!(record.recover(&facts(&server)).missing, Missing::Lost);
    }

    #[test]
    fn it_stays_until_all_is_recovered() {
        let ledger = Ledger::create(1, 1024).unwrap();
        let mut buffer = ledger.read_buffer(300).unwrap();
        let (server, mut client) = pair();
        let mut record = ledger.join(&facts(&server), 0, b"").unwrap();
        client.write_all(b"abc").unwrap();
        read(&mut record, &server, 0, &mut buffer);
        std::mem::forget((record, buffer));
        let mut opened = Ledger::open(ledger.as_fd().try_clone_to_owned().unwrap()).unwrap();
        let others: Vec<_> = std::iter::from_fn(|| opened.ledger.store(&[1; 64])).collect();
        assert_eq!(others.len(), 16 - 1 - 5);
        assert_eq!(opened.records[0].recover(&facts(&server)).input, b"abc");
        let (ledger, records, old) = opened.into_parts();
        drop((records, old, others));
        assert!(ledger.store(&[0; 1024]).is_some());
    }
}
