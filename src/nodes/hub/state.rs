//! What the hub has: what each node counts, and who listens.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use onlookers_rooms::{Counts, Post, Presence, PresentId, RoomName, Site};

use super::Queue;
use super::message::{Reply, Request};
use crate::nodes::store::{
    Change, Found, Hint, Leases, NodeId, PageTabs, RoomCounts, Stored, VisitorHash, Visitors, Wanted,
};

/// The most visitors and presences of a change that others are told of; of more, all is read.
const MOST_TOLD: usize = 256;

/// About how many visitors, presences or pages one answer has, unless one question's answer has more.
const MOST_FOUND: usize = 100_000;

/// One that uses the hub.
pub(super) type LinkId = u64;

#[derive(Default)]
pub(super) struct State {
    nodes: HashMap<NodeId, Counted>,
    links: HashMap<LinkId, Link>,
    next: LinkId,
    /// The keys of days.
    days: BTreeMap<u64, [u8; 16]>,
}

/// What a node counts.
#[derive(Default)]
struct Counted {
    renewals: u64,
    total: Counts,
    /// In order, so that the pages of a site are found together.
    rooms: BTreeMap<RoomName, Room>,
}

/// What a node has written of a room.
#[derive(Default)]
struct Room {
    counts: RoomCounts,
    visitors: BTreeSet<VisitorHash>,
    present: BTreeMap<PresentId, Presence>,
}

struct Link {
    /// Its node, once it has a lease; none again if the node goes on in another process.
    node: Option<NodeId>,
    hints: Queue,
    listening: HashSet<RoomName>,
    /// Whether it has told everything that there was to tell when it came.
    has_told: bool,
}

impl State {
    pub(super) fn open(&mut self, hints: Queue) -> LinkId {
        self.next += 1;
        self.links.insert(self.next, Link { node: None, hints, listening: HashSet::new(), has_told: false });
        self.next
    }

    pub(super) fn close(&mut self, link: LinkId) {
        if let Some(Link { node: Some(node), .. }) = self.links.remove(&link) {
            self.leave(node);
        }
    }

    pub(super) fn tell(&mut self, link: LinkId) {
        self.links.get_mut(&link).into_iter().for_each(|link| link.has_told = true);
    }

    /// Whether each process has told everything that there was when it came.
    pub(super) fn has_been_told_all(&self) -> bool {
        self.links.values().all(|link| link.has_told)
    }

    pub(super) fn answer(&mut self, link: LinkId, node: NodeId, request: Request) -> Reply {
        match request {
            Request::Renew(total) => return Reply::Leases(self.renew(link, node, total)),
            Request::Publish(changes, posts) => self.publish(node, changes, posts),
            Request::Read(wanted) => return Reply::Found(self.read(&wanted)),
            Request::Pages(wanted) => return Reply::Pages(self.pages(&wanted)),
            Request::Sites => return Reply::Sites(self.sites(node)),
            Request::Listen(rooms) => self.listening(link, |listening| listening.extend(rooms)),
            Request::Unlisten(rooms) => {
                let gone: HashSet<_> = rooms.into_iter().collect();
                self.listening(link, |listening| listening.retain(|room| !gone.contains(room)));
            }
            Request::Leave => self.leave(node),
            Request::Reap(renewals) => {
                self.nodes
                    .extract_if(|of, counted| *of == node && counted.renewals == renewals)
                    .for_each(drop);
            }
            Request::Key(day, proposal) => {
                self.days.retain(|of, _| of.abs_diff(day) <= 1);
                return Reply::Key(*self.days.entry(day).or_insert(proposal));
            }
            Request::Stay => self.links.get_mut(&link).into_iter().for_each(|link| link.node = None),
            Request::Told => self.tell(link),
        }
        Reply::Done
    }

    fn renew(&mut self, link: LinkId, node: NodeId, total: Counts) -> Leases {
        self.links.get_mut(&link).into_iter().for_each(|link| link.node = Some(node));
        let counted = self.nodes.entry(node).or_default();
        (counted.renewals, counted.total) = (counted.renewals + 1, total);
        let mut leases = Leases { own: counted.renewals, ..Leases::default() };
        for (of, counted) in &self.nodes {
            leases.totals.push((*of, counted.total));
            if *of != node {
                leases.others.push((*of, counted.renewals));
            }
        }
        leases
    }

