//! Viewers of one room: pictures, events and WebSockets, half of them with TLS 1.3. What each gets is parsed as one unbroken stream.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::clients::{Duplex, asked, connector, is_slow, is_tls, kind_of};
use super::server::Kept;
use crate::common::page::{PONG, TEXT, frame};
use crate::common::parts::png_of;
use crate::common::unbroken::{Kind, Part, Unbroken};

/// How often a WebSocket asks something; it may twenty times a second.
const SAYS: Duration = Duration::from_millis(70);

/// How much a slow client reads at a time, and how often.
const SIP: (usize, Duration) = (100, Duration::from_millis(20));

/// In one of so many seconds it reads all. The kernel takes a client for dead that is behind for 14 s without a break (TCP_USER_TIMEOUT): what
/// is next never fits into its window as a whole, which is all that counts as progress.
const BREATH: u64 = 6;

/// Viewers, on threads of their own.
pub(super) struct Viewers {
    runtime: Runtime,
    all: Arc<All>,
    tasks: Vec<JoinHandle<()>>,
}

struct All {
    plain: SocketAddr,
    tls: SocketAddr,
    connector: TlsConnector,
    numbers: HashMap<Vec<u8>, u64>,
    seen: Vec<Mutex<Seen>>,
    faults: Mutex<Vec<String>>,
    /// Slow clients read everything, and WebSockets say nothing more.
    is_calm: AtomicBool,
    is_over: AtomicBool,
}

/// What one of them has seen.
#[derive(Clone, Copy, Default, Debug)]
struct Seen {
    last: Option<Instant>,
    count: Option<u64>,
    /// What it has asked on this connection, and how many answers have come.
    asked: u64,
    answered: u64,
}

impl Seen {
    /// Whether it has a number, and all answers.
    fn has_all(&self) -> bool {
        self.count.is_some() && self.asked == self.answered
    }
}

