//! Many viewers of one room: most have a picture, a tenth have events, a tenth a WebSocket, and a third of each speak TLS 1.3. What each
//! of them gets is parsed as one stream.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use crate::common::raise_file_limit;
use crate::common::tls::{self, Version};
use crate::common::unbroken::Kind;
use crate::page::{Duplex, End, Page, is_number};
use crate::seen::Seen;
use crate::truth::Truth;

/// How many come at a time.
const AT_ONCE: usize = 64;

/// How long anything may take that all have to see.
const PATIENCE: Duration = Duration::from_secs(30);

/// The addresses of a server, without TLS and with it.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
}

/// The viewers, on threads of their own. They go when this is dropped.
pub(crate) struct Crowd {
    runtime: Runtime,
    all: Arc<All>,
}

struct All {
    seen: Seen,
    places: Mutex<Places>,
    connector: TlsConnector,
    entrance: Semaphore,
    /// Numbers have to be true.
    is_complete: AtomicBool,
    /// How many other pages were opened.
    others: AtomicU32,
}

/// Pages that are opened and closed all the time, or stay, until this is stopped.
pub(crate) struct Others<'c> {
    crowd: &'c Crowd,
    over: watch::Sender<bool>,
    pages: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// So many viewers, of whom nobody has come. `least` to `most` of them may be counted at any time once all are there.
    pub(crate) fn new(places: Places, viewers: usize, truth: Truth) -> Self {
        raise_file_limit();
        let config = tls::config_that_speaks(&["http/1.1"], tls::pair(), Version::V1_3);
        let all = All {
            seen: Seen::new(viewers, truth),
            places: Mutex::new(places),
            connector: TlsConnector::from(Arc::new(config)),
            entrance: Semaphore::new(AT_ONCE),
            is_complete: AtomicBool::new(false),
            others: AtomicU32::new(0),
        };
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { runtime, all: Arc::new(all) }
    }

    /// What they have seen.
    pub(crate) fn seen(&self) -> &Seen {
        &self.all.seen
    }

    /// The server is there from now on.
    pub(crate) fn move_to(&self, places: Places) {
        *self.all.places.lock().unwrap_or_else(PoisonError::into_inner) = places;
    }

    /// Has viewers who aren't there come, and waits until all `viewers` see all. From then on each number has to be true. The end
    /// of a connection is a fault unless `is_lossy`.
    pub(crate) fn fill(&self, viewers: usize, is_lossy: bool) {
        self.all.is_complete.store(false, Ordering::SeqCst);
        for number in (0..viewers).filter(|number| !self.all.seen.is_open(*number)) {
            let all = Arc::clone(&self.all);
            all.seen.open(number);
            self.runtime.spawn(async move {
                let end = all.view(number).await;
                all.seen.close(number);
                match end {
                    End::Wrong(what) => {
                        all.seen.fault(format!("viewer {number}, {:?}: {what}", kind_of(number)))
                    }
                    End::Lost(why) if !is_lossy => {
                        all.seen.fault(format!(
                            "viewer {number}, {:?} has lost its connection: {why}",
                            kind_of(number)
                        ));
                    }
                    End::Lost(_) | End::Left => {}
                }
            });
        }
        self.wait_until_all_show(viewers as u64);
        self.all.is_complete.store(true, Ordering::SeqCst);
    }

    /// Waits until each viewer who is there shows that number.
    pub(crate) fn wait_until_all_show(&self, number: u64) {
        self.wait(&format!("shows {number}"), PATIENCE, |_, count| count == Some(number));
    }

    /// Waits until each viewer who is there has had a frame since then, and returns how long that took.
    pub(crate) fn wait_for_frames(&self, since: Instant, within: Duration) -> Duration {
        self.wait("has a frame", within, |last, _| last > since);
        since.elapsed()
    }

    fn wait(&self, what: &str, within: Duration, is_such: impl Fn(Instant, Option<u64>) -> bool + Copy) {
        let started = Instant::now();
        loop {
            let others = self.all.seen.others(is_such);
            if others.is_empty() {
                return;
            }
            self.all.seen.assert_faultless();
            let late = || format!("{} viewers: {:?}", others.len(), &others[..others.len().min(20)]);
            assert!(started.elapsed() < within, "not everybody {what} after {within:?}: {}", late());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Has that many pages opened and closed all the time. With `is_lossy`, they may lose their connections.
    pub(crate) fn churn(&self, pages: u32, is_lossy: bool) -> Others<'_> {
        self.others(pages, move |all, page, over| async move {
            all.come_and_go(page, is_lossy, &over).await;
        })
    }

    /// Has that many more pages opened, which stay.
    pub(crate) fn more(&self, pages: u32) -> Others<'_> {
        self.others(pages, |all, _, mut over| async move {
            all.stay(false, async { _ = over.wait_for(|over| *over).await }).await;
        })
    }

    fn others<F: Future<Output = ()> + Send + 'static>(
        &self,
        pages: u32,
        play: impl Fn(Arc<All>, u32, watch::Receiver<bool>) -> F,
    ) -> Others<'_> {
        let (over, is_over) = watch::channel(false);
        let pages =
            (0..pages).map(|page| self.runtime.spawn(play(Arc::clone(&self.all), page, is_over.clone())));
        Others { crowd: self, pages: pages.collect(), over }
    }
}

