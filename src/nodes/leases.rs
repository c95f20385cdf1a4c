//! The leases of the other nodes, as this one sees them.
//!
//! A lease is a number that its node raises again and again. It is in force for as long as that is seen to happen, by this
//! node's own clock: no clock of another machine matters, the store's included.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::store::{NodeId, PARTITIONS, Partition};

/// How long what takes. All nodes have the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// How often each node renews its leases.
    pub(super) renewal: Duration,
    /// How long a lease is in force after this node has seen it renewed.
    pub(super) life: Duration,
    /// How long one is in force that may have been renewed last long before: this node didn't look. A node that is alive renews
    /// it twice in that time.
    first_life: Duration,
    /// How long after that the store is cleared of a node. It may only have been frozen.
    burial: Duration,
}

impl Timing {
    /// A node sees a renewal two seconds late at most, so a node that was killed is counted for less than ten seconds.
    pub(super) const USUAL: Self = Self {
        renewal: Duration::from_secs(2),
        life: Duration::from_millis(7_500),
        first_life: Duration::from_millis(4_500),
        burial: Duration::from_secs(60),
    };

    /// A quarter of that, and less to wait for at the end: a test against the clock sees four times as much.
    #[cfg(test)]
    pub(super) const SHORT: Self = Self {
        renewal: Duration::from_millis(500),
        life: Duration::from_millis(1_875),
        first_life: Duration::from_millis(1_125),
        burial: Duration::from_secs(5),
    };
}

/// The leases of all partitions.
pub(super) struct LeaseTable {
    timing: Timing,
    partitions: Vec<Leases>,
    /// When the first of them ends, unless it is renewed. The table is long, and asked at each hint.
    next_end: Option<Instant>,
}

/// Those of one partition.
#[derive(Default)]
struct Leases {
    of: HashMap<NodeId, Lease>,
    /// When this node looked last.
    looked: Option<Instant>,
}

struct Lease {
    renewals: u64,
    /// When it was seen to rise; or when the store was last to be cleared of it, less the time for which it may be in force.
    seen: Instant,
    is_in_force: bool,
    /// Whether its node has stopped. It never comes back, even if the store's answer from before still has it.
    has_left: bool,
    /// Whether its node's counts are to be read once more.
    is_unread: bool,
}

impl LeaseTable {
    pub(super) fn new(timing: Timing) -> Self {
        Self { timing, partitions: (0..PARTITIONS).map(|_| Leases::default()).collect(), next_end: None }
    }

    pub(super) fn timing(&self) -> Timing {
        self.timing
    }

    /// The nodes with a lease in force there.
    pub(super) fn nodes(&self, partition: Partition) -> impl Iterator<Item = NodeId> {
        let in_force = self.of(partition).iter().filter(|(_, lease)| lease.is_in_force);
        in_force.map(|(node, _)| *node)
    }

    pub(super) fn is_in_force(&self, partition: Partition, node: NodeId) -> bool {
        self.of(partition).get(&node).is_some_and(|lease| lease.is_in_force)
    }

    /// Takes in the leases that the store has of a partition. Returns the nodes whose counts have to be read: those that have come,
    /// and if hints may have been missed, all others. But those that have only just registered again, because the store has
    /// lost everything, are about to tell it anew: they are read when they renew their lease.
    pub(super) fn update(
        &mut self,
        partition: Partition,
        listed: &[(NodeId, u64)],
        has_missed: bool,
        now: Instant,
    ) -> Vec<NodeId> {
        let Timing { renewal, life: usual, first_life, .. } = self.timing;
        let Leases { of: leases, looked } = &mut self.partitions[usize::from(partition.number())];
        let has_looked = looked.replace(now).is_some_and(|before| now <= before + 2 * renewal);
        let life = if has_looked { usual } else { first_life };
        // One that isn't listed but in force stays so until it isn't renewed, for the same reason. One that has left stays
        // noted for a while: the answer may be older than that.
        let is_kept = |lease: &Lease| lease.is_in_force || lease.has_left && now < lease.seen + usual;
        leases.retain(|node, lease| is_kept(lease) || listed.iter().any(|(other, _)| other == node));
        leases.values_mut().for_each(|lease| lease.is_unread |= has_missed);
        let mut unread = Vec::new();
        for (node, renewals) in listed {
            let lease = leases.entry(*node).or_insert_with(|| Lease::new(now));
            let was_in_force = lease.is_in_force;
            if *renewals != lease.renewals {
                lease.rise(*renewals, before(now, usual - life));
            }
            if lease.is_in_force && (!was_in_force || lease.is_unread && *renewals > 1) {
                lease.is_unread = false;
                unread.push(*node);
            }
        }
        self.find_next_end();
        unread
    }

