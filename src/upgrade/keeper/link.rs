//! The keeper, as the server sees it that it keeps.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onlookers_handover::{Ledger, Link, LinkError, Record};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use super::message::{FromKeeper, FromServer, say_in_time};
use super::renewal::FORMATS;
use crate::transport::{Keep, ToKeep};
use crate::upgrade::message::{TalkError, hear, say};
use crate::upgrade::state::State;

/// How long the keeper may take to hear something, or to answer. It does nothing else.
const TO_ANSWER: Duration = Duration::from_secs(2);

/// How long the system may take to end it.
const TO_DIE: Duration = Duration::from_secs(5);

/// A link to the keeper, which several threads use. If that dies, it is one to the next keeper.
#[derive(Clone)]
pub(crate) struct KeeperLink(Arc<Mutex<End>>);

/// This process' end of the link.
pub(super) struct End {
    link: Link,
    /// The keeper's process, if it can be seen from here.
    pid: Option<u32>,
    /// Tells it apart from those before it.
    generation: u64,
    /// Whether this process may start another one if it dies.
    is_replaceable: bool,
    /// What was noted last, besides connections.
    state: Option<String>,
}

/// Why a process of an upgrade can't go on with a keeper, and can't go on without it either: it lives, and doesn't answer.
#[derive(Debug)]
pub(crate) struct Unanswered;

impl KeeperLink {
    /// A keeper at the other end, in that process.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn new(link: Link, pid: Option<u32>) -> std::io::Result<Self> {
        link.set_timeout(Some(TO_ANSWER))?;
        let end = End { link, pid, generation: 0, is_replaceable: true, state: None };
        Ok(Self(Arc::new(Mutex::new(end))))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, End> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the next server has to know besides connections.
    pub(crate) fn note_state(&self, state: &State) {
        if let Ok(state) = serde_json::to_string(state) {
            let mut end = self.lock();
            end.state = Some(state);
            // A keeper that has died is replaced.
            let _ = end.say_state();
        }
    }

    /// A link for the process with that id, which is to take over.
    ///
    /// # Errors
    /// [`TalkError`].
    pub(crate) fn for_new(&self, pid: u32) -> Result<OwnedFd, TalkError> {
        let end = self.lock();
        end.say(&FromServer::Link(pid))?;
        let (FromKeeper::Link, descriptors) = hear(&end.link)? else { return Err(TalkError::unexpected()) };
        descriptors.into_iter().next().ok_or_else(TalkError::unexpected)
    }

    /// Before event loops give their connections away: from now on the keeper isn't replaced if it dies, as another process may be about to do that.
    pub(crate) fn hold(&self) {
        self.lock().is_replaceable = false;
    }

    /// The connections stay here.
    pub(crate) fn release(&self, keeper: &Sender<ToKeep>) {
        self.lock().is_replaceable = true;
        // Has it looked at again.
        let _ = keeper.send(ToKeep::Flush(channel().0));
    }

    /// Waits until the keeper has noted everything that the event loops have asked for. They ask for nothing meanwhile. False, if it has
    /// died, and so has no say.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(crate) fn sync(&self, keeper: &Sender<ToKeep>) -> Result<bool, Unanswered> {
        let (done, is_done) = channel();
        if keeper.send(ToKeep::Flush(done)).is_ok() {
            let _ = is_done.recv();
        }
        let end = self.lock();
        let synced = end.say(&FromServer::Sync).and_then(|()| match hear(&end.link)? {
            (FromKeeper::Synced, _) => Ok(()),
            _ => Err(TalkError::unexpected()),
        });
        match synced {
            Ok(()) => Ok(true),
            Err(_) if end.kill() => Ok(false),
            Err(_) => Err(Unanswered),
        }
    }

    /// This process ends in order: there is to be no other.
    pub(crate) fn stopped(&self) {
        let mut end = self.lock();
        end.is_replaceable = false;
        let _ = end.say(&FromServer::Stopped);
    }
}

impl Keep for KeeperLink {
    /// Another thread may wait for the keeper meanwhile, or it may have no room for a message.
    fn keep(&self, records: Vec<u32>, sockets: &[BorrowedFd<'_>]) -> bool {
        let Ok(end) = self.0.try_lock() else { return false };
        if records.is_empty() {
            return true;
        }
        let Ok(message) = serde_json::to_vec(&FromServer::Keep(records)) else { return false };
        matches!(end.link.try_send(&message, sockets), Ok(()) | Err(LinkError::Closed))
    }
}

impl End {
    /// Tells the keeper that this process is the server from now on.
    ///
    /// # Errors
    /// [`TalkError`].
    pub(super) fn claim(&self) -> Result<(), TalkError> {
        self.say(&FromServer::Owner(std::process::id()))
    }

