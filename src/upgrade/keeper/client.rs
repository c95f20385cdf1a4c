//! The keeper, as the server sees it that it has started, or that has taken over from one, when it begins.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::channel;

use onlookers_handover::{Block, Ledger, Link, Record};

use super::link::KeeperLink;
use super::message::FromKeeper;
use super::replacement::Replaceable;
use crate::app::App;
use crate::net::listen::{Inherited, ListenSocket};
use crate::transport::{Book, Loops, ToKeep, Transfer, recover};
use crate::upgrade::message::{TalkError, hear};
use crate::upgrade::process;
use crate::upgrade::state::State;

/// The most bytes of the ledger's arena. Only what is used takes memory.
const MOST_BYTES: usize = 1 << 30;

/// A keeper, and what it has kept of a server that has died.
pub struct Keeper {
    /// None before it is started.
    link: Option<KeeperLink>,
    /// Whether this process is of another version than the keeper, perhaps.
    is_of_old: bool,
    listening: Inherited,
    memory: Option<OwnedFd>,
    state: Option<State>,
    sockets: HashMap<u32, OwnedFd>,
}

/// The ledger that connections are entered in from now on.
struct Opened {
    ledger: Ledger,
    /// Whether this process has made it.
    is_new: bool,
    records: Vec<Record>,
    /// Keeps the bytes in their places that the records name.
    _old: Vec<Block>,
}

impl Keeper {
    /// The keeper that has started this process, and everything that it has; none if it wasn't started so.
    ///
    /// # Errors
    /// The system's, or if it can't be understood.
    pub fn find() -> io::Result<Option<Self>> {
        let Some((link, pid)) = process::keeper()? else { return Ok(None) };
        let mut this = Self::new(None);
        this.hear_all(&link).map_err(|error| io::Error::other(format!("the keeper: {error}")))?;
        this.link = Some(KeeperLink::new(link, Some(pid))?);
        Ok(Some(this))
    }

