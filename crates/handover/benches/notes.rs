//! The cost of recording what is sent, as a ratio to the sends themselves.
//!
//! `cargo bench -p onlookers-handover -- [SOCKETS] [ROUNDS]`, 2,000 and 40 if not said. It opens twice as many files.
#![allow(clippy::unwrap_used, reason = "a bench that fails stops")]

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use onlookers_handover::{Facts, Ledger, Piece, Record};
use rustix::fs::fstat;
use rustix::time::{ClockId, clock_gettime};

/// Bytes of a frame, of what a record says of its connection, and of connections whose frames are sealed at a time.
const FRAME: usize = 800;
const DESCRIPTION: usize = 250;
const BATCH: usize = 256;

struct Viewer {
    socket: TcpStream,
    client: TcpStream,
    record: Option<Record>,
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let (sockets, rounds) = (numbers.next().unwrap_or(2000), numbers.next().unwrap_or(40));
    let ledger = Ledger::create(1 << 17, 1 << 30).unwrap();
    let mut viewers = viewers(sockets);

    let before = resident(&ledger);
    let mut facts = Vec::new();
    let ask =
        timed(|| facts.extend(viewers.iter().map(|viewer| Facts::of(&viewer.socket).unwrap().unwrap())));
    let join = timed(|| {
        for (viewer, facts) in viewers.iter_mut().zip(&facts) {
            viewer.record = ledger.join(facts, 0, &[b'd'; DESCRIPTION]);
        }
    });
    let memory = resident(&ledger) - before;

    let frame = [b'f'; FRAME];
    let (mut send, mut note, mut seal) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for round in 0..rounds {
        note += timed(|| {
            let block = ledger.store(&frame).unwrap();
            for viewer in &mut viewers {
                viewer.record.as_mut().unwrap().begin(block.whole(), Piece::NOTHING, 0);
            }
        });
        send += timed(|| viewers.iter().for_each(|viewer| (&viewer.socket).write_all(&frame).unwrap()));
        // Each is sealed for itself, so all of them are stored.
        let records = [round as u8; FRAME * BATCH];
        seal += timed(|| {
            for viewers in viewers.chunks_mut(BATCH) {
                let block = ledger.store(black_box(&records[..FRAME * viewers.len()])).unwrap();
                for (number, viewer) in viewers.iter_mut().enumerate() {
                    let piece = block.piece(number * FRAME..(number + 1) * FRAME);
                    viewer.record.as_mut().unwrap().begin(piece, Piece::NOTHING, round as u64);
                }
            }
        });
        viewers.iter_mut().for_each(|viewer| viewer.client.read_exact(&mut [0; FRAME]).unwrap());
    }
    let each = |time: Duration, times: usize| time.as_nanos() as f64 / (sockets * times) as f64;
    let [ask, join, send, note, seal] = [(ask, 1), (join, 1), (send, rounds), (note, rounds), (seal, rounds)]
        .map(|(time, times)| each(time, times));
    println!("send        {send:7.0} ns");
    println!("note        {note:7.0} ns  {:.3} of a send", note / send);
    println!("note sealed {seal:7.0} ns  {:.3} of a send", seal / send);
    println!("facts       {ask:7.0} ns");
    println!("join        {join:7.0} ns");
    println!("memory      {:7} bytes for each, with a description of {DESCRIPTION}", memory / sockets as i64);
}

fn viewers(count: usize) -> Vec<Viewer> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let viewer = |_| {
        let client = TcpStream::connect(address).unwrap();
        Viewer { socket: listener.accept().unwrap().0, client, record: None }
    };
    (0..count).map(viewer).collect()
}

/// The processor's time that the work takes.
fn timed(work: impl FnOnce()) -> Duration {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let start = now();
    work();
    now() - start
}

/// Bytes of the ledger's memory that are in use.
fn resident(ledger: &Ledger) -> i64 {
    fstat(ledger.as_fd()).unwrap().st_blocks * 512
}