    /// The leases that are in force no more.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(Partition, NodeId)> {
        let (life, mut gone) = (self.timing.life, Vec::new());
        if self.next_end.is_none_or(|end| now < end) {
            return gone;
        }
        for (partition, leases) in Partition::all().zip(&mut self.partitions) {
            for (node, lease) in &mut leases.of {
                if lease.is_in_force && now >= lease.seen + life {
                    lease.is_in_force = false;
                    gone.push((partition, *node));
                }
            }
        }
        self.find_next_end();
        gone
    }

    /// When the next one ends, unless it is renewed.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.next_end
    }

    fn find_next_end(&mut self) {
        let all = self.partitions.iter().flat_map(|leases| leases.of.values());
        let ends = all.filter(|lease| lease.is_in_force).map(|lease| lease.seen + self.timing.life);
        self.next_end = ends.min();
    }

    /// A node of which the store is to be cleared in a partition, and how often its lease was renewed. Its lease is known
    /// until the store has it no more, or it would be taken for that of a new node; if it stays, it is the next one's turn again
    /// a minute later.
    pub(super) fn bury(&mut self, now: Instant) -> Option<(Partition, NodeId, u64)> {
        let Timing { life, burial, .. } = self.timing;
        let mut all = Partition::all().zip(&mut self.partitions).flat_map(|(partition, leases)| {
            leases.of.iter_mut().map(move |(node, lease)| (partition, *node, lease))
        });
        let is_buried = |lease: &Lease| !lease.is_in_force && now >= lease.seen + life + burial;
        let (partition, node, lease) = all.find(|(.., lease)| is_buried(lease))?;
        lease.seen = before(now, life);
        Some((partition, node, lease.renewals))
    }

    /// A node has come that nobody has listed yet: another one, which is in force, says so.
    pub(super) fn come(&mut self, partition: Partition, node: NodeId, now: Instant) {
        let of = &mut self.partitions[usize::from(partition.number())].of;
        let lease = of.entry(node).or_insert_with(|| Lease::new(now));
        if !lease.is_in_force && !lease.has_left {
            (lease.seen, lease.is_in_force) = (now, true);
        }
        self.find_next_end();
    }

    /// The node has stopped.
    pub(super) fn left(&mut self, node: NodeId, now: Instant) -> Vec<(Partition, NodeId)> {
        let had = |(partition, leases): (Partition, &mut Leases)| {
            let lease = leases.of.entry(node).or_insert_with(|| Lease::new(now));
            (lease.seen, lease.has_left) = (now, true);
            std::mem::take(&mut lease.is_in_force).then_some((partition, node))
        };
        let gone = Partition::all().zip(&mut self.partitions).filter_map(had).collect();
        self.find_next_end();
        gone
    }

    /// This process was frozen for so long, and saw nothing.
    pub(super) fn skip(&mut self, time: Duration) {
        self.partitions
            .iter_mut()
            .flat_map(|leases| leases.of.values_mut())
            .for_each(|lease| lease.seen += time);
        self.find_next_end();
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.partitions.iter().map(|leases| leases.of.len()).sum()
    }

    fn of(&self, partition: Partition) -> &HashMap<NodeId, Lease> {
        &self.partitions[usize::from(partition.number())].of
    }
}

impl Lease {
    fn new(now: Instant) -> Self {
        Self { renewals: 0, seen: now, is_in_force: false, has_left: false, is_unread: false }
    }

    fn rise(&mut self, renewals: u64, seen: Instant) {
        self.renewals = renewals;
        if !self.has_left {
            (self.seen, self.is_in_force) = (seen, true);
        }
    }
}

/// So much earlier; the clock may not go back as far.
fn before(now: Instant, time: Duration) -> Instant {
    now.checked_sub(time).unwrap_or(now)
}

#[cfg(test)]
mod tests;
