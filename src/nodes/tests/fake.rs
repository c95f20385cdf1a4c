//! A store in memory, and each node's connection to it, with faults.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use onlookers_rooms::sync::Mutex;
use onlookers_rooms::{Counts, Post, Presence, PresentId, RoomName, Site};
use tokio::sync::mpsc::{self, Receiver, UnboundedSender};
use tokio::time::{Instant, sleep, sleep_until};

use super::random::Random;
use crate::nodes::leases::Timing;
use crate::nodes::store::{
    Change, Found, Hint, Leases, NodeId, PageTabs, Partition, RoomCounts, Store, StoreError, Stored,
    VisitorHash, Wanted,
};

mod state;

/// How long a call waits for an answer that doesn't come.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How long it takes until a node hears what it has missed after its connection has failed over a subscription.
const RECONNECT: Duration = Duration::from_millis(200);

/// The store that all nodes of a test share.
#[derive(Default)]
pub(super) struct Server(Mutex<State>);

#[derive(Default)]
pub(super) struct State {
    pub(super) leases: HashMap<(Partition, NodeId), u64>,
    totals: HashMap<NodeId, Counts>,
    pub(super) rooms: HashMap<(NodeId, RoomName), Room>,
    /// What a replica has that will become the master.
    replica: Option<Replica>,
    days: HashMap<u64, [u8; 16]>,
    links: HashMap<NodeId, Link>,
    /// Whether writing fails.
    pub(super) is_full: bool,
    /// Of 1,000 calls, so many fail.
    pub(super) failures: u64,
    /// What becomes of the next calls of a kind.
    pub(super) planned: Vec<(Call, Fate)>,
    pub(super) random: Random,
    /// How often each node has made each call in the last second.
    calls: HashMap<(NodeId, Call), VecDeque<Instant>>,
    /// How many calls there were of each kind.
    pub(super) made: HashMap<Call, u64>,
    /// When each node's leases were renewed last, and since when again and again.
    pub(super) renewed: HashMap<NodeId, (Instant, Instant)>,
}

/// Leases, totals and rooms as they were.
type Replica =
    (HashMap<(Partition, NodeId), u64>, HashMap<NodeId, Counts>, HashMap<(NodeId, RoomName), Room>);

/// What a node has written of a room.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    counts: RoomCounts,
    visitors: BTreeSet<VisitorHash>,
    present: BTreeMap<PresentId, Presence>,
}

/// The connection of one node.
struct Link {
    hints: UnboundedSender<(Instant, Hint)>,
    listening: HashSet<RoomName>,
    is_cut: bool,
    /// Whether its hints are lost.
    is_deaf: bool,
    delay: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Call {
    Renew,
    Publish,
    Read,
    Listen,
    Unlisten,
    Leave,
    Reap,
    Key,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Works,
    FailsBefore,
    FailsAfter,
    HangsBefore,
    HangsAfter,
}

/// The store, as one node reaches it.
pub(super) struct Fake {
    server: Arc<Server>,
    node: NodeId,
}

impl Server {
    pub(super) fn connect(self: &Arc<Self>, node: NodeId) -> (Fake, Receiver<Hint>) {
        let (sender, receiver) = mpsc::channel(16_384);
        let (hints, mut sent) = mpsc::unbounded_channel::<(Instant, Hint)>();
        tokio::spawn(async move {
            while let Some((at, hint)) = sent.recv().await {
                sleep_until(at).await;
                if sender.send(hint).await.is_err() {
                    return;
                }
            }
        });
        let delay = Duration::from_millis(2);
        let link = Link { hints, listening: HashSet::new(), is_cut: false, is_deaf: false, delay };
        self.change(|state| state.links.insert(node, link));
        (Fake { server: Arc::clone(self), node }, receiver)
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock())
    }
}

impl Room {
    fn stored(&self) -> Stored {
        let present = self.present.iter().map(|(id, presence)| (*id, presence.clone())).collect();
        Stored { counts: self.counts, visitors: self.visitors.iter().copied().collect(), present }
    }
}

impl Link {
    fn tell(&self, delay: Duration, hint: Hint) {
        if !self.is_cut && !self.is_deaf || hint == Hint::Missed {
            let _is_gone = self.hints.send((Instant::now() + delay, hint));
        }
    }
}

