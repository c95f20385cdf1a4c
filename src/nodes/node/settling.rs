//! Waiting until all is told and known, so that counts that are shown from then on neither rise nor fall by what was not known yet.

use std::collections::HashSet;
use std::time::Duration;

use onlookers_rooms::RoomName;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Node;
use crate::nodes::asked::Asked;
use crate::nodes::store::{Store, StoreError};

/// How long nothing is read because everything will be.
const MOMENT: Duration = Duration::from_secs(1);

/// Somebody waits for it.
pub(in crate::nodes) type Waiting = oneshot::Sender<()>;

/// How far it is, for those who wait. A node that begins tells everything by itself: the other nodes may wait for that.
pub(super) struct Settling {
    waiting: Vec<Waiting>,
    phase: Phase,
    since: Instant,
}

enum Phase {
    Idle,
    /// Everything is told, in batches that begin from now on. Perhaps the last one is on its way.
    Telling {
        is_last: bool,
    },
    /// The other nodes have to tell everything, too.
    Waiting,
    /// The leases are read once more, by a renewal that begins from now on.
    Renewing {
        has_begun: bool,
    },
    /// What the others count is read once more.
    Reading {
        rooms: HashSet<RoomName>,
        ranking: Ranking,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ranking {
    Due,
    Asked,
    Known,
}

impl Settling {
    pub(super) fn new() -> Self {
        Self { waiting: Vec::new(), phase: Phase::Telling { is_last: false }, since: Instant::now() }
    }

    fn restart(&mut self) {
        (self.phase, self.since) = (Phase::Telling { is_last: false }, Instant::now());
    }

    /// Whether everything will be read in a moment anyway.
    pub(super) fn will_read(&self, now: Instant) -> bool {
        let is_before = matches!(self.phase, Phase::Telling { .. } | Phase::Waiting | Phase::Renewing { .. });
        is_before && !self.waiting.is_empty() && now < self.since + MOMENT
    }

    /// A batch has begun, perhaps with all that there was to tell.
    pub(super) fn telling(&mut self, is_all: bool) {
        if let Phase::Telling { is_last } = &mut self.phase {
            *is_last = is_all;
        }
    }

    /// The batch that has begun last has been told.
    pub(super) fn told(&mut self) {
        if let Phase::Telling { is_last: true } = self.phase {
            self.phase = Phase::Waiting;
        }
    }

    /// It was not.
    pub(super) fn not_told(&mut self) {
        self.telling(false);
    }

    /// The leases are being renewed.
    pub(super) fn renewing(&mut self) {
        if let Phase::Renewing { has_begun } = &mut self.phase {
            *has_begun = true;
        }
    }

    /// The rankings are being read.
    pub(super) fn ranking(&mut self) {
        self.change_ranking(Ranking::Due, Ranking::Asked);
    }

    /// The rankings have been read.
    pub(super) fn ranked(&mut self) {
        self.change_ranking(Ranking::Asked, Ranking::Known);
    }

    fn change_ranking(&mut self, from: Ranking, to: Ranking) {
        if let Phase::Reading { ranking, .. } = &mut self.phase
            && *ranking == from
        {
            *ranking = to;
        }
    }

    fn end(&mut self) {
        self.phase = Phase::Idle;
        // One that doesn't wait any more needs no answer.
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(());
        }
    }
}

impl<S: Store> Node<S> {
    /// Tells `waiting` when everything is told and known that there is to tell and know now.
    pub(super) fn settle(&mut self, waiting: Waiting) {
        self.settling.waiting.push(waiting);
        self.settling.restart();
        if !self.is_doubtful {
            self.publish_at = Some(Instant::now());
        }
    }

    /// Asks the store to say when all nodes have told everything, once this one has.
    pub(super) fn ask_for_all(&mut self, asked: &mut Asked) {
        if let Phase::Waiting = self.settling.phase
            && asked.told_all.is_none()
        {
            let id = self.id;
            asked.told_all.ask(&self.store, move |store| async move { store.told_all(id).await });
        }
        if asked.answer.is_none() {
            self.look_for_end();
        }
    }

    pub(super) fn all_have_told(&mut self, told: Result<(), StoreError>) {
        let Phase::Waiting = self.settling.phase else { return };
        match told {
            Ok(()) if self.settling.waiting.is_empty() => self.settling.end(),
            Ok(()) => {
                self.settling.phase = Phase::Renewing { has_begun: false };
                self.renew_at = Instant::now();
            }
            Err(error) => {
                // There is nobody to wait for any more.
                self.settling.end();
                self.complain(&error);
            }
        }
    }

    /// The leases have been read.
    pub(super) fn read_once_more(&mut self) {
        let Phase::Renewing { has_begun: true } = self.settling.phase else { return };
        let is_ranked = self.rankings.hurry(&self.rooms, Instant::now());
        let ranking = if is_ranked { Ranking::Due } else { Ranking::Known };
        self.follower.read_all(&self.leases);
        self.settling.phase = Phase::Reading { rooms: self.follower.rooms().cloned().collect(), ranking };
    }

    /// Whether all is known now.
    pub(super) fn look_for_end(&mut self) {
        let Phase::Reading { rooms, ranking } = &mut self.settling.phase else { return };
        rooms.retain(|room| !self.follower.is_current(room));
        if rooms.is_empty() && *ranking == Ranking::Known {
            self.settling.end();
        }
    }
}
