//! Passes on to the keeper what event loops ask for; and when it has died, starts another one, which gets everything again.

use std::io;
use std::os::fd::AsFd;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use onlookers_handover::MAX_DESCRIPTORS;

use super::link::{End, KeeperLink, wait_until_closed};
use crate::net::listen::ListenSocket;
use crate::transport::{Book, Loops, ToKeep};
use crate::upgrade::message::TalkError;
use crate::upgrade::process;

/// The pause after a keeper that couldn't be started, or has died at once.
const PAUSE: Duration = Duration::from_secs(1);

/// A keeper, and what another one would need.
pub(super) struct Replaceable {
    link: KeeperLink,
    book: Book,
    sockets: Vec<Weak<ListenSocket>>,
    loops: Weak<Loops>,
}

impl Replaceable {
    pub(super) fn new(
        link: &KeeperLink,
        book: &Book,
        sockets: &[Arc<ListenSocket>],
        loops: &Arc<Loops>,
    ) -> Self {
        let sockets = sockets.iter().map(Arc::downgrade).collect();
        Self { link: link.clone(), book: book.clone(), sockets, loops: Arc::downgrade(loops) }
    }

    /// Passes on what event loops ask for, several at a time.
    ///
    /// # Errors
    /// The system's, if it has no threads.
    pub(super) fn start(self, asked: Receiver<ToKeep>) -> io::Result<()> {
        self.watch(&self.link.lock())?;
        thread::Builder::new().name("keeper".to_owned()).spawn(move || self.run(&asked)).map(drop)
    }

    fn run(&self, asked: &Receiver<ToKeep>) {
        let mut started: Option<Instant> = None;
        while let Ok(first) = asked.recv() {
            let all = [first].into_iter().chain(asked.try_iter().take(MAX_DESCRIPTORS - 1));
            let passed = self.link.lock().pass_on(all);
            if let Err(error) = passed {
                if started.is_some_and(|started| started.elapsed() < PAUSE) {
                    discard(asked, PAUSE);
                }
                self.replace_in_time(asked, &error);
                started = Some(Instant::now());
            }
        }
    }

    /// Has the loop above told when the keeper dies, also if there is nothing to ask for.
    fn watch(&self, end: &End) -> io::Result<()> {
        let (link, generation, keeper) = (end.another()?, end.generation(), self.book.keeper.clone());
        let watch = move || {
            wait_until_closed(&link);
            let _ = keeper.send(ToKeep::Died(generation));
        };
        thread::Builder::new().name("keeper-watch".to_owned()).spawn(watch).map(drop)
    }

    /// Starts another keeper, when that may be. What is asked for meanwhile isn't needed: it gets everything.
    fn replace_in_time(&self, asked: &Receiver<ToKeep>, error: &TalkError) {
        if self.link.lock().is_replaceable() {
            tracing::error!("the keeper has died, and another one is started: {error}");
        }
        loop {
            match self.replace() {
                Ok(true) => return,
                // Perhaps when an upgrade has failed.
                Ok(false) => drop(asked.recv()),
                Err(error) => {
                    tracing::error!(
                        "no keeper can be started yet, so what is open is lost if this process dies: {error}"
                    );
                    discard(asked, PAUSE);
                }
            }
        }
    }

    /// False, if this process may not.
    fn replace(&self) -> Result<bool, Box<dyn std::error::Error>> {
        let mut end = self.link.lock();
        if !end.is_replaceable() {
            return Ok(false);
        }
        if !end.kill() {
            return Err("the one before doesn't answer, and can't be ended".into());
        }
        let (link, pid) = process::start_keeper()?;
        end.replace(link, pid)?;
        let sockets: Vec<_> = self.sockets.iter().filter_map(Weak::upgrade).collect();
        let listening: Vec<_> = sockets.iter().map(|socket| (socket.name(), socket.as_fd())).collect();
        end.begin(Some(&self.book.ledger), &listening)?;
        end.say_state()?;
        self.watch(&end)?;
        // Before an upgrade can take connections out of the loops, which takes this lock first.
        self.loops.upgrade().into_iter().for_each(|loops| loops.enter_in(&self.book));
        Ok(true)
    }
}

/// Drops what is asked for in that time.
fn discard(asked: &Receiver<ToKeep>, time: Duration) {
    let end = Instant::now() + time;
    while asked.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok() {}
}
