//! The table of the open connections, and which of them are closed first.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::{ClientNetwork, Phase};

/// How many there may be at the moment.
#[derive(Clone, Copy)]
pub(super) struct Allowed {
    pub(super) total: usize,
    pub(super) of_client: usize,
}

/// The order of accepting.
pub(super) type Id = u64;

/// By how much an answer that waits is closed later: it may wait to be painted.
const ANSWER_BONUS: Duration = Duration::from_secs(1);

/// The order of closing: the one that has waited longest is closed first, whatever it waits for. A newcomer has waited least,
/// so that neither idle connections nor unfinished heads nor answers that nobody reads keep it out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Turn {
    since: Duration,
    number: u64,
}

impl Turn {
    /// Before all others.
    const FIRST: Self = Self { since: Duration::ZERO, number: 0 };
}

/// A connection that waits, and its task.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) phase: Phase,
    turn: Turn,
    pub(super) waker: Waker,
}

/// Ordered maps only, which give their memory back when a burst is over.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) open: BTreeMap<Id, Open>,
    /// How many of them several clients share.
    pub(super) shared: usize,
    /// How many of them each client has.
    pub(super) clients: BTreeMap<ClientNetwork, usize>,
    /// Connections that wait for something, and so can be closed.
    pub(super) waiting: BTreeMap<Turn, Id>,
    /// The same connections by client, if they have one.
    pub(super) waiting_of: BTreeMap<(ClientNetwork, Turn), Id>,
    /// The most connections that there have been at a time, viewers included, and how many of these here have ended, since
    /// memory was given back.
    pub(super) peak: usize,
    pub(super) gone: usize,
    /// How many were told to close and haven't yet.
    pub(super) closing: usize,
    /// How many were told to close in all.
    pub(super) closed: u64,
    /// When the first one waited.
    started: Option<Instant>,
    /// The number of the next turn, and of the next connection.
    next: u64,
}

#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) client: Option<ClientNetwork>,
    is_shared: bool,
    pub(super) waiting: Option<Waiting>,
}

impl State {
    pub(super) fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Lets a connection wait in another phase than before. The result is a waker that isn't needed any more.
    pub(super) fn wait(&mut self, id: Id, phase: Phase, waker: &Waker) -> Option<Waker> {
        let (number, now) = (self.next(), Instant::now());
        let since = now - *self.started.get_or_insert(now);
        let open = self.open.get_mut(&id)?;
        let bonus = if phase == Phase::Answer { ANSWER_BONUS } else { Duration::ZERO };
        let turn = Turn { since: since + bonus, number };
        let before = open.waiting.replace(Waiting { phase, turn, waker: waker.clone() });
        let client = open.client;
        self.move_turn(id, client, before.as_ref().map(|before| before.turn), Some(turn));
        before.map(|before| before.waker)
    }

    /// The connection waits for nothing. The result is a waker that isn't needed any more.
    pub(super) fn rest(&mut self, id: Id) -> Option<Waker> {
        let open = self.open.get_mut(&id)?;
        let (client, waiting) = (open.client, open.waiting.take()?);
        self.move_turn(id, client, Some(waiting.turn), None);
        Some(waiting.waker)
    }

    /// Lets several clients share a connection.
    pub(super) fn share(&mut self, id: Id) {
        let Some(open) = self.open.get_mut(&id) else { return };
        self.shared += usize::from(!mem::replace(&mut open.is_shared, true));
    }

    /// Makes `client` the one that a connection is charged to.
    pub(super) fn charge(&mut self, id: Id, client: Option<ClientNetwork>) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let before = mem::replace(&mut open.client, client);
        if before == client {
            return;
        }
        let turn = open.waiting.as_ref().map(|waiting| waiting.turn);
        self.move_turn(id, before, turn, None);
        self.move_turn(id, client, None, turn);
        self.release(before);
        if let Some(client) = client {
            *self.clients.entry(client).or_default() += 1;
        }
    }

    /// Closes one connection of a client that has too many, and one if there are too many in all, as far as one waits. Others
    /// are closed when they wait themselves. The result is to be woken.
    pub(super) fn close_excess(
        &mut self,
        client: Option<ClientNetwork>,
        allowed: Allowed,
    ) -> [Option<Waker>; 2] {
        let of_client =
            client.filter(|client| self.clients.get(client).is_some_and(|held| *held > allowed.of_client));
        let own = of_client.and_then(|client| self.close_one_of(client));
        let oldest = if self.open.len() + self.shared > allowed.total { self.close_one() } else { None };
        [own, oldest]
    }

    fn move_turn(&mut self, id: Id, client: Option<ClientNetwork>, from: Option<Turn>, to: Option<Turn>) {
        if let Some(turn) = from {
            self.waiting.remove(&turn);
            client.map(|client| self.waiting_of.remove(&(client, turn)));
        }
        if let Some(turn) = to {
            self.waiting.insert(turn, id);
            client.map(|client| self.waiting_of.insert((client, turn), id));
        }
    }

    fn release(&mut self, client: Option<ClientNetwork>) {
        let Some(client) = client else { return };
        if let Some(held) = self.clients.get_mut(&client) {
            *held -= 1;
            if *held == 0 {
                self.clients.remove(&client);
            }
        }
    }

    pub(super) fn close_one(&mut self) -> Option<Waker> {
        let (_, &id) = self.waiting.first_key_value()?;
        self.close(id)
    }

    fn close_one_of(&mut self, client: ClientNetwork) -> Option<Waker> {
        let (&(owner, _), &id) = self.waiting_of.range((client, Turn::FIRST)..).next()?;
        if owner == client { self.close(id) } else { None }
    }

    fn close(&mut self, id: Id) -> Option<Waker> {
        self.closing += 1;
        self.closed += 1;
        self.remove(id)
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<Waker> {
        let Open { client, is_shared, waiting } = self.open.remove(&id)?;
        self.shared -= usize::from(is_shared);
        self.move_turn(id, client, waiting.as_ref().map(|waiting| waiting.turn), None);
        self.release(client);
        waiting.map(|waiting| waiting.waker)
    }
}