impl Others<'_> {
    /// Waits until the last page is closed.
    pub(crate) fn stop(self) {
        self.over.send_replace(true);
        for page in self.pages {
            self.crowd.runtime.block_on(page).unwrap();
        }
    }
}

impl All {
    /// Views for as long as the connection is there.
    async fn view(&self, number: usize) -> End {
        let entered = self.entrance.acquire().await.unwrap();
        let mut page = match self.open(number, kind_of(number)).await {
            Ok(page) => page,
            Err(error) => return End::Lost(format!("it can't connect: {error}")),
        };
        let mut entered = Some(entered);
        loop {
            let parts = match page.read().await {
                Ok(parts) => parts,
                Err(end) => return end,
            };
            // The next may come once this one is counted.
            if !parts.is_empty() {
                drop(entered.take());
            }
            let is_true = self.is_complete.load(Ordering::SeqCst);
            for part in &parts {
                self.seen.see(number, part, is_true);
            }
        }
    }

    /// Opens a page again and again, and closes it after a while.
    async fn come_and_go(&self, page: u32, is_lossy: bool, over: &watch::Receiver<bool>) {
        let mut turn = 0;
        while !*over.borrow() {
            turn += 1;
            let time = Duration::from_millis(u64::from(200 + (turn * 7 + page) % 10 * 80));
            self.stay(is_lossy, sleep(time)).await;
            sleep(time / 2).await;
        }
    }

    /// Opens a page and closes it then, but not before it has shown a number.
    async fn stay(&self, is_lossy: bool, until: impl Future<Output = ()>) {
        self.seen.truth.opening();
        let mut is_opened = false;
        match self.look(&mut is_opened, until).await {
            End::Lost(_) if is_lossy => {}
            End::Lost(why) | End::Wrong(why) => self.seen.fault(format!("a page that comes and goes: {why}")),
            End::Left => {}
        }
        self.seen.truth.closing(is_opened);
    }

    async fn look(&self, is_opened: &mut bool, until: impl Future<Output = ()>) -> End {
        // Each is a visitor of its own.
        let number = 20_000 + self.others.fetch_add(1, Ordering::Relaxed) as usize;
        let mut page = match self.open(number, kind_of(number)).await {
            Ok(page) => page,
            Err(error) => return End::Lost(format!("it can't connect: {error}")),
        };
        let (mut until, mut late) = (pin!(until), pin!(sleep(PATIENCE)));
        loop {
            let parts = tokio::select! {
                read = page.read() => match read {
                    Ok(parts) => parts,
                    Err(end) => return end,
                },
                () = until.as_mut(), if *is_opened => return End::Left,
                () = late.as_mut(), if !*is_opened => return End::Lost(format!("no number in {PATIENCE:?}")),
            };
            if !*is_opened && parts.iter().any(is_number) {
                self.seen.truth.opened();
                *is_opened = true;
            }
        }
    }

    /// Opens a page, as a visitor of its own.
    async fn open(&self, number: usize, kind: Kind) -> io::Result<Page> {
        let places = *self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let socket = TcpSocket::new_v4()?;
        let [.., middle, high, low] = number.to_be_bytes();
        socket.bind(SocketAddr::from(([127, 2 + middle, high, low], 0)))?;
        let is_tls = number.is_multiple_of(3);
        let socket = socket.connect(if is_tls { places.tls } else { places.plain }).await?;
        let stream: Box<dyn Duplex> = match is_tls {
            true => {
                let name = "counter.example".try_into().map_err(io::Error::other)?;
                Box::new(self.connector.connect(name, socket).await?)
            }
            false => Box::new(socket),
        };
        Page::opened(stream, kind).await
    }
}

fn kind_of(number: usize) -> Kind {
    match number % 10 {
        0 => Kind::WebSocket,
        1 => Kind::Events,
        _ => Kind::Pictures,
    }
}
