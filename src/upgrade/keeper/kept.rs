//! What the keeper holds for the next server.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use onlookers_handover::{Link, MAX_DESCRIPTORS, Message};
use serde::{Deserialize, Serialize};

use super::message::{FromKeeper, FromServer, say_in_time};
use super::server::TO_SAY;
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

/// The same, with the descriptors apart: first those that listen, then that of the memory, then the others.
#[derive(Serialize, Deserialize)]
pub(super) struct Names {
    listening: Vec<String>,
    is_served: bool,
    has_memory: bool,
    sockets: Vec<u32>,
    state: Option<String>,
}

impl Kept {
    /// For the first server: the sockets that systemd has passed.
    pub(super) fn new(listening: Vec<(String, OwnedFd)>) -> Self {
        Self { listening, ..Self::default() }
    }

    /// Of a keeper that begins while a server serves, which tells it the rest.
    pub(super) fn of_running() -> Self {
        Self { is_served: true, ..Self::default() }
    }

    /// What a keeper before this one has held.
    pub(super) fn from_names(names: Names, mut descriptors: impl Iterator<Item = OwnedFd>) -> Self {
        let listening = names.listening.into_iter().zip(descriptors.by_ref()).collect();
        let memory = if names.has_memory { descriptors.next() } else { None };
        let sockets = names.sockets.into_iter().zip(descriptors).collect();
        Self { listening, is_served: names.is_served, memory, sockets, state: names.state }
    }

    /// What the next keeper needs.
    pub(super) fn names(&self) -> (Names, impl Iterator<Item = BorrowedFd<'_>>) {
        let (sockets, connections): (Vec<u32>, Vec<&OwnedFd>) = self.sockets.iter().unzip();
        let names = Names {
            listening: self.listening.iter().map(|(name, _)| name.clone()).collect(),
            is_served: self.is_served,
            has_memory: self.memory.is_some(),
            sockets,
            state: self.state.clone(),
        };
        let listening = self.listening.iter().map(|(_, socket)| socket);
        (names, listening.chain(&self.memory).chain(connections).map(AsFd::as_fd))
    }

    /// The server ends in order: what still tries to connect is refused once that has closed its sockets, too.
    pub(super) fn stop_listening(&mut self) {
        self.listening.clear();
    }

    /// Whether a server has ever served.
    pub(super) fn is_served(&self) -> bool {
        self.is_served
    }

    /// Notes what the server says; anything else isn't for here.
    pub(super) fn note(&mut self, message: FromServer, Message { descriptors, .. }: Message) {
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
            FromServer::Link(_)
            | FromServer::Sync
            | FromServer::Owner(_)
            | FromServer::Renew(_)
            | FromServer::Stopped => {}
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
            say_in_time(link, TO_SAY, &FromKeeper::Listening(names), &sockets)?;
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
            say_in_time(link, TO_SAY, &FromKeeper::Kept(records), &sockets)?;
        }
        say(link, &FromKeeper::Go, &[])
    }
}