    /// The keeper at the other end, for a process that takes over, with the memory that it goes on with.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn of_old(link: Link, memory: OwnedFd) -> io::Result<Self> {
        let pid = link.peer()?.pid;
        let link = KeeperLink::new(link, pid)?;
        Ok(Self { memory: Some(memory), is_of_old: true, ..Self::new(Some(link)) })
    }

    /// One that this process starts itself, as the one before it had none.
    #[must_use]
    pub fn own() -> Self {
        Self::new(None)
    }

    fn new(link: Option<KeeperLink>) -> Self {
        let (listening, sockets) = (Inherited::default(), HashMap::new());
        Self { link, is_of_old: false, listening, memory: None, state: None, sockets }
    }

    fn hear_all(&mut self, link: &Link) -> Result<(), TalkError> {
        loop {
            let (message, descriptors) = hear(link)?;
            match message {
                FromKeeper::Listening(names) => {
                    self.listening = Inherited::new(names.into_iter().zip(descriptors).collect());
                }
                FromKeeper::Memory => self.memory = descriptors.into_iter().next(),
                // One of another version is left out.
                FromKeeper::State(state) => self.state = serde_json::from_str(&state).ok(),
                FromKeeper::Kept(records) => self.sockets.extend(records.into_iter().zip(descriptors)),
                FromKeeper::Go => return Ok(()),
                FromKeeper::Link | FromKeeper::Synced => return Err(TalkError::unexpected()),
            }
        }
    }

    /// Tells the keeper that this process is the server from now on. If it has died, another one is started later.
    ///
    /// # Errors
    /// If it lives and can't be told.
    pub(crate) fn claim(&mut self) -> Result<(), TalkError> {
        let Some(link) = &self.link else { return Ok(()) };
        let end = link.lock();
        match end.claim() {
            Err(_) if end.kill() => {
                drop(end);
                self.link = None;
                Ok(())
            }
            result => result,
        }
    }

    /// The listening sockets of the server that has died.
    pub(crate) fn inherited(&mut self) -> &mut Inherited {
        &mut self.listening
    }

    /// Whether there was a server before, of which there is something.
    #[must_use]
    pub fn has_served(&self) -> bool {
        self.memory.is_some()
    }

    /// How many open files are those of connections that go on.
    pub(crate) fn connections(&self) -> usize {
        self.sockets.len()
    }

    /// What is to be restored before anything else.
    pub(crate) fn take_state(&mut self) -> Option<State> {
        self.state.take()
    }

    /// Begins to have this server's connections kept, and takes those over that are known by `transfers` or that a server has left that died.
    ///
    /// # Errors
    /// The system's, if there is no memory, or no keeper can be started; then nothing is kept.
    pub(crate) fn begin(
        mut self,
        (app, loops): (&Arc<App>, &Arc<Loops>),
        transfers: &mut Vec<Transfer>,
        sockets: &[Arc<ListenSocket>],
    ) -> io::Result<(Book, KeeperLink)> {
        let Opened { ledger, is_new, records, _old } = Opened::of(self.memory.take(), app)?;
        let (keeper, asked) = channel();
        let link = self.begin_link(&ledger, is_new, sockets)?;
        let book = Book { ledger, keeper, direct: Arc::new(link.clone()), app: Arc::clone(app) };
        self.take_over(records, transfers, &book, &link);
        Replaceable::new(&link, &book, sockets, loops).start(asked)?;
        Ok((book, link))
    }

    /// Tells the keeper what there is besides connections.
    fn begin_link(
        &self,
        ledger: &Ledger,
        is_new: bool,
        sockets: &[Arc<ListenSocket>],
    ) -> io::Result<KeeperLink> {
        let is_started = self.link.is_none();
        let link = match &self.link {
            Some(link) => link.clone(),
            None => {
                let (link, pid) = process::start_keeper()?;
                KeeperLink::new(link, Some(pid))?
            }
        };
        let listening: Vec<_> = sockets.iter().map(|socket| (socket.name(), socket.as_fd())).collect();
        let end = link.lock();
        let mut begun = end.begin((is_new || is_started).then_some(ledger), &listening);
        if self.is_of_old && !is_started {
            begun = begun.and_then(|()| end.renew());
        }
        drop(end);
        // If it has just died, another one is told all of it.
        begun.unwrap_or_else(|error| tracing::debug!(%error, "the keeper can't be told"));
        Ok(link)
    }

    /// Has connections go on with their records.
    fn take_over(self, records: Vec<Record>, transfers: &mut Vec<Transfer>, book: &Book, to: &KeeperLink) {
        let mut sockets = self.sockets;
        let numbers = transfers.iter().enumerate().filter_map(|(at, transfer)| Some((transfer.entry()?, at)));
        let by_number: HashMap<u32, usize> = numbers.collect();
        for record in records {
            if let Some(at) = by_number.get(&record.number()) {
                transfers[*at].attach_record(record, book);
            } else if let Some(socket) = sockets.remove(&record.number()) {
                transfers.extend(recover(record, socket, book));
            } else {
                // Nobody can go on with it.
                let _ = book.keeper.send(ToKeep::Release(record));
            }
        }
        for socket in sockets.values() {
            let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
        }
        // Before any connection can get the numbers. If the keeper has died, the next one never has them.
        let _ = to.lock().release(sockets.into_keys().collect());
    }
}

impl Opened {
    /// The ledger that the process before has left, or a new one.
    ///
    /// # Errors
    /// The system's.
    fn of(memory: Option<OwnedFd>, app: &App) -> io::Result<Self> {
        let opened = memory.map(Ledger::open).transpose().unwrap_or_else(|error| {
            tracing::warn!("the connections of the server before can't be continued: {error}");
            None
        });
        if let Some(opened) = opened {
            let (ledger, records, _old) = opened.into_parts();
            return Ok(Self { ledger, is_new: false, records, _old });
        }
        let records = u32::try_from(app.capacity.limit()).unwrap_or(u32::MAX).min(1 << 21);
        let ledger = Ledger::create(records, MOST_BYTES)?;
        Ok(Self { ledger, is_new: true, records: Vec::new(), _old: Vec::new() })
    }
}
