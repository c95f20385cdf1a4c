//! The new process' part: it takes everything, and touches nothing of it before the old one has given it away.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use onlookers_handover::{Link, LinkError};

use super::keeper::Keeper;
use super::message::{self, FORMATS, FromNew, FromOld, TalkError};
use super::process;
use super::state::State;
use crate::app::App;
use crate::net::listen::Inherited;
use crate::nodes::Lease;
use crate::transport::{ConnectionRecord, Transfer};

/// How long the old process may take to say something. It says nothing while its connections are taken out of its event loops.
const TO_SAY: Duration = Duration::from_secs(30);

/// How long the system may take to say that the old process has died.
const TO_DIE: Duration = Duration::from_secs(5);

/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// The process that this one takes over from.
pub struct Predecessor {
    link: Link,
    pid: u32,
    inherited: Inherited,
}

/// What was taken over.
#[derive(Default)]
pub(crate) struct Adopted {
    /// To be given to the event loops.
    pub(crate) transfers: Vec<Transfer>,
    pub(crate) state: Option<State>,
    /// With `--keep`.
    pub(crate) keeper: Option<Keeper>,
    /// To the old process, if that is still there, and to those before it.
    pub(crate) links: Vec<Link>,
}

impl Adopted {
    /// Under which the old process has counted together with other nodes.
    pub(crate) fn lease(&self) -> Option<Lease> {
        self.state.as_ref()?.lease.clone()
    }
}

type Message = FromOld<State, ConnectionRecord>;

impl Predecessor {
    /// The process that has started this one for an upgrade, with its listening sockets; none if it wasn't started so.
    ///
    /// # Errors
    /// If that process can't be understood or has died.
    pub fn find() -> io::Result<Option<Self>> {
        let Some((link, pid)) = process::old()? else { return Ok(None) };
        let begun = Self::begin(link, pid);
        begun.map(Some).map_err(|error| io::Error::other(format!("the process before this one: {error}")))
    }

    fn begin(link: Link, pid: u32) -> Result<Self, TalkError> {
        link.set_timeout(Some(TO_SAY)).map_err(|error| TalkError::Link(LinkError::Io(error)))?;
        let hello = FromNew::Hello { formats: FORMATS, version: env!("CARGO_PKG_VERSION").to_owned() };
        message::say(&link, &hello, &[])?;
        let (Message::Begin { sockets, .. }, descriptors) = message::hear(&link)? else {
            return Err(TalkError::unexpected());
        };
        if sockets.len() != descriptors.len() {
            return Err(TalkError::unexpected());
        }
        let inherited = Inherited::new(sockets.into_iter().zip(descriptors).collect());
        Ok(Self { link, pid, inherited })
    }

    /// The listening sockets.
    pub(crate) fn inherited(&mut self) -> &mut Inherited {
        &mut self.inherited
    }

    /// Takes everything over, from when this process is ready. Blocks; needs a tokio runtime.
    ///
    /// # Errors
    /// If the old process has thought better of it: then nothing here is this process', which has to end.
    pub(crate) fn take_over(self, app: &App) -> io::Result<Adopted> {
        let mut adopted = Adopted::default();
        match self.hear_all(app, &mut adopted) {
            Ok(()) => adopted.links.push(self.link),
            // Nobody else has the connections, and nothing was done to them since it gave them. With a keeper, that starts a server which
            // has all of them.
            Err(TalkError::Link(LinkError::Closed))
                if adopted.state.is_some() && adopted.keeper.is_none() && self.has_died() =>
            {
                tracing::warn!("the old process has died: what it has given is taken over");
            }
            Err(error) => return Err(io::Error::other(format!("the process before this one: {error}"))),
        }
        Ok(adopted)
    }

    fn hear_all(&self, app: &App, adopted: &mut Adopted) -> Result<(), TalkError> {
        message::say(&self.link, &FromNew::Ready, &[])?;
        loop {
            let (message, descriptors) = message::hear(&self.link)?;
            let mut lost = 0;
            match message {
                Message::State(state) => {
                    app.keys.restore(&state.keys);
                    adopted.state = Some(state);
                    adopted.links = descriptors.into_iter().map(Link::from).collect();
                }
                Message::Connections(records) if records.len() == descriptors.len() => {
                    for (record, descriptor) in records.into_iter().zip(descriptors) {
                        match Transfer::from_record(record, descriptor, app) {
                            Ok(transfer) => adopted.transfers.push(transfer),
                            Err(error) => {
                                tracing::debug!(%error, "a connection can't be taken over");
                                lost += 1;
                            }
                        }
                    }
                }
                Message::Keeper => {
                    let mut both = descriptors.into_iter();
                    let (Some(link), Some(memory)) = (both.next(), both.next()) else {
                        return Err(TalkError::unexpected());
                    };
                    let keeper = Keeper::of_old(Link::from(link), memory);
                    adopted.keeper = Some(keeper.map_err(|error| TalkError::Link(LinkError::Io(error)))?);
                }
                // From here on, whatever becomes of this process, the old one touches none of them.
                Message::Commit => {
                    adopted.keeper.as_mut().map_or(Ok(()), Keeper::claim)?;
                    return message::say(&self.link, &FromNew::Committed, &[]);
                }
                _ => return Err(TalkError::unexpected()),
            }
            message::say(&self.link, &FromNew::Taken { lost }, &[])?;
        }
    }

    /// Whether the old process is no more, as the end of the link says. Without that, it may go on with its connections.
    fn has_died(&self) -> bool {
        let deadline = Instant::now() + TO_DIE;
        while process::parent_is(self.pid) {
            if Instant::now() > deadline {
                return false;
            }
            sleep(LOOK);
        }
        true
    }
}
