//! What happens in the store.

use std::collections::BTreeSet;
use std::time::Duration;

use onlookers_rooms::{Counts, Post, RoomName};
use tokio::time::Instant;

use super::{Call, Fate, Room, State};
use crate::nodes::store::{Change, Hint, Leases, NodeId, PARTITIONS, Partition, Visitors};

impl State {
    /// Cuts the connection of a node, or brings it back.
    pub(in crate::nodes::tests) fn cut(&mut self, node: NodeId, is_cut: bool) {
        let Some(link) = self.links.get_mut(&node) else { return };
        if link.is_cut && !is_cut {
            link.tell(Duration::ZERO, Hint::Missed);
        }
        link.is_cut = is_cut;
    }

    /// Loses a node's hints, until it is told so.
    pub(in crate::nodes::tests) fn deafen(&mut self, node: NodeId, is_deaf: bool) {
        let Some(link) = self.links.get_mut(&node) else { return };
        if link.is_deaf && !is_deaf {
            link.tell(Duration::ZERO, Hint::Missed);
        }
        link.is_deaf = is_deaf;
    }

    pub(in crate::nodes::tests) fn delay(&mut self, node: NodeId, delay: Duration) {
        self.links.get_mut(&node).into_iter().for_each(|link| link.delay = delay);
    }

    pub(in crate::nodes::tests) fn cut_all(&mut self, is_cut: bool) {
        let nodes: Vec<_> = self.links.keys().copied().collect();
        nodes.into_iter().for_each(|node| self.cut(node, is_cut));
    }

    /// From now on the replica hears nothing.
    pub(in crate::nodes::tests) fn lag(&mut self) {
        self.replica = Some((self.leases.clone(), self.totals.clone(), self.rooms.clone()));
    }

    /// The replica becomes the master.
    pub(in crate::nodes::tests) fn fail_over(&mut self) {
        if let Some(replica) = self.replica.take() {
            (self.leases, self.totals, self.rooms) = replica;
        }
        self.cut_all(true);
        self.cut_all(false);
    }

    /// Is started anew, with nothing.
    pub(in crate::nodes::tests) fn wipe(&mut self) {
        self.replica = None;
        self.leases.clear();
        self.totals.clear();
        self.rooms.clear();
        self.days.clear();
        self.cut_all(true);
    }

    /// Whether it has the key of a day.
    pub(in crate::nodes::tests) fn has_key(&self) -> bool {
        !self.days.is_empty()
    }

    /// The node is gone, and hears nothing any more.
    pub(in crate::nodes::tests) fn disconnect(&mut self, node: NodeId) {
        self.links.remove(&node);
    }

    /// The nodes of which something is stored.
    pub(in crate::nodes::tests) fn nodes(&self) -> BTreeSet<NodeId> {
        let (leases, counts) = (self.leases.keys().map(|key| key.1), self.rooms.keys().map(|key| key.0));
        leases.chain(counts).chain(self.totals.keys().copied()).collect()
    }

    pub(super) fn begin(&mut self, node: NodeId, call: Call) -> (Fate, Duration) {
        self.note(node, call);
        let latency = Duration::from_micros(200 + self.random.below(1_800));
        if let Some(at) = self.planned.iter().position(|(planned, _)| *planned == call) {
            return (self.planned.remove(at).1, latency);
        }
        let fates = [Fate::FailsBefore, Fate::FailsAfter, Fate::HangsBefore, Fate::HangsAfter];
        let fails = self.random.below(1_000) < self.failures;
        (if fails { fates[self.random.below(4) as usize] } else { Fate::Works }, latency)
    }

    /// Whether the node asks more than it may is seen here: it would ask for ever.
    pub(super) fn note(&mut self, node: NodeId, call: Call) {
        *self.made.entry(call).or_default() += 1;
        let (now, calls) = (Instant::now(), self.calls.entry((node, call)).or_default());
        calls.push_back(now);
        while calls.front().is_some_and(|call| *call + Duration::from_secs(1) <= now) {
            calls.pop_front();
        }
        let most = match call {
            Call::Publish => 10,
            Call::Renew => 11,
            Call::Key => 12,
            // One that was another may stop.
            Call::Leave => 2,
            Call::Read | Call::Listen | Call::Unlisten | Call::Reap => 500,
        };
        assert!(calls.len() <= most, "{call:?} {} times in a second by node {node}", calls.len());
    }