    fn publish(&mut self, node: NodeId, changes: Vec<Change>, posts: Vec<(RoomName, Post)>) {
        let counted = self.nodes.entry(node).or_default();
        changes.iter().for_each(|change| counted.note(change));
        for mut change in changes {
            if !change.is_short() {
                (change.visitors, change.present) = (Visitors::Replace(Vec::new()), Vec::new());
            }
            self.hint(node, [&change.room.clone()], &Hint::Changed(node, change));
        }
        for (room, post) in posts {
            // A visitor may have a picture of the page, or of the site.
            let site = room.whole_site().filter(|_| matches!(post, Post::Mark { .. }));
            let hint = Hint::Said(node, room.clone(), post);
            self.hint(node, [&room].into_iter().chain(&site), &hint);
        }
    }

    /// Tells those who listen to one of these rooms, except for the node itself.
    fn hint<'r>(&self, node: NodeId, rooms: impl IntoIterator<Item = &'r RoomName> + Clone, hint: &Hint) {
        for link in self.links.values().filter(|link| link.node != Some(node)) {
            if rooms.clone().into_iter().any(|room| link.listening.contains(room)) {
                link.hints.push(hint.clone());
            }
        }
    }

    fn read(&self, wanted: &[Wanted]) -> Vec<Found> {
        let one = |Wanted { node, room, known }: &Wanted| {
            let room = self.nodes.get(node)?.rooms.get(room)?;
            let is_known = *known > 0 && room.counts.version == *known;
            Some(if is_known { Stored { counts: room.counts, ..Stored::default() } } else { room.stored() })
        };
        let size = |found: &Found| found.as_ref().map_or(0, |of| of.visitors.len() + of.present.len());
        bounded(wanted.iter().map(one), size)
    }

    fn pages(&self, wanted: &[(NodeId, Site)]) -> Vec<PageTabs> {
        let pages = |(node, site): &(NodeId, Site)| {
            let from = RoomName::site(site.clone());
            let rooms = self.nodes.get(node).into_iter().flat_map(|counted| counted.rooms.range(&from..));
            let of_site = rooms.take_while(|(room, _)| room.of_site() == site);
            of_site.filter_map(|(room, of)| Some((room.as_page()?.clone(), of.counts.tabs))).collect()
        };
        bounded(wanted.iter().map(pages), Vec::len)
    }

    fn sites(&self, node: NodeId) -> Vec<Site> {
        let rooms = self.nodes.get(&node).into_iter().flat_map(|counted| counted.rooms.keys());
        let mut sites: Vec<_> = rooms.map(|room| room.of_site().clone()).collect();
        sites.dedup();
        sites
    }

    fn listening(&mut self, link: LinkId, change: impl FnOnce(&mut HashSet<RoomName>)) {
        if let Some(link) = self.links.get_mut(&link) {
            change(&mut link.listening);
        }
    }

    fn leave(&mut self, node: NodeId) {
        if self.nodes.remove(&node).is_some() {
            let others = self.links.values().filter(|link| link.node != Some(node));
            others.for_each(|link| link.hints.push(Hint::Left(node)));
        }
    }
}

/// The first answers, until they are many.
fn bounded<A>(answers: impl Iterator<Item = A>, size: impl Fn(&A) -> usize) -> Vec<A> {
    let mut sum = 0;
    let fits = |answer: &A| {
        let before = sum;
        sum += size(answer);
        before < MOST_FOUND
    };
    answers.take_while(fits).collect()
}

impl Counted {
    fn note(&mut self, change: &Change) {
        let Some(counts) = change.counts else { return drop(self.rooms.remove(&change.room)) };
        let room = self.rooms.entry(change.room.clone()).or_default();
        room.counts = counts;
        match &change.visitors {
            Visitors::Change { come, gone } => {
                room.visitors.extend(come);
                for hash in gone {
                    room.visitors.remove(hash);
                }
            }
            Visitors::Replace(hashes) => {
                room.visitors = hashes.iter().copied().collect();
                room.present.clear();
            }
        }
        for (id, presence) in &change.present {
            match presence {
                Some(presence) => room.present.insert(*id, presence.clone()),
                None => room.present.remove(id),
            };
        }
    }
}

impl Room {
    fn stored(&self) -> Stored {
        let present = self.present.iter().map(|(id, presence)| (*id, presence.clone())).collect();
        Stored { counts: self.counts, visitors: self.visitors.iter().copied().collect(), present }
    }
}

impl Change {
    /// Whether a hint may have all of it.
    fn is_short(&self) -> bool {
        match &self.visitors {
            Visitors::Change { come, gone } => come.len() + gone.len() + self.present.len() <= MOST_TOLD,
            Visitors::Replace(_) => false,
        }
    }
}
