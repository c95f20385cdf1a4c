//! Changes as commands: for each site one HSET, and for each room what its visitors and its hint need.

use std::collections::{BTreeMap, HashMap, HashSet};

use onlookers_rooms::{Post, Presence, PresentId, RoomName, Site};
use redis::Pipeline;

use super::{keys, present, said, text};
use crate::nodes::store::{Change, NodeId, Partition, RoomCounts, VisitorHash, Visitors};

/// The sites of which a node has written something, so that it need not say so again each time. At most those that it counts.
#[derive(Default)]
pub(super) struct Written {
    sites: HashSet<(NodeId, Site)>,
    /// How often each lease was renewed, as the store has said last.
    renewals: HashMap<(NodeId, Partition), u64>,
    /// How often something was forgotten: a batch from before that says nothing of what the store has.
    epoch: u64,
}

/// Something to publish.
#[derive(Clone, Copy)]
pub(super) enum Thing<'a> {
    Change(&'a Change),
    Post(&'a (RoomName, Post)),
}

/// What is published by one call.
pub(super) struct Batch<'a> {
    node: NodeId,
    sites: HashMap<&'a Site, OfSite<'a>>,
    posts: Vec<&'a (RoomName, Post)>,
}

/// Those of one site.
#[derive(Default)]
struct OfSite<'a> {
    changes: Vec<&'a Change>,
    /// What is counted in the end, by [`keys::field`].
    counts: BTreeMap<&'a str, Option<RoomCounts>>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(node: NodeId, things: &[Thing<'a>]) -> Self {
        let (mut sites, mut posts): (HashMap<&Site, OfSite>, _) = (HashMap::new(), Vec::new());
        for thing in things {
            match *thing {
                Thing::Change(change) => {
                    let site = sites.entry(change.room.of_site()).or_default();
                    site.changes.push(change);
                    site.counts.insert(keys::field(&change.room), change.counts);
                }
                Thing::Post(post) => posts.push(post),
            }
        }
        Self { node, sites, posts }
    }

    /// The commands, in an order that suits readers, which read counts before visitors: of no room the counts are newer than
    /// the visitors. And a site is noted before anything of it is written, so that all can be removed again.
    /// `publish` is the command for hints.
    pub(super) fn commands(&self, written: &Written, publish: &str) -> Pipeline {
        let mut commands = redis::pipe();
        self.write(&mut commands, written);
        self.hint(&mut commands, publish);
        for (room, post) in &self.posts {
            for channel in said::channels(room, post) {
                commands.cmd(publish).arg(channel).arg(said::of_post(self.node, room, post));
            }
        }
        commands
    }

    /// The same without hints.
    pub(super) fn write(&self, commands: &mut Pipeline, written: &Written) {
        for (site, of) in &self.sites {
            let sites = keys::sites(Partition::of(site), self.node);
            let is_written = || !of.is_doubted() && written.sites.contains(&(self.node, (*site).clone()));
            if !of.is_left() && !is_written() {
                commands.cmd("SADD").arg(&sites).arg(site.as_str());
            }
            for change in &of.changes {
                write_visitors(commands, self.node, change);
                write_present(commands, self.node, change);
            }
            of.write_counts(commands, &keys::counts(self.node, site));
            if of.is_left() {
                commands.cmd("SREM").arg(&sites).arg(site.as_str());
            }
        }
    }

    /// The hints of the changes.
    pub(super) fn hint(&self, commands: &mut Pipeline, publish: &str) {
        for change in self.sites.values().flat_map(|of| &of.changes) {
            commands.cmd(publish).arg(keys::channel(&change.room)).arg(text::of_hint(self.node, change));
        }
    }

    /// Notes that the commands were executed, which were made when `written` had this epoch.
    pub(super) fn note(&self, written: &mut Written, epoch: u64) {
        if epoch != written.epoch {
            return;
        }
        for (site, of) in &self.sites {
            let site = (self.node, (*site).clone());
            if of.is_left() {
                written.sites.remove(&site)
            } else {
                written.sites.insert(site)
            };
        }
    }
}