impl Fake {
    async fn call<T>(&self, call: Call, effect: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        let failed = || Err(StoreError(format!("{call:?} fails")));
        let (fate, latency) = self.server.change(|state| state.begin(self.node, call));
        if self.server.change(|state| state.is_cut(self.node)) {
            return failed();
        }
        sleep(latency).await;
        match fate {
            Fate::FailsBefore => return failed(),
            Fate::HangsBefore => {
                sleep(TIMEOUT).await;
                return failed();
            }
            Fate::Works | Fate::FailsAfter | Fate::HangsAfter => {}
        }
        let is_refused = |state: &State| state.refuses(self.node, call);
        let Some(done) = self.server.change(|state| (!is_refused(state)).then(|| effect(state))) else {
            return failed();
        };
        sleep(if fate == Fate::HangsAfter { TIMEOUT } else { latency }).await;
        let is_lost = fate != Fate::Works || self.server.change(|state| state.is_cut(self.node));
        if is_lost { failed() } else { Ok(done) }
    }
}

impl Store for Fake {
    async fn renew(&self, node: NodeId, total: Counts) -> Vec<Result<Leases, StoreError>> {
        let leases = match self.call(Call::Renew, |state| state.renew(node, total)).await {
            Ok(leases) => leases,
            Err(StoreError(error)) => {
                return Partition::all().map(|_| Err(StoreError(error.clone()))).collect();
            }
        };
        let now = Instant::now();
        self.server.change(|state| {
            let (last, since) = state.renewed.entry(node).or_insert((now, now));
            *since = if now > *last + 2 * Timing::USUAL.renewal { now } else { *since };
            *last = now;
        });
        leases.into_iter().map(Ok).collect()
    }

    async fn publish(
        &self,
        node: NodeId,
        changes: &[Change],
        posts: &[(RoomName, Post)],
    ) -> Result<(), StoreError> {
        let publish = |state: &mut State| {
            changes.iter().for_each(|change| state.publish(node, change));
            posts.iter().for_each(|(room, post)| state.say(node, room, post));
        };
        self.call(Call::Publish, publish).await
    }

    async fn read(&self, wanted: &[Wanted]) -> Result<Vec<Found>, StoreError> {
        let one = |state: &State, wanted: &Wanted| {
            let room = state.rooms.get(&(wanted.node, wanted.room.clone()))?;
            let is_known = wanted.known > 0 && room.counts.version == wanted.known;
            Some(if is_known { Stored { counts: room.counts, ..Stored::default() } } else { room.stored() })
        };
        self.call(Call::Read, |state| wanted.iter().map(|wanted| one(state, wanted)).collect()).await
    }

    async fn read_pages(&self, wanted: &[(NodeId, Site)]) -> Result<Vec<PageTabs>, StoreError> {
        let pages = |state: &State, (node, site): &(NodeId, Site)| {
            let rooms = state.rooms.iter().filter(|((of, room), _)| of == node && room.of_site() == site);
            rooms.filter_map(|((_, room), of)| Some((room.as_page()?.clone(), of.counts.tabs))).collect()
        };
        self.call(Call::Read, |state| wanted.iter().map(|wanted| pages(state, wanted)).collect()).await
    }

    async fn read_sites(&self, node: NodeId) -> Result<Vec<Site>, StoreError> {
        let sites = |state: &mut State| {
            let rooms = state.rooms.keys().filter(|(of, _)| *of == node);
            rooms.map(|(_, room)| room.of_site().clone()).collect::<HashSet<_>>().into_iter().collect()
        };
        self.call(Call::Read, sites).await
    }

    async fn listen(&self, rooms: &[RoomName]) -> Result<(), StoreError> {
        let listening = self.call(Call::Listen, |state| state.listen(self.node, rooms)).await;
        if listening.is_err() {
            self.server.change(|state| {
                state.listen(self.node, rooms);
                if let Some(link) = state.links.get(&self.node).filter(|link| !link.is_cut) {
                    link.tell(RECONNECT, Hint::Missed);
                }
            });
        }
        listening
    }

    async fn unlisten(&self, rooms: &[RoomName]) -> Result<(), StoreError> {
        let unlisten = |state: &mut State| {
            let link = state.links.get_mut(&self.node);
            link.into_iter().for_each(|link| link.listening.retain(|room| !rooms.contains(room)));
        };
        let done = self.call(Call::Unlisten, unlisten).await;
        self.server.change(unlisten);
        done
    }

    async fn leave(&self, node: NodeId) -> Result<(), StoreError> {
        self.call(Call::Leave, |state| state.leave(node)).await
    }

    async fn reap(&self, partition: Partition, node: NodeId, renewals: u64) -> Result<(), StoreError> {
        self.call(Call::Reap, |state| state.reap(partition, node, renewals)).await
    }

    async fn daily_key(&self, day: u64, proposal: [u8; 16]) -> Result<[u8; 16], StoreError> {
        self.call(Call::Key, |state| *state.days.entry(day).or_insert(proposal)).await
    }
}
