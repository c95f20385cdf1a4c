//! The fan-out: threads that do nothing but write the newest frame of each feed to its viewers' sockets.

use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::Waker;

use super::Opening;
use crate::config::FanoutSends;
use crate::feed::{FeedId, FeedRef};
use crate::net::capacity::Permit;
use crate::room::CountGuard;
use worker::Worker;

mod repaint;
mod sender;
mod viewer;
mod worker;

/// As many as a feed has bits for.
const MOST_THREADS: usize = 64;

/// The fan-out threads, as the rest of the program sees them.
#[derive(Debug)]
pub struct Fanout {
    threads: Vec<Thread>,
    next: AtomicUsize,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

/// How the threads are to work.
#[derive(Clone, Copy, Debug)]
pub struct FanoutOptions {
    /// How many there are, 1 to 64.
    pub threads: usize,
    /// In what time each viewer gets its frame once more when nothing changes.
    pub repaint: Duration,
    /// How long a viewer may take nothing of a part before it is let go.
    pub write_timeout: Duration,
    /// How frames get into sockets.
    pub sends: FanoutSends,
}

/// A socket whose request was judged, and what it is to see.
pub(crate) struct Newcomer {
    /// Non-blocking, and watched by nobody.
    pub(crate) socket: TcpStream,
    pub(crate) opening: Opening,
    pub(crate) feed: FeedRef,
    /// `None` for one who only looks.
    pub(crate) presence: Option<CountGuard>,
    pub(crate) permit: Permit,
    /// Whether its browser hangs up only at the second frame that comes for a page that has gone, as Firefox does; it is
    /// repainted twice as often, so that its visitors are uncounted within one repaint like others.
    pub(crate) hangs_up_late: bool,
    /// How many bytes came behind the request's head, in bytes.
    pub(crate) junk: usize,
}

/// What a thread is told.
enum Command {
    Admit(Newcomer),
    Publish(FeedId),
    End { within: Duration },
}

#[derive(Debug)]
struct Thread {
    commands: Sender<Command>,
    doorbell: Arc<Doorbell>,
}

/// Wakes a thread, once for any number of commands.
#[derive(Debug)]
struct Doorbell {
    waker: Waker,
    rung: AtomicBool,
}

impl Fanout {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system's, if it has no thread or no poll to give.
    pub fn start(options: FanoutOptions) -> io::Result<Arc<Self>> {
        let mut fanout = Self { threads: Vec::new(), next: AtomicUsize::new(0), handles: Mutex::default() };
        for number in 0..options.threads.clamp(1, MOST_THREADS) {
            let (commands, inbox) = mpsc::channel();
            let (mut worker, waker) = Worker::new(number as u32, options)?;
            let doorbell = Arc::new(Doorbell { waker, rung: AtomicBool::new(false) });
            fanout.threads.push(Thread { commands, doorbell: Arc::clone(&doorbell) });
            let name = format!("fanout-{number}");
            let run = move || worker.run(&inbox, &doorbell);
            let handle = std::thread::Builder::new().name(name).spawn(run)?;
            fanout.handles.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        }
        Ok(Arc::new(fanout))
    }

    /// Takes a viewer in; the threads take turns.
    pub(crate) fn admit(&self, newcomer: Newcomer) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.threads.len();
        self.threads[turn].tell(Command::Admit(newcomer));
    }

    /// Lets those of `threads` (a bit each) send the feed's newest frame.
    pub(crate) fn publish(&self, feed: FeedId, threads: u64) {
        for (number, thread) in self.threads.iter().enumerate() {
            if threads & (1 << number) != 0 {
                thread.tell(Command::Publish(feed));
            }
        }
    }

    /// Ends every stream the orderly way and waits until all have closed, `within` at most. Blocks.
    pub fn end(&self, within: Duration) {
        for thread in &self.threads {
            thread.tell(Command::End { within });
        }
        for handle in self.handles.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if handle.join().is_err() {
                tracing::error!("a fan-out thread has panicked");
            }
        }
    }
}

impl Thread {
    fn tell(&self, command: Command) {
        // A thread that has ended takes nothing more: what the command holds is dropped with it.
        if self.commands.send(command).is_ok() {
            self.doorbell.ring();
        }
    }
}

impl Doorbell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "a fan-out thread can't be woken");
        }
    }

    /// To be called before the inbox is emptied: what comes later rings anew.
    fn reset(&self) {
        self.rung.store(false, Ordering::SeqCst);
    }
}