    /// Tells a keeper what there is besides connections.
    ///
    /// # Errors
    /// [`TalkError`].
    pub(super) fn begin(
        &self,
        memory: Option<&Ledger>,
        listening: &[(&str, BorrowedFd<'_>)],
    ) -> Result<(), TalkError> {
        let (names, sockets): (Vec<_>, Vec<_>) =
            listening.iter().map(|(name, socket)| ((*name).to_owned(), *socket)).unzip();
        self.claim()?;
        say_in_time(&self.link, TO_ANSWER, &FromServer::Listening(names), &sockets)?;
        match memory {
            Some(memory) => say_in_time(&self.link, TO_ANSWER, &FromServer::Memory, &[memory.as_fd()]),
            None => Ok(()),
        }
    }

    /// Has the keeper go on with the program that this process has been started from.
    ///
    /// # Errors
    /// [`TalkError`].
    pub(super) fn renew(&self) -> Result<(), TalkError> {
        self.say(&FromServer::Renew(FORMATS))
    }

    /// Has the keeper let sockets go that no record in use has.
    ///
    /// # Errors
    /// [`TalkError`].
    pub(super) fn release(&self, numbers: Vec<u32>) -> Result<(), TalkError> {
        self.say(&FromServer::Release(numbers))
    }

    /// # Errors
    /// [`TalkError`].
    pub(super) fn say_state(&self) -> Result<(), TalkError> {
        self.state.clone().map_or(Ok(()), |state| self.say(&FromServer::State(state)))
    }

    fn say(&self, message: &FromServer) -> Result<(), TalkError> {
        say(&self.link, message, &[])
    }

    /// Which of the keepers this is.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn is_replaceable(&self) -> bool {
        self.is_replaceable
    }

    /// Goes on with another keeper.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn replace(&mut self, link: Link, pid: u32) -> std::io::Result<()> {
        link.set_timeout(Some(TO_ANSWER))?;
        (self.link, self.pid, self.generation) = (link, Some(pid), self.generation + 1);
        Ok(())
    }

    /// Ends a keeper that has died, or doesn't answer: if that came to life again, it would start a server beside this one. False, if it
    /// can't be ended.
    pub(super) fn kill(&self) -> bool {
        if is_closed(&self.link, Duration::ZERO) {
            return true;
        }
        let Some(pid) =
            self.pid.filter(|pid| !is_main(*pid)).and_then(|pid| Pid::from_raw(pid.try_into().ok()?))
        else {
            return false;
        };
        // It lives, so the id is no other process'.
        tracing::error!("the keeper doesn't answer: it is killed");
        let _ = kill_process(pid, Signal::KILL);
        is_closed(&self.link, TO_DIE)
    }

    /// The same end of the link once more.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn another(&self) -> std::io::Result<Link> {
        self.link.try_clone()
    }

    /// Passes on what event loops ask for.
    ///
    /// # Errors
    /// [`TalkError`].
    pub(super) fn pass_on(&self, all: impl Iterator<Item = ToKeep>) -> Result<(), TalkError> {
        let mut released = Vec::new();
        for one in all {
            match one {
                ToKeep::Release(record) => released.push(record),
                ToKeep::Flush(done) => {
                    self.release_all(&mut released)?;
                    let _ = done.send(());
                }
                ToKeep::Died(generation) if generation == self.generation => {
                    return Err(TalkError::Link(LinkError::Closed));
                }
                ToKeep::Died(_) => {}
            }
        }
        self.release_all(&mut released)
    }

    fn release_all(&self, released: &mut Vec<Record>) -> Result<(), TalkError> {
        if !released.is_empty() {
            self.release(released.iter().map(Record::number).collect())?;
            // From now on other connections may have the numbers.
            released.clear();
        }
        Ok(())
    }
}

/// Whether everything would end with that process: it is the first of a container, or systemd watches it.
fn is_main(pid: u32) -> bool {
    pid == 1 || std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Waits until nobody has the other end any more, `within` at most.
fn is_closed(link: &Link, within: Duration) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(link.as_fd(), PollFlags::empty())];
    let within = Timespec::try_from(within).ok();
    let polls = rustix::io::retry_on_intr(|| poll(&mut polled, within.as_ref()));
    polls.is_ok_and(|_| polled[0].revents().contains(PollFlags::HUP))
}

/// The same, however long that takes.
pub(super) fn wait_until_closed(link: &Link) {
    let mut polled = [PollFd::from_borrowed_fd(link.as_fd(), PollFlags::empty())];
    let _ = rustix::io::retry_on_intr(|| poll(&mut polled, None));
}
