//! All event loops, as the rest of the program sees them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use onlookers_rooms::sync::Mutex;
use tokio::sync::{Notify, oneshot};

use super::Grant;
use super::bodies::{self, Bodies};
use super::entry::Book;
use super::event_loop::{EventLoop, Transfer};
use super::inbox::{CloseOnDrop, Inboxes};
use super::takeover::Taken;
use crate::app::App;
use crate::feeds::Publisher;
use crate::metrics::ViewerMetrics;
use crate::settings::DenyList;

/// As many as a feed has bits for, less one for the bodies of HTTP/2.
const MAX_LOOPS: usize = bodies::NUMBER as usize;

/// What the names of the loops' threads begin with.
const THREAD: &str = "loop-";

/// How long a loop may take to give its connections away: many have to be sent something before.
const TO_GIVE: Duration = Duration::from_secs(10);

/// How event loops work.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many there are, 1 to 63.
    pub loops: usize,
    /// In what time each viewer gets its frame once more when nothing changes.
    pub resend: Duration,
    /// How long a viewer of a stream may take nothing of a frame before its connection is closed.
    pub write_timeout: Duration,
    /// How often a WebSocket is sent a ping.
    pub ping: Duration,
    /// How frames get into sockets.
    pub sends: Sends,
}

/// How frames get into many sockets.
#[derive(ValueEnum, Clone, Copy, Default, Debug)]
pub enum Sends {
    /// By io_uring where the kernel allows it and it pays, else by a write each
    #[default]
    Auto,
    /// Hundreds at a time, by io_uring; the server doesn't start without it
    Ring,
    /// By a write each
    Write,
}

/// The event loops. Dropping them ends their threads.
pub(crate) struct Loops {
    inboxes: Arc<Inboxes>,
    next: AtomicUsize,
    /// Event loops that haven't been started.
    idle: Mutex<Vec<EventLoop>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Notified when a thread ends.
    ended: Arc<Notify>,
}

