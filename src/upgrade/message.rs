//! What the old and the new process say to each other. A message is JSON, with descriptors beside it; each is answered before the next.

use std::ops::RangeInclusive;
use std::os::fd::{BorrowedFd, OwnedFd};

use onlookers_handover::{Link, LinkError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::nodes::Staying;

/// The formats of [`State`](super::state::State) and of the records of connections that this version reads. The last of them is the one that it writes. A
/// version that changes what a field means, or needs a new one, adds a number, and goes on to read the one before.
pub(super) const FORMATS: RangeInclusive<u32> = 1..=1;

/// What the new process says.
#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromNew {
    /// First of all.
    Hello {
        /// The formats that it reads.
        formats: RangeInclusive<u32>,
        /// Of the program, for the log.
        version: String,
    },
    /// It can serve: nothing is missing but what it is to take over.
    Ready,
    /// It has the state, or a batch of connections, with so many that it can't take.
    Taken {
        /// How many connections of the batch are closed at the end.
        lost: usize,
    },
    /// From now on the connections are its own.
    Committed,
    /// The other nodes have been told what it counts. The old process says so, too.
    Told,
    /// The old process says what stays there.
    Staying(Staying),
    /// Over the socket beside, the two count together. Each newer process offers another one.
    Count,
}

/// What the old process says.
#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromOld<S, R> {
    /// The answer to Hello, with the listening sockets.
    Begin {
        /// The format of what comes later; none if the two have none in common: then nothing comes.
        format: Option<u32>,
        /// What each socket was opened for.
        sockets: Vec<String>,
    },
    /// What isn't a connection's.
    State(S),
    /// The link to the keeper, and the memory that it keeps, both beside: with `--keep`.
    Keeper,
    /// Connections, with their sockets in the same order.
    Connections(Vec<R>),
    /// All is given away; the new process is to go on.
    Commit,
}

/// Why the two can't go on.
#[derive(Debug)]
pub(crate) enum TalkError {
    Link(LinkError),
    /// What the other one says isn't what it should say now.
    Misunderstood(String),
}

/// Sends a message, with descriptors.
///
/// # Errors
/// [`TalkError`].
pub(super) fn say(
    link: &Link,
    message: &impl Serialize,
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), TalkError> {
    let bytes = serde_json::to_vec(message).map_err(|error| TalkError::Misunderstood(error.to_string()))?;
    link.send(&bytes, descriptors).map_err(TalkError::Link)
}

/// Receives a message, with its descriptors.
///
/// # Errors
/// [`TalkError`].
pub(super) fn hear<M: DeserializeOwned>(link: &Link) -> Result<(M, Vec<OwnedFd>), TalkError> {
    let message = link.receive().map_err(TalkError::Link)?;
    let heard = serde_json::from_slice(&message.bytes);
    let heard = heard.map_err(|error| TalkError::Misunderstood(error.to_string()))?;
    Ok((heard, message.descriptors))
}

impl TalkError {
    /// Something else was to be said now.
    pub(super) fn unexpected() -> Self {
        Self::Misunderstood("it is no answer to what was said before".to_owned())
    }
}

impl std::fmt::Display for TalkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Link(error) => error.fmt(f),
            Self::Misunderstood(why) => write!(f, "it says something that isn't understood: {why}"),
        }
    }
}

impl std::error::Error for TalkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Link(error) => Some(error),
            Self::Misunderstood(_) => None,
        }
    }
}
