//! What the keeper holds for the next server.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use onlookers_handover::{Link, MAX_DESCRIPTORS};

use super::message::{FromKeeper, FromServer, say_in_time};
use crate::upgrade::message::{TalkError, say};

/// What the next server gets if this one dies.
#[derive(Debug, Default)]
pub(super) struct Kept {
    listening: Vec<(String, OwnedFd)>,
    is_served: bool,
    memory: Option<OwnedFd>,
    /// By the numbers of their records in the memory.
    sockets: HashMap<u32, OwnedFd>,
    state: Option<String>,
}

impl Kept {
    /// For the first server: the sockets that systemd has passed.
    pub(super) fn new(listening: Vec<(String, OwnedFd)>) -> Self {
        Self { listening, ..Self::default() }
    }

    /// Whether a server has ever served.
    pub(super) fn is_served(&self) -> bool {
        self.is_served
    }

    /// Notes what the server says; anything else isn't for here.
    pub(super) fn note(&mut self, message: FromServer, descriptors: Vec<OwnedFd>) {
        match message {
            FromServer::Listening(names) => {
                self.listening = names.into_iter().zip(descriptors).collect();
                self.is_served = true;
            }
            FromServer::Memory => {
                // Numbers of records in another memory mean something else.
                self.sockets.clear();
                self.memory = descriptors.into_iter().next();
            }
            FromServer::Keep(records) => self.sockets.extend(records.into_iter().zip(descriptors)),
            FromServer::Release(records) => {
                for record in records {
                    self.sockets.remove(&record);
                }
                self.shrink();
            }
            FromServer::State(state) => self.state = Some(state),
            FromServer::Link | FromServer::Sync | FromServer::Owner(_) | FromServer::Stopped => {}
        }
    }

    fn shrink(&mut self) {
        if self.sockets.capacity() > 4 * self.sockets.len().max(256) {
            self.sockets.shrink_to_fit();
        }
    }

    /// Gives duplicates of everything to a server that has just begun.
    ///
    /// # Errors
    /// [`TalkError`].
    pub(super) fn give(&self, link: &Link) -> Result<(), TalkError> {
        let (names, sockets): (Vec<_>, Vec<_>) =
            self.listening.iter().map(|(name, socket)| (name.clone(), socket.as_fd())).unzip();
        if !names.is_empty() {
            say_in_time(link, &FromKeeper::Listening(names), &sockets)?;
        }
        if let Some(memory) = &self.memory {
            say(link, &FromKeeper::Memory, &[memory.as_fd()])?;
        }
        if let Some(state) = &self.state {
            say(link, &FromKeeper::State(state.clone()), &[])?;
        }
        let sockets: Vec<(u32, BorrowedFd<'_>)> =
            self.sockets.iter().map(|(record, socket)| (*record, socket.as_fd())).collect();
        for batch in sockets.chunks(MAX_DESCRIPTORS) {
            let (records, sockets): (Vec<_>, Vec<_>) = batch.iter().copied().unzip();
            say_in_time(link, &FromKeeper::Kept(records), &sockets)?;
        }
        say(link, &FromKeeper::Go, &[])
    }
}
