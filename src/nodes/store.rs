//! The store that nodes share, as they use it: leases, counts, and hints of changes.
//!
//! It holds absolute numbers only. Each is written by the one node that counted it, and is true for as long as that node
//! renews its lease. Hints tell of changes at once; a node that has missed one reads again.

use std::fmt;
use std::future::{Future, ready};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::str::FromStr;

use onlookers_rooms::{Counts, Page, Post, Presence, PresentId, RoomName, Site};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::pace::Pace;

/// One run of a node: another after each restart. As text, 16 hexadecimal digits.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct NodeId(pub(crate) u64);

/// A share of the sites, by a hash of their names. What is stored of them stands on one server of a cluster, and every node
/// has a lease in each partition: servers fail one by one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Partition(u8);

/// How many partitions there are. A cluster has at most as many servers of use. Nodes with another number wouldn't find each
/// other's counts, so it never changes.
pub(crate) const PARTITIONS: u8 = 16;

/// What a node counts in a room, without its visitors' hashes.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct RoomCounts {
    /// Higher than that of all counts of this node before.
    pub(crate) version: u64,
    pub(crate) tabs: u64,
    /// Of these, the tabs of visitors who aren't identified: each is another visitor.
    pub(crate) anonymous: u64,
    /// Only hashes of visitors that begin with so many zero bits are stored.
    pub(crate) level: u8,
    pub(crate) peak: Counts,
    /// Of how many who are present more is stored.
    pub(crate) present: u64,
}

/// The keyed hash of a visitor, as nodes exchange it.
pub(crate) type VisitorHash = u64;

/// How the stored visitors of a room change.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Visitors {
    /// These come and these go.
    Change { come: Vec<VisitorHash>, gone: Vec<VisitorHash> },
    /// From now on it is these.
    Replace(Vec<VisitorHash>),
}

/// A change of what a node counts in a room.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub(crate) struct Change {
    pub(crate) room: RoomName,
    /// The version of the counts before, which this changes; 0 if there are none, or it isn't known what the store has.
    pub(crate) previous: u64,
    /// None if the node counts nobody there any more; then its visitors have gone, too.
    pub(crate) counts: Option<RoomCounts>,
    pub(crate) visitors: Visitors,
    /// The presences that have changed, none of one who has gone; with [`Visitors::Replace`] all that there are.
    pub(crate) present: Vec<(PresentId, Option<Presence>)>,
}

impl Change {
    /// The node counts nobody there any more, whatever it has counted before.
    pub(crate) fn gone(room: RoomName) -> Self {
        let visitors = Visitors::Change { come: Vec::new(), gone: Vec::new() };
        Self { room, previous: 0, counts: None, visitors, present: Vec::new() }
    }
}

/// A node's counts in a room, which are to be read.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    pub(crate) node: NodeId,
    pub(crate) room: RoomName,
    /// The version that is known already, 0 if there is none. Of counts that still have it, nothing else is read.
    pub(crate) known: u64,
}

/// What is stored of a node in a room; None if it counts nobody.
pub(crate) type Found = Option<Stored>;

/// What a node counts in a room, as it is stored.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) counts: RoomCounts,
    pub(crate) visitors: Vec<VisitorHash>,
    pub(crate) present: Vec<(PresentId, Presence)>,
}

/// How many tabs a node has open on each page of a site.
pub(crate) type PageTabs = Vec<(Page, u64)>;

/// The leases of one partition.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Leases {
    /// How often this node's own was renewed, this time included. 1 where it should be more: the store has lost it, with all
    /// that this node had written.
    pub(crate) own: u64,
    /// Those of other nodes, each with how often it was renewed.
    pub(crate) others: Vec<(NodeId, u64)>,
    /// What the nodes count on all sites together, of those that have written it in this partition.
    pub(crate) totals: Vec<(NodeId, Counts)>,
}

/// What a node hears of the others without asking.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub(crate) enum Hint {
    /// The node counts something else in a room that is listened to. With [`Visitors::Replace`] its visitors and those who are
    /// present aren't told: they have to be read.
    Changed(NodeId, Change),
    /// What the first node has counted in a room is from now on counted by both.
    Split([NodeId; 2], RoomName),
    /// The node says something about a room.
    Said(NodeId, RoomName, Post),
    /// The node has stopped in order.
    Left(NodeId),
    /// Hints may have been missed: the connection was lost, and is back.
    Missed,
}