impl Thing<'_> {
    pub(super) fn partition(&self) -> Partition {
        match self {
            Self::Change(change) => Partition::of(change.room.of_site()),
            Self::Post((room, _)) => Partition::of(room.of_site()),
        }
    }
}

impl Written {
    /// Notes how often a lease was renewed. If it isn't more often than before, the store has lost what was written.
    pub(super) fn renewed(&mut self, node: NodeId, partition: Partition, renewals: u64) {
        let before = self.renewals.insert((node, partition), renewals);
        if before.is_some_and(|before| renewals <= before) {
            self.forget(node, partition);
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Forgets what a node has written in a partition: the store has lost it.
    pub(super) fn forget(&mut self, node: NodeId, partition: Partition) {
        self.epoch += 1;
        self.sites.retain(|(of, site)| *of != node || Partition::of(site) != partition);
    }
}

impl OfSite<'_> {
    /// Whether the node counts nobody any more on the whole site, and so on none of its pages.
    fn is_left(&self) -> bool {
        self.counts.get("").is_some_and(Option::is_none) && self.counts.values().all(Option::is_none)
    }

    /// Whether something is told anew: the store may have lost what was written.
    fn is_doubted(&self) -> bool {
        let is_anew =
            |change: &&Change| change.previous == 0 && matches!(change.visitors, Visitors::Replace(_));
        self.changes.iter().any(is_anew)
    }

    fn write_counts(&self, commands: &mut Pipeline, key: &str) {
        let (set, gone): (Vec<_>, Vec<_>) = self.counts.iter().partition(|(_, counts)| counts.is_some());
        if !set.is_empty() {
            commands.cmd("HSET").arg(key);
        }
        for (field, counts) in set {
            commands.arg(*field).arg(counts.as_ref().map(text::of_counts));
        }
        if !gone.is_empty() {
            let gone: Vec<_> = gone.into_iter().map(|(field, _)| *field).collect();
            commands.cmd("HDEL").arg(key).arg(gone);
        }
    }
}

fn write_visitors(commands: &mut Pipeline, node: NodeId, change: &Change) {
    let key = keys::visitors(node, &change.room);
    match &change.visitors {
        _ if change.counts.is_none() => {
            commands.cmd("UNLINK").arg(key).arg(keys::present(node, &change.room));
        }
        Visitors::Change { come, gone } => {
            write_set(commands, "SADD", &key, come);
            write_set(commands, "SREM", &key, gone);
        }
        Visitors::Replace(hashes) => {
            // Or readers might find the set empty.
            commands.cmd("MULTI").cmd("UNLINK").arg(&key);
            write_set(commands, "SADD", &key, hashes);
            commands.cmd("EXEC");
        }
    }
}

fn write_present(commands: &mut Pipeline, node: NodeId, change: &Change) {
    if change.counts.is_none() {
        return;
    }
    let key = keys::present(node, &change.room);
    if matches!(change.visitors, Visitors::Replace(_)) {
        commands.cmd("MULTI").cmd("UNLINK").arg(&key);
        write_hash(commands, &key, &change.present);
        commands.cmd("EXEC");
    } else {
        write_hash(commands, &key, &change.present);
    }
}

fn write_hash(commands: &mut Pipeline, key: &str, present: &[(PresentId, Option<Presence>)]) {
    let (here, gone): (Vec<_>, Vec<_>) = present.iter().partition(|(_, presence)| presence.is_some());
    if !here.is_empty() {
        commands.cmd("HSET").arg(key);
    }
    for (id, presence) in here {
        commands.arg(present::of_id(*id)).arg(presence.as_ref().map(present::of_presence));
    }
    if !gone.is_empty() {
        let gone: Vec<_> = gone.into_iter().map(|(id, _)| present::of_id(*id)).collect();
        commands.cmd("HDEL").arg(key).arg(gone);
    }
}

fn write_set(commands: &mut Pipeline, command: &str, key: &str, hashes: &[VisitorHash]) {
    if hashes.is_empty() {
        return;
    }
    commands.cmd(command).arg(key);
    for hash in hashes {
        commands.arg(&hash.to_be_bytes());
    }
}
