//! The server ends as fast as `--drain` says, whatever is open.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::mpsc;

use crate::common::parts::{CLOSING, SIGNATURE, png_of};
use crate::common::program::Program;
use crate::common::request;
use crate::common::viewer::Viewer;

const VIEWERS: u32 = 500;

/// How long the server may take beyond `--drain`.
const MARGIN: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn streams_of_500_heavy_styles_end_within_the_drain() {
    const DRAIN: Duration = Duration::from_secs(1);
    let mut program = Program::start(&["--repaint", "1h", "--drain", "1s"]);
    let (tell, mut told) = mpsc::channel(VIEWERS as usize);
    let address = program.address;
    let streams: Vec<_> =
        (0..VIEWERS).map(|number| tokio::spawn(stream(address, number, tell.clone()))).collect();
    for _ in 0..VIEWERS {
        told.recv().await.unwrap();
    }
    // All streams get another picture for these, so that the server has to paint for seconds.
    let join = move || (0..VIEWERS / 50).map(|n| Viewer::join_site(address, &site(n))).collect::<Vec<_>>();
    let _others = tokio::task::spawn_blocking(join).await.unwrap();
    let started = Instant::now();
    program.signal(Signal::TERM);
    let ended = tokio::task::spawn_blocking(move || program.wait()).await.unwrap();
    let took = started.elapsed();
    assert_eq!(ended.code(), Some(0));
    for stream in join_all(streams).await {
        assert_ends_with_a_picture(&stream.unwrap());
    }
    assert!(took <= DRAIN + MARGIN, "it took {took:?}");
}

#[test]
fn without_time_streams_end_with_the_picture_they_show() {
    let mut program = Program::start(&["--repaint", "1h", "--drain", "0s"]);
    let mut viewer = Viewer::join(program.address);
    assert_eq!(viewer.count(), 1);
    program.signal(Signal::TERM);
    viewer.read_orderly_end_with(&png_of(1));
    assert_eq!(program.wait().code(), Some(0));
}

/// Everything that a viewer receives whose style nobody else has. Tells when it is there.
async fn stream(address: SocketAddr, number: u32, tell: mpsc::Sender<()>) -> Vec<u8> {
    // One in five is painted for long; all of them would take this test minutes, unoptimised.
    let scale = if number.is_multiple_of(5) { 4 } else { 1 };
    let label = "W".repeat(64);
    let style = format!("style=plastic&scale={scale}&color={number:06x}&label={label}");
    let line = format!("GET /online.png?u=1&peek=1&{style} HTTP/1.1");
    // From an address of its own, and few in a room: neither may have many styles painted.
    let socket = TcpSocket::new_v4().unwrap();
    let [.., high, low] = number.to_be_bytes();
    socket.bind(SocketAddr::from(([127, 1, high, low], 0))).unwrap();
    let mut socket = socket.connect(address).await.unwrap();
    let referer = format!("Referer: https://{}/", site(number / 50));
    let request = request(&line, &[&referer]);
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let mut is_there = false;
    while socket.read_buf(&mut received).await.unwrap() > 0 {
        if !is_there && last_picture(&received).is_some() {
            is_there = true;
            tell.send(()).await.unwrap();
        }
    }
    received
}

fn site(number: u32) -> String {
    format!("site-{number}.example")
}

/// From the start of the last picture on.
fn last_picture(received: &[u8]) -> Option<&[u8]> {
    let at = received.windows(SIGNATURE.len()).rposition(|bytes| bytes == SIGNATURE)?;
    received.get(at..)
}

fn assert_ends_with_a_picture(received: &[u8]) {
    let tail = String::from_utf8_lossy(&received[received.len().saturating_sub(40)..]);
    let last = last_picture(received).and_then(|last| last.strip_suffix(CLOSING));
    let last = last.unwrap_or_else(|| panic!("no picture and no end: {tail:?}"));
    let mut picture = png::Decoder::new(std::io::Cursor::new(last)).read_info().unwrap();
    let mut pixels = vec![0; picture.output_buffer_size().unwrap()];
    picture.next_frame(&mut pixels).expect("a whole picture");
}