/// Why the store didn't do what was asked. The node tries again; the cause is for the log.
#[derive(Debug)]
pub(crate) struct StoreError(pub(crate) String);

/// A store that nodes share. Each call is one round trip, or a few at most, and ends with an error rather than wait for long.
/// Nothing is promised of two calls at once.
pub(crate) trait Store: Send + Sync + 'static {
    /// Renews the node's lease in each partition, and returns the leases of each, in order. Some may fail, and others not. What
    /// the node counts on all sites together is written in the [first](Partition::FIRST).
    fn renew(
        &self,
        node: NodeId,
        total: Counts,
    ) -> impl Future<Output = Vec<Result<Leases, StoreError>>> + Send;

    /// Writes changes, and sends each as a hint to the nodes that listen to its room; and likewise what is said about rooms,
    /// which isn't written. Those who listen to a page's site hear its marks, too.
    fn publish(
        &self,
        node: NodeId,
        changes: &[Change],
        posts: &[(RoomName, Post)],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads what each node counts in each room, with the hashes of its visitors and those who are present.
    fn read(&self, wanted: &[Wanted]) -> impl Future<Output = Result<Vec<Found>, StoreError>> + Send;

    /// Reads how many tabs each node has open on each page of each site.
    fn read_pages(
        &self,
        wanted: &[(NodeId, Site)],
    ) -> impl Future<Output = Result<Vec<PageTabs>, StoreError>> + Send;

    /// Reads the sites on which a node counts somebody.
    fn read_sites(&self, node: NodeId) -> impl Future<Output = Result<Vec<Site>, StoreError>> + Send;

    /// Has the hints of these rooms sent from now on: of each change that is published after this has returned.
    fn listen(&self, rooms: &[RoomName]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Has the hints of these rooms sent no more.
    fn unlisten(&self, rooms: &[RoomName]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives the node's lease back, tells the others, and removes what it has written.
    fn leave(&self, node: NodeId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the lease of a dead node in a partition, unless it was renewed since, and all that the node had written there.
    /// This takes as many round trips as there is to remove.
    fn reap(
        &self,
        partition: Partition,
        node: NodeId,
        renewals: u64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The key with which visitors are hashed on a day, counted from 1970: `proposal`, unless another node has come first.
    fn daily_key(
        &self,
        day: u64,
        proposal: [u8; 16],
    ) -> impl Future<Output = Result<[u8; 16], StoreError>> + Send;

    /// The node has told everything that there was to tell. A store that knows all nodes waits until all have.
    fn told_all(&self, _: NodeId) -> impl Future<Output = Result<(), StoreError>> + Send {
        ready(Ok(()))
    }

    /// Another process goes on as this node: the end of this one's connection isn't the node's.
    fn stay(&self, _: NodeId) -> impl Future<Output = Result<(), StoreError>> + Send {
        ready(Ok(()))
    }

    /// How fast it may be told at first.
    fn pace(&self) -> Pace {
        Pace::USUAL
    }
}

impl NodeId {
    /// One that no other node has.
    pub(crate) fn random() -> Self {
        // The standard library's way to randomness, which never fails.
        Self(RandomState::new().hash_one(()))
    }
}

impl Partition {
    /// That of what belongs to no site.
    pub(crate) const FIRST: Self = Self(0);

    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..PARTITIONS).map(Self)
    }

    /// That of a site. The same on each node and in each version.
    pub(crate) fn of(site: &Site) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write(site.as_str().as_bytes());
        Self((hasher.finish() % u64::from(PARTITIONS)) as u8)
    }

    /// Its number, below [`PARTITIONS`].
    pub(crate) fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for NodeId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes of different versions find each other's counts.
    #[test]
    fn a_partition_is_the_same_in_each_version() {
        let of = |site: &str| Partition::of(&site.parse().unwrap()).number();
        let numbers = ["example.com", "example.org", "localhost"].map(of);
        assert!(numbers.iter().all(|number| *number < PARTITIONS));
        assert_eq!(numbers, [12, 12, 10]);
    }
}
