//! The task of this node: it publishes what has changed here, renews its leases, and follows the others.

use std::sync::Arc;
use std::time::Duration;

use onlookers_rooms::{Keys, Rooms};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::asked::{Asked, Event};
use super::follower::Follower;
use super::leases::{LeaseTable, Timing};
use super::pace::Pace;
use super::publisher::Publisher;
use super::rankings::RankingReader;
use super::requested::Requested;
use super::store::{Hint, NodeId, PARTITIONS, Partition, Store};
use super::totals::OtherTotals;
use settling::Settling;
pub(super) use settling::Waiting;

mod events;
mod questions;
mod settling;

/// How many visitors one batch has, unless one room has more.
const BATCH_VISITORS: u64 = 50_000;

/// How many bytes of what is said about rooms.
const BATCH_POSTS: usize = 256 * 1024;

/// How many hints are taken before anything else is looked at.
const HINTS_AT_ONCE: usize = 256;

/// How soon a node that was heard but isn't known is looked for.
const LOOK: Duration = Duration::from_millis(200);

/// How long the store may take at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// One node of many.
pub(super) struct Node<S> {
    id: NodeId,
    store: Arc<S>,
    rooms: Arc<Rooms>,
    requested: Arc<Requested>,
    keys: Arc<Keys>,
    leases: LeaseTable,
    totals: OtherTotals,
    follower: Follower,
    publisher: Publisher,
    rankings: RankingReader,
    pace: Pace,
    /// How many rooms' changes are being published.
    batch: usize,
    /// A dead node, of which the store is to be cleared in a partition, and how often its lease was renewed.
    dead: Option<(Partition, NodeId, u64)>,
    publish_at: Option<Instant>,
    published_at: Instant,
    renew_at: Instant,
    /// When the store may be asked for a key.
    key_at: Instant,
    /// Whether the store has gone back to an older state, and may have rooms of this node that it counts nobody in any more.
    is_rolled_back: bool,
    /// When the store may be asked for those.
    own_at: Instant,
    /// How often the leases were asked to be renewed since the store answered last.
    unanswered: u64,
    /// How often the lease of each partition was renewed, as the store has said last.
    renewals: Vec<u64>,
    /// Whether the store may not have all that was published. Nothing is published then until a lease is renewed.
    is_doubtful: bool,
    /// Whether the log says that the store fails.
    is_alone: bool,
    /// Whether hints may have been missed since the leases were read last.
    has_missed: bool,
    settling: Settling,
    /// Whether visitors are told apart by the key that all nodes have.
    is_ready: watch::Sender<bool>,
    #[cfg(test)]
    held: Arc<Held>,
}

/// How a node stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    Not,
    Leave,
    /// Another process goes on under its lease.
    HandOver,
}

/// More changes than any node publishes: at the fastest pace it would take years. Counts must never have a version that others have seen.
const MOST_CHANGES: u64 = 1 << 44;

/// The place of a node among the others, which a process can take over from another.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Lease {
    pub(super) id: NodeId,
    /// Of the newest counts that were published under it.
    pub(super) version: u64,
}

impl Lease {
    /// That of a node which nobody has been before.
    pub(super) fn new() -> Self {
        Self { id: NodeId::random(), version: 0 }
    }

    /// The same for a process that goes on as the node after the process which began with this one has died. It
    /// isn't known what that has published since.
    pub(crate) fn after_death(&self) -> Self {
        Self { id: self.id, version: self.version.saturating_add(MOST_CHANGES) }
    }
}

/// How much a node remembers, for tests.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Held(onlookers_rooms::sync::Mutex<(usize, usize)>);

impl<S: Store> Node<S> {
    /// `is_ready` becomes true when the store has been heard for the first time.
    pub(super) fn new(
        (id, timing): (NodeId, Timing),
        store: Arc<S>,
        rooms: Arc<Rooms>,
        requested: Arc<Requested>,
        keys: Arc<Keys>,
        is_ready: watch::Sender<bool>,
    ) -> Self {
        let now = Instant::now();
        Self {
            id,
            leases: LeaseTable::new(timing),
            totals: OtherTotals::new(Arc::clone(&rooms)),
            follower: Follower::new(Arc::clone(&rooms), Arc::clone(&requested)),
            publisher: Publisher::new(Arc::clone(&rooms)),
            rankings: RankingReader::new(),
            pace: store.pace(),
            store,
            batch: 0,
            rooms,
            requested,
            keys,
            dead: None,
            publish_at: None,
            published_at: now,
            renew_at: now,
            key_at: now,
            is_rolled_back: false,
            own_at: now,
            unanswered: 0,
            renewals: vec![0; usize::from(PARTITIONS)],
            is_doubtful: true,
            is_alone: false,
            has_missed: false,
            settling: Settling::new(),
            is_ready,
            #[cfg(test)]
            held: Arc::default(),
        }
    }