/// Notifies when a thread ends, even by a panic.
struct NotifyOnDrop(Arc<Notify>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Loops {
    /// Event loops that can be published to already. [`start`](Self::start) starts their threads.
    ///
    /// # Errors
    /// The system's, if it has no poll or no io_uring to give.
    pub(crate) fn new(options: Options) -> io::Result<Self> {
        let (mut idle, mut inboxes) = (Vec::new(), Vec::new());
        for number in 0..options.loops.clamp(1, MAX_LOOPS) {
            let (event_loop, inbox) = EventLoop::new(number as u32, options)?;
            idle.push(event_loop);
            inboxes.push(inbox);
        }
        let inboxes = Inboxes { loops: inboxes, bodies: Arc::new(Bodies::new(&options)) };
        let (inboxes, next, idle) = (Arc::new(inboxes), AtomicUsize::new(0), Mutex::new(idle));
        Ok(Self { inboxes, next, idle, threads: Mutex::default(), ended: Arc::default() })
    }

    /// Whether a thread of that name is a loop's.
    pub(crate) fn is_thread(name: &str) -> bool {
        name.starts_with(THREAD)
    }

    /// Where feeds publish.
    pub(crate) fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::clone(&self.inboxes) as Arc<dyn Publisher>
    }

    /// Starts the threads, and the task that wakes the bodies of HTTP/2; needs a tokio runtime. `app` is what messages of pages are obeyed with.
    ///
    /// # Errors
    /// The system's, if it has no thread to give.
    pub(crate) fn start(&self, app: &Arc<App>) -> io::Result<()> {
        let idle = std::mem::take(&mut *self.idle.lock());
        for (number, mut event_loop) in idle.into_iter().enumerate() {
            let (inboxes, app) = (Arc::clone(&self.inboxes), Arc::clone(app));
            let ended = NotifyOnDrop(Arc::clone(&self.ended));
            let run = move || {
                let _ended = ended;
                let inbox = CloseOnDrop(&inboxes.loops[number]);
                if let Err(error) = event_loop.run(inbox.0, &app) {
                    tracing::error!(%error, "an event loop can't poll");
                }
            };
            let thread = std::thread::Builder::new().name(format!("{THREAD}{number}")).spawn(run)?;
            self.threads.lock().push(thread);
        }
        let (ended, bodies) = (NotifyOnDrop(Arc::clone(&self.ended)), Arc::clone(self.bodies()));
        let costs = Arc::clone(app.painter.costs());
        tokio::spawn(async move {
            let _ended = ended;
            bodies.drive(&costs).await;
        });
        Ok(())
    }

    /// Takes a connection in; the loops take turns.
    pub(crate) fn admit(&self, taken: Taken<Grant>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.inboxes.loops.len();
        self.inboxes.loops[number].add(|commands| commands.admitted.push_back(taken));
    }

    /// Takes all connections out of the loops that can go on in another process; those of a loop that doesn't answer stay where they
    /// are. What comes meanwhile stays, too. Blocks.
    pub(crate) fn take_movable(&self) -> Vec<Transfer> {
        let asked = self.inboxes.loops.iter().map(|inbox| {
            // Without room for anything: what isn't taken comes back to the loop.
            let (give, given) = sync_channel(0);
            inbox.add(|commands| commands.move_out = Some(give));
            given
        });
        asked
            .collect::<Vec<_>>()
            .into_iter()
            .flat_map(|given| given.recv_timeout(TO_GIVE).unwrap_or_default())
            .collect()
    }

    /// Has the loops enter their connections in a ledger from now on.
    pub(crate) fn enter_in(&self, book: &Book) {
        for inbox in &self.inboxes.loops {
            inbox.add(|commands| commands.book = Some(book.clone()));
        }
    }

    /// Takes connections in that no loop has; the loops take turns.
    pub(crate) fn adopt(&self, transfers: Vec<Transfer>) {
        let loops = &self.inboxes.loops;
        let mut shares: Vec<Vec<Transfer>> = loops.iter().map(|_| Vec::new()).collect();
        for (number, transfer) in transfers.into_iter().enumerate() {
            shares[number % loops.len()].push(transfer);
        }
        for (inbox, share) in loops.iter().zip(shares) {
            inbox.add(|commands| commands.adopted.extend(share));
        }
    }

    /// Has browsers that speak HTTP/2 make their next requests on other connections: another process answers those. Their streams stay.
    pub(crate) fn go_away(&self) {
        self.bodies().go_away();
    }

    /// The bodies of HTTP/2 streams.
    pub(super) fn bodies(&self) -> &Arc<Bodies> {
        &self.inboxes.bodies
    }

    /// Ends the streams and WebSockets that `list` denies, and lets none in that were judged before.
    pub(crate) fn deny(&self, list: &Arc<DenyList>) {
        for inbox in &self.inboxes.loops {
            inbox.add(|commands| commands.deny = Some(Arc::clone(list)));
        }
        self.bodies().deny(list);
    }

    /// What the event loops count of their viewers, and HTTP/2 of its own.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = &ViewerMetrics> {
        let loops = self.inboxes.loops.iter().map(|inbox| &*inbox.metrics);
        loops.chain([&self.inboxes.bodies.metrics])
    }

    /// Waits until every loop has begun a turn from now on.
    pub(crate) async fn respond(&self) {
        let probes = self.inboxes.loops.iter().map(|inbox| {
            let (probe, answer) = oneshot::channel();
            inbox.add(|commands| commands.probes.push(probe));
            answer
        });
        for answer in probes.collect::<Vec<_>>() {
            // A loop that has ended is noticed elsewhere.
            let _ = answer.await;
        }
    }

    /// Waits until a thread has ended, which none does unless it is told to, or dies.
    pub(crate) async fn wait_for_death(&self) {
        self.ended.notified().await;
    }

    /// Ends every connection in order, each in its turn, and waits until all have closed, `within` at most. Blocks. The feeds have
    /// to have ended before: streams get the frame that they have then.
    pub(crate) fn end(&self, within: Duration) {
        let deadline = Instant::now() + within;
        self.tell_end(within);
        self.bodies().end_in_turn(within);
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("an event loop has panicked");
            }
        }
        self.bodies().wait_for_end(deadline.saturating_duration_since(Instant::now()));
    }

    fn tell_end(&self, within: Duration) {
        self.inboxes.loops.iter().for_each(|inbox| inbox.add(|commands| commands.end = Some(within)));
        self.bodies().tell_end();
    }

    /// Ends the thread of one loop, as its death would.
    #[cfg(test)]
    pub(crate) fn tell_end_of_one(&self) {
        self.inboxes.loops[0].add(|commands| commands.end = Some(Duration::ZERO));
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        self.tell_end(Duration::ZERO);
        self.bodies().end_in_turn(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn loops_respond_only_while_all_of_them_run() {
        let second = Duration::from_secs(1);
        let options =
            Options { loops: 2, resend: second, write_timeout: second, ping: second, sends: Sends::Write };
        let loops = Loops::new(options).unwrap();
        {
            let mut response = std::pin::pin!(loops.respond());
            let poll =
                std::future::poll_fn(|cx| std::task::Poll::Ready(response.as_mut().poll(cx).is_ready()));
            assert!(!poll.await, "they haven't been started");
            assert!(loops.inboxes.loops.iter().all(|inbox| inbox.take().probes.len() == 1));
        }
        let respond = tokio::time::timeout(Duration::from_secs(10), async {
            let answer = async {
                tokio::task::yield_now().await;
                for inbox in &loops.inboxes.loops {
                    inbox.take().probes.into_iter().for_each(|probe| probe.send(()).unwrap());
                }
            };
            tokio::join!(loops.respond(), answer)
        });
        respond.await.unwrap();
    }
}
