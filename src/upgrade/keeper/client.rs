//! The keeper, as the server sees it that it has started, or that has taken over from one.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use onlookers_handover::{Ledger, Link, LinkError, MAX_DESCRIPTORS};

use super::message::{FromKeeper, FromServer, say_in_time};
use crate::app::App;
use crate::net::listen::Inherited;
use crate::transport::{Book, ToKeep, Transfer, recover};
use crate::upgrade::message::{TalkError, hear, say};
use crate::upgrade::process;
use crate::upgrade::state::State;

/// The most bytes of the ledger's arena. Only what is used takes memory.
const MOST_BYTES: usize = 1 << 30;

/// A keeper, and what it has kept of a server that has died.
pub struct Keeper {
    link: KeeperLink,
    listening: Inherited,
    memory: Option<OwnedFd>,
    state: Option<State>,
    sockets: HashMap<u32, OwnedFd>,
}

/// A link to the keeper, which several threads use.
#[derive(Clone)]
pub(crate) struct KeeperLink(Arc<Mutex<Link>>);

impl Keeper {
    /// The keeper that has started this process, and everything that it has; none if it wasn't started so.
    ///
    /// # Errors
    /// The system's, or if it can't be understood.
    pub fn find() -> io::Result<Option<Self>> {
        let Some(link) = process::keeper()? else { return Ok(None) };
        Self::read(link).map(Some).map_err(|error| io::Error::other(format!("the keeper: {error}")))
    }

    fn read(link: Link) -> Result<Self, TalkError> {
        let mut this = Self::new(KeeperLink::new(
            link.try_clone().map_err(|error| TalkError::Link(LinkError::Io(error)))?,
        ));
        loop {
            let (message, descriptors) = hear(&link)?;
            match message {
                FromKeeper::Listening(names) => {
                    this.listening = Inherited::new(names.into_iter().zip(descriptors).collect());
                }
                FromKeeper::Memory => this.memory = descriptors.into_iter().next(),
                // One of another version is left out.
                FromKeeper::State(state) => this.state = serde_json::from_str(&state).ok(),
                FromKeeper::Kept(records) => this.sockets.extend(records.into_iter().zip(descriptors)),
                FromKeeper::Go => return Ok(this),
                FromKeeper::Link | FromKeeper::Synced => return Err(TalkError::unexpected()),
            }
        }
    }

    fn new(link: KeeperLink) -> Self {
        let (listening, sockets) = (Inherited::default(), HashMap::new());
        Self { link, listening, memory: None, state: None, sockets }
    }

    /// The keeper at the other end, for a process that takes over, with the memory that it goes on with.
    pub(crate) fn of_old(link: Link, memory: OwnedFd) -> Self {
        Self { memory: Some(memory), ..Self::new(KeeperLink::new(link)) }
    }

    /// Tells the keeper that this process is the server from now on.
    ///
    /// # Errors
    /// [`TalkError`].
    pub(crate) fn claim(&self) -> Result<(), TalkError> {
        say(&self.link.lock(), &FromServer::Owner(std::process::id()), &[])
    }

    /// The listening sockets of the server that has died.
    pub(crate) fn inherited(&mut self) -> &mut Inherited {
        &mut self.listening
    }

    /// Whether there was a server before.
    pub fn has_served(&self) -> bool {
        self.has_heritage()
    }

    /// Whether a server has died of which there is something.
    pub(crate) fn has_heritage(&self) -> bool {
        self.memory.is_some()
    }

    /// What is to be restored before anything else.
    pub(crate) fn take_state(&mut self) -> Option<State> {
        self.state.take()
    }

