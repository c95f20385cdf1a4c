//! The old process' part: it starts the new one, and gives it everything that can move.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use onlookers_handover::{Link, LinkError, MAX_DESCRIPTORS};

use super::keeper::KeeperLink;
use super::message::{self, FORMATS, FromNew, FromOld, TalkError};
use super::process::{self, NewProcess};
use super::state::State;
use crate::app::App;
use crate::transport::{Book, ConnectionRecord, Transfer};

/// How long the new process may take to get ready: it reads fonts, themes and certificates, and reaches Redis.
const TO_START: Duration = Duration::from_secs(60);

/// And how long to take a batch of connections.
const TO_TAKE: Duration = Duration::from_secs(10);

/// Why the new process couldn't take over. Everything is as before.
#[derive(Debug)]
pub(crate) enum UpgradeError {
    /// It could not be started.
    Start(io::Error),
    /// It has ended.
    Ended(ExitStatus),
    /// It can't be talked to.
    Talk(TalkError),
    /// This process can't do it.
    Own(&'static str),
}

/// An upgrade on its way. Dropping it ends the new process, unless that has taken over.
pub(crate) struct Old {
    process: NewProcess,
    link: Link,
    is_understood: bool,
}

type Message<'s> = FromOld<&'s State, &'s ConnectionRecord>;

impl Old {
    /// Starts the new process with these listening sockets, and waits until it is ready to take over. Blocks.
    ///
    /// # Errors
    /// [`UpgradeError`].
    pub(crate) fn start(sockets: &[(&str, BorrowedFd<'_>)]) -> Result<Self, UpgradeError> {
        let (process, link) = process::start().map_err(UpgradeError::Start)?;
        let mut this = Self { process, link, is_understood: false };
        let ready = this.begin(sockets);
        ready.map_err(|error| this.reason(error))?;
        Ok(this)
    }

    fn begin(&mut self, sockets: &[(&str, BorrowedFd<'_>)]) -> Result<(), TalkError> {
        self.link.set_timeout(Some(TO_START)).map_err(|error| TalkError::Link(LinkError::Io(error)))?;
        let FromNew::Hello { formats, version } = self.hear()? else { return Err(TalkError::unexpected()) };
        self.is_understood = formats.contains(FORMATS.end());
        tracing::info!("version {version} is getting ready to take over");
        let format = self.is_understood.then_some(*FORMATS.end());
        let names = sockets.iter().map(|(name, _)| (*name).to_owned()).collect();
        let descriptors: Vec<_> = sockets.iter().map(|(_, socket)| *socket).collect();
        message::say(&self.link, &Message::Begin { format, sockets: names }, &descriptors)?;
        let FromNew::Ready = self.hear()? else { return Err(TalkError::unexpected()) };
        self.link.set_timeout(Some(TO_TAKE)).map_err(|error| TalkError::Link(LinkError::Io(error)))
    }

    /// The number of the new process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Whether the new process reads what this version writes. Otherwise it gets nothing but the listening sockets.
    pub(crate) fn is_understood(&self) -> bool {
        self.is_understood
    }

    /// Gives it the state, the links to older processes, and the connections, which nobody may touch meanwhile. Blocks.
    ///
    /// # Errors
    /// [`UpgradeError`].
    pub(crate) fn give(
        &mut self,
        (state, older): (&State, &[Arc<Link>]),
        kept: Option<&(Book, KeeperLink)>,
        transfers: &[Transfer],
        app: &App,
    ) -> Result<(), UpgradeError> {
        let given = self.try_give((state, older), transfers, kept, app);
        given.map_err(|error| self.reason(error))
    }

    fn try_give(
        &self,
        (state, older): (&State, &[Arc<Link>]),
        transfers: &[Transfer],
        kept: Option<&(Book, KeeperLink)>,
        app: &App,
    ) -> Result<(), TalkError> {
        // First: with a keeper, the new process must not go on by itself if this one dies.
        if let Some((book, keeper)) = kept {
            let link = keeper.for_new(self.pid())?;
            message::say(&self.link, &Message::Keeper, &[link.as_fd(), book.ledger.as_fd()])?;
            self.is_taken()?;
        }
        let older: Vec<_> = older.iter().map(|link| link.as_fd()).take(MAX_DESCRIPTORS).collect();
        message::say(&self.link, &Message::State(state), &older)?;
        self.is_taken()?;
        for batch in transfers.chunks(MAX_DESCRIPTORS) {
            let records =
                batch.iter().filter_map(|transfer| Some((transfer.record(app)?, transfer.socket())));
            let (records, sockets): (Vec<_>, Vec<_>) = records.unzip();
            let message = Message::Connections(records.iter().collect());
            message::say(&self.link, &message, &sockets)?;
            self.is_taken()?;
        }
        Ok(())
    }

    fn is_taken(&self) -> Result<(), TalkError> {
        match self.hear()? {
            FromNew::Taken { lost: 0 } => Ok(()),
            FromNew::Taken { lost } => {
                tracing::warn!("{lost} connections can't be taken over: they end");
                Ok(())
            }
            _ => Err(TalkError::unexpected()),
        }
    }

    /// Gives all of it away, and returns the link to the new process. Blocks.
    ///
    /// # Errors
    /// [`UpgradeError`]: then the new process has ended without having touched a connection.
    pub(crate) fn commit(mut self) -> Result<Link, UpgradeError> {
        if let Err(error) = self.try_commit() {
            let reason = self.reason(error);
            // It may have confirmed before it died: then the connections were its own, and have gone with it.
            if !matches!(self.hear(), Ok(FromNew::Committed)) {
                return Err(reason);
            }
        }
        self.process.release();
        Ok(self.link)
    }

    fn try_commit(&self) -> Result<(), TalkError> {
        message::say(&self.link, &Message::Commit, &[])?;
        match self.hear()? {
            FromNew::Committed => Ok(()),
            _ => Err(TalkError::unexpected()),
        }
    }

    fn hear(&self) -> Result<FromNew, TalkError> {
        message::hear(&self.link).map(|(message, _)| message)
    }

    /// Ends the new process, and says why there is no upgrade.
    fn reason(&mut self, error: TalkError) -> UpgradeError {
        let has_closed = matches!(error, TalkError::Link(LinkError::Closed));
        match self.process.end(has_closed) {
            Some(status) if has_closed => UpgradeError::Ended(status),
            _ => UpgradeError::Talk(error),
        }
    }
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "the new process can't be started: {error}"),
            Self::Ended(status) => {
                write!(f, "the new process has ended ({status}); its last lines in the log say why")
            }
            Self::Talk(error) => write!(f, "the new process can't take over: {error}"),
            Self::Own(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for UpgradeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) => Some(error),
            Self::Talk(error) => Some(error),
            Self::Ended(_) | Self::Own(_) => None,
        }
    }
}
