//! What a server and its keeper say to each other. A message is JSON, with descriptors beside it.

use std::ops::RangeInclusive;
use std::os::fd::BorrowedFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use onlookers_handover::{Link, LinkError};
use serde::{Deserialize, Serialize};

use crate::upgrade::message::{TalkError, say};

/// How long to wait while the system passes no more descriptors.
const PAUSE: Duration = Duration::from_millis(1);

/// Sends a message; if too many descriptors are on their way, when the other end has received some.
///
/// # Errors
/// [`TalkError`]; also, if it doesn't `within` that time.
pub(super) fn say_in_time(
    link: &Link,
    within: Duration,
    message: &impl Serialize,
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), TalkError> {
    let deadline = Instant::now() + within;
    loop {
        match say(link, message, descriptors) {
            Err(TalkError::Link(LinkError::TooManyInFlight)) if Instant::now() < deadline => sleep(PAUSE),
            result => return result,
        }
    }
}

/// What a server says to its keeper.
#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromServer {
    /// This process, with that number, owns everything from now on.
    Owner(u32),
    /// What each of the sockets beside was opened for. They replace those of before.
    Listening(Vec<String>),
    /// The memory beside has a record of each connection.
    Memory,
    /// The sockets beside are those of the records with these numbers.
    Keep(Vec<u32>),
    /// The records with these numbers are of no use any more.
    Release(Vec<u32>),
    /// What the next server has to know besides. It replaces that of before.
    State(String),
    /// The process with that id is to take over from this one: it needs a link to the keeper.
    Link(u32),
    /// To be answered when everything before it is noted.
    Sync,
    /// The program has been upgraded: the keeper goes on with the one that is there now, which reads these formats of what it leaves.
    Renew(RangeInclusive<u32>),
    /// This process ends in order. There is to be no other.
    Stopped,
}

/// What a keeper says to a server. The first four are of the server before, if there was one.
#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromKeeper {
    /// As above.
    Listening(Vec<String>),
    /// As above.
    Memory,
    /// As above.
    State(String),
    /// The sockets beside are those of the records with these numbers.
    Kept(Vec<u32>),
    /// That was all.
    Go,
    /// The link that was asked for is beside.
    Link,
    /// Everything before is noted.
    Synced,
}