    /// Begins to have this server's connections kept, and takes those over that are known by `transfers` or that a server has left that died.
    ///
    /// # Errors
    /// The system's, if there is no memory; then nothing is kept.
    pub(crate) fn begin(
        self,
        app: &Arc<App>,
        transfers: &mut Vec<Transfer>,
        listening: &[(&str, BorrowedFd<'_>)],
    ) -> io::Result<(Book, KeeperLink)> {
        let Self { link, memory, mut sockets, .. } = self;
        let opened = memory.map(Ledger::open).transpose().unwrap_or_else(|error| {
            tracing::warn!("the connections of the server before can't be continued: {error}");
            None
        });
        let (ledger, records, old) = match opened {
            Some(opened) => {
                let (ledger, records, old) = opened.into_parts();
                (ledger, records, Some(old))
            }
            None => {
                let records = u32::try_from(app.capacity.limit()).unwrap_or(u32::MAX).min(1 << 21);
                (Ledger::create(records, MOST_BYTES)?, Vec::new(), None)
            }
        };
        let (keeper, asked) = channel();
        let book = Book { ledger, keeper, app: Arc::clone(app) };
        let mut by_number: HashMap<u32, usize> = HashMap::new();
        for (at, transfer) in transfers.iter().enumerate() {
            transfer.entry().map(|number| by_number.insert(number, at));
        }
        link.begin(&book, old.is_none(), listening)?;
        for record in records {
            if let Some(at) = by_number.get(&record.number()) {
                transfers[*at].attach_record(record, &book);
            } else if let Some(socket) = sockets.remove(&record.number()) {
                transfers.extend(recover(record, socket, &book));
            }
            // The keeper doesn't have the others: nobody can go on with them.
        }
        for (number, socket) in sockets {
            let _ = rustix::net::shutdown(&socket, rustix::net::Shutdown::Both);
            let _ = book.keeper.send(ToKeep::Release(number));
        }
        drop(old);
        let to = link.clone();
        thread::Builder::new().name("keeper".to_owned()).spawn(move || to.pass_on(&asked))?;
        Ok((book, link))
    }
}

impl KeeperLink {
    fn new(link: Link) -> Self {
        Self(Arc::new(Mutex::new(link)))
    }

    fn lock(&self) -> MutexGuard<'_, Link> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the keeper that this process is the server, and what there is besides connections.
    fn begin(&self, book: &Book, is_new: bool, listening: &[(&str, BorrowedFd<'_>)]) -> io::Result<()> {
        let link = self.lock();
        let (names, sockets): (Vec<_>, Vec<_>) =
            listening.iter().map(|(name, socket)| ((*name).to_owned(), *socket)).unzip();
        let said = say(&link, &FromServer::Owner(std::process::id()), &[])
            .and_then(|()| say(&link, &FromServer::Listening(names), &sockets));
        let said = match is_new {
            true => said.and_then(|()| say(&link, &FromServer::Memory, &[book.ledger.as_fd()])),
            false => said,
        };
        said.map_err(io::Error::other)
    }

    /// Notes what the next server has to know besides connections.
    pub(crate) fn note_state(&self, state: &State) {
        if let Ok(state) = serde_json::to_string(state) {
            let _ = say(&self.lock(), &FromServer::State(state), &[]);
        }
    }

    /// Passes on what event loops ask for, several at a time, for as long as there are any.
    fn pass_on(&self, asked: &Receiver<ToKeep>) {
        while let Ok(first) = asked.recv() {
            let all = [first].into_iter().chain(asked.try_iter().take(MAX_DESCRIPTORS - 1));
            if let Err(error) = self.pass_batch(all) {
                tracing::error!(
                    "the keeper has died, so what is open is lost if this process dies, too: {error}"
                );
                return;
            }
        }
    }

    /// In their order, as a number may be another connection's after it was released.
    fn pass_batch(&self, all: impl Iterator<Item = ToKeep>) -> Result<(), TalkError> {
        let (mut keep, mut sockets, mut released) = (Vec::new(), Vec::new(), Vec::new());
        let link = self.lock();
        for one in all {
            match one {
                ToKeep::Keep(number, socket) => {
                    if !released.is_empty() {
                        say(&link, &FromServer::Release(std::mem::take(&mut released)), &[])?;
                    }
                    keep.push(number);
                    sockets.push(socket);
                }
                ToKeep::Release(number) => {
                    if !keep.is_empty() {
                        say_keep(&link, &mut keep, &mut sockets)?;
                    }
                    released.push(number);
                }
                ToKeep::Flush(done) => {
                    if !keep.is_empty() {
                        say_keep(&link, &mut keep, &mut sockets)?;
                    }
                    if !released.is_empty() {
                        say(&link, &FromServer::Release(std::mem::take(&mut released)), &[])?;
                    }
                    let _ = done.send(());
                }
            }
        }
        if !keep.is_empty() {
            say_keep(&link, &mut keep, &mut sockets)?;
        }
        if !released.is_empty() {
            say(&link, &FromServer::Release(released), &[])?;
        }
        Ok(())
    }

    /// A link for a process that is to take over.
    ///
    /// # Errors
    /// [`TalkError`].
    pub(crate) fn for_new(&self) -> Result<OwnedFd, TalkError> {
        let link = self.lock();
        say(&link, &FromServer::Link, &[])?;
        let (FromKeeper::Link, descriptors) = hear(&link)? else { return Err(TalkError::unexpected()) };
        descriptors.into_iter().next().ok_or_else(TalkError::unexpected)
    }

    /// Waits until the keeper has noted everything that the event loops have asked for. They ask for nothing meanwhile.
    ///
    /// # Errors
    /// [`TalkError`].
    pub(crate) fn sync(&self, keeper: &Sender<ToKeep>) -> Result<(), TalkError> {
        let (done, is_done) = channel();
        if keeper.send(ToKeep::Flush(done)).is_ok() {
            let _ = is_done.recv();
        }
        let link = self.lock();
        say(&link, &FromServer::Sync, &[])?;
        match hear(&link)? {
            (FromKeeper::Synced, _) => Ok(()),
            _ => Err(TalkError::unexpected()),
        }
    }

    /// This process ends in order: there is to be no other.
    pub(crate) fn stopped(&self) {
        let _ = say(&self.lock(), &FromServer::Stopped, &[]);
    }
}

/// Gives the keeper duplicates of sockets.
fn say_keep(link: &Link, records: &mut Vec<u32>, sockets: &mut Vec<OwnedFd>) -> Result<(), TalkError> {
    let descriptors: Vec<_> = sockets.iter().map(|socket| socket.as_fd()).collect();
    say_in_time(link, &FromServer::Keep(std::mem::take(records)), &descriptors)?;
    sockets.clear();
    Ok(())
}