impl Viewers {
    /// So many, all of whom have a frame.
    pub(super) fn join(server: &Kept, viewers: usize) -> Self {
        let numbers = (0..viewers as u64 + 50).map(|number| (png_of(number), number)).collect();
        let all = Arc::new(All {
            plain: server.plain,
            tls: server.tls,
            connector: connector(),
            numbers,
            seen: (0..viewers).map(|_| Mutex::default()).collect(),
            faults: Mutex::default(),
            is_calm: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let view = |number| {
            let all = Arc::clone(&all);
            runtime.spawn(async move { all.view(number).await })
        };
        let tasks = (0..viewers).map(view).collect();
        let this = Self { runtime, all, tasks };
        this.wait("sees a number", Duration::from_secs(30), |_, seen| seen.count.is_some());
        server.wait_until_kept(viewers);
        this
    }

    /// Has that many pages come and go until [`calm`](Self::calm).
    pub(super) fn churn(&mut self, pages: usize) {
        for _ in 0..pages {
            let all = Arc::clone(&self.all);
            self.runtime.spawn(async move { all.come_and_go().await });
        }
    }

    /// Nobody comes or goes, or says anything any more, and slow clients read all.
    pub(super) fn calm(&self) {
        self.all.is_calm.store(true, SeqCst);
    }

    /// Those of that number leave.
    pub(super) fn leave(&mut self, number: usize) {
        self.tasks[number].abort();
        *self.all.lock(number) = Seen::default();
    }

    /// Waits until each has had a frame since then; not those who read slowly.
    pub(super) fn wait_for_frames(&self, since: Instant, within: Duration) -> Duration {
        self.wait("has a frame", within, |number, seen| {
            is_slow(number) || seen.last.is_some_and(|it| it > since)
        });
        since.elapsed()
    }

    /// Waits until all see that number, and have all their answers.
    pub(super) fn wait_for_count(&self, count: u64) {
        self.wait(&format!("sees {count}"), Duration::from_secs(30), |_, seen| {
            seen.count == Some(count) && seen.has_all()
        });
    }

    /// Waits until all see a number in that range; not those who read slowly.
    pub(super) fn wait_for_count_in(&self, counts: Range<u64>, within: Duration) {
        self.wait(&format!("sees {counts:?}"), within, |number, seen| {
            is_slow(number) || seen.count.is_some_and(|count| counts.contains(&count))
        });
    }

    fn wait(&self, what: &str, within: Duration, is_so: impl Fn(usize, &Seen) -> bool) {
        let started = Instant::now();
        loop {
            self.assert_unbroken();
            let here = (0..self.tasks.len()).filter(|number| !self.tasks[*number].is_finished());
            let others: Vec<_> = here.filter(|number| !is_so(*number, &self.all.lock(*number))).collect();
            if others.is_empty() {
                return;
            }
            let seen = || others.iter().take(5).map(|number| *self.all.lock(*number)).collect::<Vec<_>>();
            assert!(
                started.elapsed() < within,
                "not everybody {what} in {within:?}: {others:?} {:?}",
                seen()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Nobody has seen anything wrong, or lost a connection.
    pub(super) fn assert_unbroken(&self) {
        let faults = self.all.faults.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

impl Drop for Viewers {
    fn drop(&mut self) {
        self.all.is_over.store(true, SeqCst);
    }
}

impl All {
    async fn view(&self, number: usize) {
        let kind = kind_of(number);
        let Err(error) = self.view_until_its_end(number, kind).await;
        if !self.is_over.load(SeqCst) {
            let what = format!("viewer {number}, {kind:?}: {error}");
            self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        }
    }

    async fn view_until_its_end(&self, number: usize, kind: Kind) -> io::Result<std::convert::Infallible> {
        let mut stream = self.connect(is_tls(number), is_slow(number)).await?;
        stream.write_all(asked(kind).as_bytes()).await?;
        stream.flush().await?;
        *self.lock(number) = Seen::default();
        let (began, mut said) = (Instant::now(), Instant::now());
        let (mut unbroken, mut buffer, mut answers) = (Unbroken::new(kind), [0; 8192], Vec::new());
        loop {
            let is_calm = self.is_calm.load(SeqCst);
            let sip = is_slow(number) && !is_calm && !began.elapsed().as_secs().is_multiple_of(BREATH);
            let room = if sip { SIP.0 } else { buffer.len() };
            let says = kind == Kind::WebSocket && !is_calm && said.elapsed() > SAYS;
            if says && self.lock(number).has_all() {
                self.lock(number).asked += 1;
                stream.write_all(&frame(0x80 | TEXT, br#"{"type":"ping"}"#)).await?;
                stream.flush().await?;
                said = Instant::now();
            }
            let Ok(some) = timeout(SIP.1, stream.read(&mut buffer[..room])).await else { continue };
            let some = some?;
            if some == 0 {
                return Err(io::Error::other("its end"));
            }
            unbroken.feed(&buffer[..some]);
            answers.extend_from_slice(&buffer[..some]);
            self.lock(number).answered += take_pongs(&mut answers);
            while let Some(part) = unbroken.next_part().map_err(torn)? {
                if let Part::Ping(payload) = &part {
                    stream.write_all(&frame(0x80 | PONG, payload)).await?;
                }
                self.see(number, &part);
            }
            if sip {
                sleep(SIP.1).await;
            }
        }
    }

    fn see(&self, number: usize, part: &Part) {
        let count = match part {
            Part::Picture(png) => self.numbers.get(png).copied(),
            Part::Count(count, _) => Some(*count),
            _ => return,
        };
        let mut seen = self.lock(number);
        (seen.last, seen.count) = (Some(Instant::now()), count);
    }

    async fn come_and_go(&self) {
        while !self.is_calm.load(SeqCst) {
            let Ok(mut stream) = self.connect(false, false).await else { continue };
            if stream.write_all(asked(Kind::Pictures).as_bytes()).await.is_ok() {
                let _ = timeout(Duration::from_secs(1), stream.read(&mut [0; 1024])).await;
                sleep(SIP.1).await;
            }
        }
    }

    async fn connect(&self, is_tls: bool, is_slow: bool) -> io::Result<Box<dyn Duplex>> {
        let socket = TcpSocket::new_v4()?;
        if is_slow {
            socket.set_recv_buffer_size(2048)?;
        }
        if !is_tls {
            return Ok(Box::new(socket.connect(self.plain).await?));
        }
        let name = "counter.example".try_into().map_err(io::Error::other)?;
        Ok(Box::new(self.connector.connect(name, socket.connect(self.tls).await?).await?))
    }

    fn lock(&self, number: usize) -> MutexGuard<'_, Seen> {
        self.seen[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn torn(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// How many answers there are, without their bytes.
fn take_pongs(bytes: &mut Vec<u8>) -> u64 {
    const PONG: &[u8] = b"\"pong\"";
    let found = bytes.windows(PONG.len()).filter(|some| *some == PONG).count() as u64;
    let keep = (1..PONG.len()).rev().find(|keep| bytes.ends_with(&PONG[..*keep])).unwrap_or_default();
    bytes.drain(..bytes.len() - keep);
    found
}
