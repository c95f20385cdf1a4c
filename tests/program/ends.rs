//! The ends of many streams are spread over the time that `--drain` gives, and a second signal ends the server at once.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::common::page::CLOSE;
use crate::common::parts::{CLOSING, SIGNATURE};
use crate::common::program::Program;
use crate::common::unbroken::Kind;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, h2};

/// Of each kind.
const EACH: usize = 200;

const DRAIN: Duration = Duration::from_secs(3);

/// A close frame of the code 1001, going away.
const GOING_AWAY: &[u8] = &[0x80 | CLOSE, 2, 0x03, 0xe9];

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn ends_are_spread_in_a_random_order_and_the_last_is_in_time() {
    let mut program = Program::start(&["--repaint", "1h", "--drain", "3s", "--fanout-threads", "1"]);
    let address = program.address;
    let (tell, mut told) = mpsc::channel(3 * EACH);
    let wanted: [(Kind, &[u8]); 3] =
        [(Kind::Pictures, SIGNATURE), (Kind::Events, b"event: count"), (Kind::WebSocket, b"update/count")];
    let mut streams = Vec::new();
    for (kind, wanted) in wanted {
        for _ in 0..EACH {
            streams.push(tokio::spawn(stream(address, kind.request(), wanted, tell.clone())));
        }
    }
    for _ in 0..streams.len() {
        told.recv().await.unwrap();
    }
    let started = Instant::now();
    program.signal(Signal::TERM);
    let (mut ends, mut retries) = (Vec::new(), Vec::new());
    for (number, stream) in join_all(streams).await.into_iter().enumerate() {
        let (received, ended) = stream.unwrap();
        ends.push(ended - started);
        match number / EACH {
            0 => assert!(received.ends_with(CLOSING)),
            1 => retries.push(retry_of(&received)),
            _ => assert!(received.ends_with(GOING_AWAY)),
        }
    }
    let program = tokio::task::spawn_blocking(move || (program.wait(), started.elapsed()));
    let (status, took) = program.await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(took < DRAIN, "it took {took:?}");
    assert_spread(&ends, Duration::from_millis(3 * EACH as u64));
    retries.sort_unstable();
    retries.dedup();
    assert!(retries.len() > EACH / 2, "they come back together: {retries:?}");
}

/// Those of HTTP/2 have no event loop.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_ends_of_http2_streams_are_spread_too() {
    let mut program = Program::start(&["--repaint", "1h", "--drain", "3s"]);
    let mut connections =
        [h2::Connection::open(program.address).await, h2::Connection::open(program.address).await];
    let mut streams = Vec::new();
    for connection in &mut connections {
        for _ in 0..100 {
            streams.push(connection.view().await);
        }
    }
    let started = Instant::now();
    program.signal(Signal::TERM);
    let read = streams.into_iter().map(|mut stream| {
        tokio::spawn(async move { (stream.read_to_end().await.unwrap(), Instant::now() - started) })
    });
    let mut ends = Vec::new();
    for read in join_all(read.collect::<Vec<_>>()).await {
        let (received, ended) = read.unwrap();
        assert!(received.ends_with(CLOSING));
        ends.push(ended);
    }
    assert_spread(&ends, Duration::from_millis(200));
    drop(connections);
    assert_eq!(tokio::task::spawn_blocking(move || program.wait()).await.unwrap().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once_with_1() {
    for [first, second] in
        [[Signal::TERM, Signal::TERM], [Signal::TERM, Signal::INT], [Signal::INT, Signal::INT]]
    {
        let mut program = Program::start(&["--repaint", "1h", "--drain", "60s"]);
        let mut viewer = Viewer::join(program.address);
        assert_eq!(viewer.count(), 1);
        program.signal(first);
        // The end has begun. It isn't read, so the server would wait for it.
        let mut peeked = [0; 64];
        while viewer.client.socket.peek(&mut peeked).unwrap() == 0 {}
        let started = Instant::now();
        program.signal(second);
        assert_eq!(program.wait().code(), Some(1));
        assert!(started.elapsed() < DEADLINE, "{:?}", started.elapsed());
    }
}

/// Everything that comes after a request, and when it had ended. Tells when `wanted` has come.
async fn stream(
    address: SocketAddr,
    asked: String,
    wanted: &'static [u8],
    tell: mpsc::Sender<()>,
) -> (Vec<u8>, Instant) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(asked.as_bytes()).await.unwrap();
    let (mut received, mut is_there) = (Vec::new(), false);
    while socket.read_buf(&mut received).await.unwrap() > 0 {
        if !is_there && received.windows(wanted.len()).any(|bytes| bytes == wanted) {
            is_there = true;
            tell.send(()).await.unwrap();
        }
        if received.ends_with(GOING_AWAY) {
            break;
        }
    }
    (received, Instant::now())
}

fn retry_of(received: &[u8]) -> u64 {
    let text = std::str::from_utf8(received).unwrap();
    let end = text.strip_suffix("\n\n: the server stops\n\n").expect("the end of the events");
    end.rsplit_once("retry: ").expect("a time to reconnect").1.parse().unwrap()
}

/// Asserts that about as many end in each fifth of that time, and that the order isn't that in which they came.
fn assert_spread(ends: &[Duration], spread: Duration) {
    let first = *ends.iter().min().unwrap();
    let mut fifths = [0; 5];
    for end in ends {
        let fifth = (*end - first).as_secs_f64() / spread.as_secs_f64() * 5.0;
        fifths[(fifth as usize).min(4)] += 1;
    }
    assert!(fifths.iter().all(|some| *some > ends.len() / 25), "not evenly: {fifths:?}");
    let in_order = ends.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!(
        (ends.len() / 4..ends.len() * 3 / 4).contains(&in_order),
        "{in_order} of {} in order",
        ends.len()
    );
}