    pub(super) fn refuses(&self, node: NodeId, call: Call) -> bool {
        let is_write = !matches!(call, Call::Read | Call::Listen | Call::Unlisten);
        self.is_cut(node) || self.is_full && is_write
    }

    pub(super) fn is_cut(&self, node: NodeId) -> bool {
        self.links.get(&node).is_none_or(|link| link.is_cut)
    }

    pub(super) fn renew(&mut self, node: NodeId, total: Counts) -> Vec<Leases> {
        self.totals.insert(node, total);
        Partition::all().for_each(|partition| *self.leases.entry((partition, node)).or_default() += 1);
        let mut leases = vec![Leases::default(); usize::from(PARTITIONS)];
        for ((partition, of), renewals) in &self.leases {
            let leases = &mut leases[usize::from(partition.number())];
            if *of == node { leases.own = *renewals } else { leases.others.push((*of, *renewals)) }
        }
        leases[0].totals = self.totals.iter().map(|(node, total)| (*node, *total)).collect();
        leases
    }

    pub(super) fn publish(&mut self, node: NodeId, change: &Change) {
        let key = (node, change.room.clone());
        match change.counts {
            None => drop(self.rooms.remove(&key)),
            Some(counts) => {
                let Room { counts: stored, visitors, present } = self.rooms.entry(key).or_default();
                *stored = counts;
                match &change.visitors {
                    Visitors::Change { come, gone } => {
                        visitors.extend(come);
                        visitors.retain(|visitor| !gone.contains(visitor));
                    }
                    Visitors::Replace(all) => {
                        *visitors = all.iter().copied().collect();
                        present.clear();
                    }
                }
                for (id, presence) in &change.present {
                    match presence {
                        Some(presence) => present.insert(*id, presence.clone()),
                        None => present.remove(id),
                    };
                }
            }
        }
        let mut told = change.clone();
        if matches!(told.visitors, Visitors::Replace(_)) || self.random.below(10) == 0 {
            (told.visitors, told.present) = (Visitors::Replace(Vec::new()), Vec::new());
        }
        self.tell(&change.room, &Hint::Changed(node, told));
    }

    pub(super) fn say(&mut self, node: NodeId, room: &RoomName, post: &Post) {
        self.tell(room, &Hint::Said(node, room.clone(), post.clone()));
    }

    /// Tells those who listen to a room.
    fn tell(&mut self, room: &RoomName, hint: &Hint) {
        for link in self.links.values().filter(|link| link.listening.contains(room)) {
            let more = Duration::from_micros(self.random.below(1_000));
            link.tell(link.delay + more, hint.clone());
        }
    }

    pub(super) fn leave(&mut self, node: NodeId) {
        self.leases.retain(|(_, of), _| *of != node);
        self.totals.remove(&node);
        self.rooms.retain(|(of, _), _| *of != node);
        self.links.values().for_each(|link| link.tell(link.delay, Hint::Left(node)));
    }

    pub(super) fn reap(&mut self, partition: Partition, node: NodeId, renewals: u64) {
        if self.leases.get(&(partition, node)).is_none_or(|now| *now == renewals) {
            self.leases.remove(&(partition, node));
            if partition == Partition::FIRST {
                self.totals.remove(&node);
            }
            let is_of = |room: &RoomName| Partition::of(room.of_site()) == partition;
            self.rooms.retain(|(of, room), _| *of != node || !is_of(room));
        }
    }

    pub(super) fn listen(&mut self, node: NodeId, rooms: &[RoomName]) {
        self.links.get_mut(&node).into_iter().for_each(|link| link.listening.extend(rooms.iter().cloned()));
    }
}