    /// Goes on under the lease of a node that has handed it over. What the store has of that node which isn't true any more is taken
    /// back.
    pub(super) fn under(mut self, lease: &Lease) -> Self {
        self.id = lease.id;
        self.publisher.go_on(lease.version);
        self.is_rolled_back = true;
        self
    }

    /// Runs until it is told to stop, and then takes back what it has published, unless another node goes on under the lease, which
    /// it returns. `changed` is notified when the rooms have something to tell; each of `settle` is told when all is told and known.
    pub(super) async fn run(
        mut self,
        mut hints: Receiver<Hint>,
        changed: Arc<Notify>,
        mut settle: Receiver<Waiting>,
        mut stop: watch::Receiver<Stop>,
    ) -> Lease {
        let mut asked = Asked::new(&self.requested.figures);
        loop {
            self.ask(&mut asked);
            #[cfg(test)]
            self.note_held();
            let wakeup = self.wakeup(&asked);
            let event = tokio::select! {
                biased;
                // It has been told to, or nobody can tell it any more.
                _ = stop.wait_for(|stop| *stop != Stop::Not) => break,
                event = asked.next() => event,
                () = changed.notified() => Event::Changed,
                Some(waiting) = settle.recv() => Event::Settle(waiting),
                Some(hint) = hints.recv() => Event::Heard(hint),
                () = sleep_until(wakeup) => Event::Due,
            };
            self.thaw(wakeup);
            self.handle(event);
            self.hear_more(&mut hints);
            self.expire(&asked);
        }
        if *stop.borrow() == Stop::HandOver {
            // Or it might come after what the next one tells.
            if !asked.publication.is_none() {
                let _ = timeout(LAST_WORDS, asked.publication.answered()).await;
            }
            let _ = timeout(LAST_WORDS, self.store.stay(self.id)).await;
        } else {
            self.leave().await;
        }
        Lease { id: self.id, version: self.publisher.version() }
    }

    async fn leave(&self) {
        let left = timeout(LAST_WORDS, self.store.leave(self.id)).await;
        if !matches!(left, Ok(Ok(()))) {
            tracing::warn!(
                "the store doesn't know that this node has stopped; the others find out within ten seconds"
            );
        }
    }

    /// Takes hints that have come already: a look at everything else for each of them would cost more than they do.
    fn hear_more(&mut self, hints: &mut Receiver<Hint>) {
        for _ in 0..HINTS_AT_ONCE {
            let Ok(hint) = hints.try_recv() else { return };
            self.handle(Event::Heard(hint));
        }
    }

    /// When something is due.
    fn wakeup(&self, asked: &Asked) -> Instant {
        let publication = self.publish_at.filter(|_| asked.publication.is_none());
        let renewal = asked.renewal.is_none().then_some(self.renew_at);
        let ranking = self.rankings.at.filter(|_| asked.ranking.is_none() && !self.is_alone);
        let end = self.leases.next_end().filter(|_| asked.renewal.is_none());
        let due = [publication, renewal, ranking, end];
        due.into_iter().flatten().min().unwrap_or_else(|| Instant::now() + self.leases.timing().renewal)
    }

    /// Leases that have not been seen to be renewed end, but not before an answer that is on its way: it may take long to come
    /// where very many hints come before it.
    fn expire(&mut self, asked: &Asked) {
        if !asked.renewal.is_none() {
            return;
        }
        let expired = self.leases.expire(Instant::now());
        if !expired.is_empty() {
            self.leases_changed();
        }
        self.follower.forget(&expired);
    }

    fn leases_changed(&self) {
        self.requested.figures.note_leases(&self.leases);
        self.totals.add_up(&self.leases);
    }

    /// If this task ran too late, the process was frozen, or the machine, or there was too much to do; and the others' leases weren't
    /// seen meanwhile.
    fn thaw(&mut self, wakeup: Instant) {
        let late = Instant::now().saturating_duration_since(wakeup);
        if late > self.leases.timing().renewal / 4 {
            self.leases.skip(late);
            self.renew_at = Instant::now();
        }
    }
}

#[cfg(test)]
impl<S> Node<S> {
    pub(super) fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held)
    }

    fn note_held(&self) {
        *self.held.0.lock() = (self.follower.held() + self.publisher.held(), self.leases.held());
    }
}

#[cfg(test)]
impl Held {
    /// Of rooms, and leases.
    pub(super) fn all(&self) -> (usize, usize) {
        *self.0.lock()
    }
}
