//! A keeper that goes on with a new version of its program, in the same process: it stays the main process of systemd or of a container,
//! and holds what it has held at each moment.

use std::io;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd};

use onlookers_handover::{Link, Message};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use super::kept::{Kept, Names};
use super::server::{Number, ServerProcess};
use crate::upgrade::process;

/// The formats of [`Left`] that this version reads. The last one is the one that it writes.
pub(super) const FORMATS: RangeInclusive<u32> = 1..=1;

/// What a keeper watches and holds.
pub(super) struct Watched {
    pub(super) kept: Kept,
    /// Those that have not ended.
    pub(super) servers: Vec<ServerProcess>,
    /// Which of them everything belongs to; none before the first has begun to serve.
    pub(super) owner: Option<Number>,
    /// The highest number so far.
    pub(super) newest: Number,
    /// The one whose death made all of this free.
    pub(super) last: Number,
}

/// The same for the next version; the descriptors of the links come first, then those of what is kept.
#[derive(Serialize, Deserialize)]
struct Left {
    format: u32,
    servers: Vec<(Number, Option<i32>)>,
    owner: Option<Number>,
    newest: Number,
    last: Number,
    kept: Names,
}

impl Watched {
    /// Of a keeper that is to start the first server.
    pub(super) fn new(kept: Kept) -> Self {
        Self { kept, servers: Vec::new(), owner: None, newest: 0, last: 0 }
    }

    /// What the version before this one has left; none if there was none.
    ///
    /// # Errors
    /// If it can't be understood.
    pub(super) fn take_left() -> io::Result<Option<Self>> {
        let Some(Message { bytes, descriptors }) = process::left_by_keeper()? else { return Ok(None) };
        let Left { format, servers, owner, newest, last, kept } = serde_json::from_slice(&bytes)?;
        if !FORMATS.contains(&format) {
            return Err(io::Error::other("the keeper before this one was of another version"));
        }
        let mut descriptors = descriptors.into_iter();
        let links = servers.into_iter().zip(descriptors.by_ref());
        let servers = links.map(|((number, pid), link)| {
            ServerProcess::new(number, Link::from(link), pid.and_then(Pid::from_raw))
        });
        let servers = servers.collect::<io::Result<_>>()?;
        Ok(Some(Self { kept: Kept::from_names(kept, descriptors), servers, owner, newest, last }))
    }

    /// Goes on with the program that is there now. Returns only if that fails: all is as before then.
    pub(super) fn renew(&self) -> io::Error {
        let (kept, descriptors) = self.kept.names();
        let pid = |server: &ServerProcess| Some(server.pid?.as_raw_nonzero().get());
        let left = Left {
            format: *FORMATS.end(),
            servers: self.servers.iter().map(|server| (server.number, pid(server))).collect(),
            owner: self.owner,
            newest: self.newest,
            last: self.last,
            kept,
        };
        let links = self.servers.iter().map(|server| server.link.as_fd());
        let descriptors: Vec<BorrowedFd<'_>> = links.chain(descriptors).collect();
        match serde_json::to_vec(&left) {
            Ok(left) => process::replace_keeper(&left, &descriptors),
            Err(error) => error.into(),
        }
    }
}
