//! Readers who come back within a second, after the server was killed and started again: none is refused, all are counted, and they
//! aren't sent a storm of frames.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::common::parts::png_of;
use crate::common::program::Program;
use crate::common::raise_file_limit;
use crate::common::unbroken::{Kind, Part, Unbroken};

/// How many readers there are, if not as many as the environment variable says.
const READERS: u64 = 1500;
const VARIABLE: &str = "ONLOOKERS_TEST_RETURNING";

/// In what time they come back.
const WITHIN: Duration = Duration::from_secs(1);

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn readers_who_come_back_at_once_are_all_counted_without_a_storm_of_frames() {
    let readers = std::env::var(VARIABLE).map_or(READERS, |number| number.parse().unwrap());
    raise_file_limit();
    let mut program = Program::start(&[]);
    let address = program.address;
    let (tell, mut told) = mpsc::channel(readers as usize);
    let (restarted, restart) = watch::channel(false);
    let frames = Arc::new(AtomicU64::new(0));
    let all: Vec<_> = (0..readers)
        .map(|number| {
            let (all, tell, frames) = ((address, readers), tell.clone(), Arc::clone(&frames));
            tokio::spawn(read(number, all, restart.clone(), tell, frames))
        })
        .collect();
    until_told(&mut told, readers).await;
    frames.store(0, Ordering::Relaxed);
    program.signal(Signal::KILL);
    program.wait();
    let again = tokio::task::spawn_blocking(move || Program::start_at(address, &[]));
    let _program = again.await.unwrap();
    let started = Instant::now();
    restarted.send_replace(true);
    until_told(&mut told, readers).await;
    let (took, sent) = (started.elapsed(), frames.load(Ordering::Relaxed));
    println!(
        "{readers} came back: all show it after {took:?}, with {:.1} frames each",
        sent as f64 / readers as f64
    );
    all.into_iter().for_each(|reader| reader.abort());
    // A feed publishes at most ten times a second, whatever changes. Sent at each join, there would be hundreds for each.
    let most = 3.0 + 10.0 * took.as_secs_f64();
    assert!(sent as f64 <= most * readers as f64, "{sent} frames for {readers} readers in {took:?}");
    assert!(took < WITHIN + Duration::from_secs(4), "it took {took:?}");
}

/// Waits until so many readers see all of them.
async fn until_told(told: &mut mpsc::Receiver<()>, readers: u64) {
    let all = async {
        for _ in 0..readers {
            told.recv().await.expect("a reader has panicked");
        }
    };
    timeout(PATIENCE, all).await.expect("all are counted in time");
}

/// Reads until the server dies, comes back once it is there again, and tells each time when it sees all readers. Half have a picture, the
/// others events or a WebSocket.
async fn read(
    number: u64,
    (address, readers): (SocketAddr, u64),
    mut restart: watch::Receiver<bool>,
    tell: mpsc::Sender<()>,
    frames: Arc<AtomicU64>,
) {
    let kind = [Kind::Pictures, Kind::Events, Kind::Pictures, Kind::WebSocket][number as usize % 4];
    for turn in 0..2 {
        let mut socket = connect(number, address).await.expect("no connection is refused");
        socket.write_all(kind.request().as_bytes()).await.unwrap();
        let ended = see(&mut socket, kind, readers, &tell, &frames).await;
        assert_eq!(turn, 0, "the server has closed a connection: {ended:?}");
        restart.wait_for(|restarted| *restarted).await.unwrap();
        sleep(WITHIN.mul_f64((number * 7919 % readers) as f64 / readers as f64)).await;
    }
}

/// Returns the end of the connection.
async fn see(
    socket: &mut TcpStream,
    kind: Kind,
    readers: u64,
    tell: &mpsc::Sender<()>,
    frames: &AtomicU64,
) -> io::Result<usize> {
    let (mut unbroken, mut buffer, all) = (Unbroken::new(kind), [0; 4096], png_of(readers));
    let mut is_told = false;
    loop {
        match socket.read(&mut buffer).await {
            Ok(some) if some > 0 => unbroken.feed(&buffer[..some]),
            end => return end,
        }
        while let Some(part) = unbroken.next_part().unwrap() {
            let shows_all = match &part {
                Part::Picture(picture) => *picture == all,
                Part::Count(count, _) => *count == readers,
                Part::End => panic!("the server says that it ends"),
                Part::Head | Part::Other | Part::Ping(_) => continue,
            };
            if !is_told {
                frames.fetch_add(1, Ordering::Relaxed);
            }
            if shows_all && !is_told {
                is_told = true;
                tell.send(()).await.unwrap();
            }
        }
    }
}

/// Connects from an address of its own, as readers do.
async fn connect(number: u64, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let [.., high, low] = number.to_be_bytes();
    socket.bind(SocketAddr::from(([127, 2, high, low], 0)))?;
    socket.connect(address).await
}
