//! What other nodes count, in the rooms that somebody looks at here: listened to, read, and put into the rooms.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use onlookers_rooms::{RoomName, Rooms};

use super::leases::LeaseTable;
use super::requested::Requested;
use super::store::{Change, Found, NodeId, Partition, Visitors, Wanted};

use known::{Heard, Known, Reading, Unread};
use put::{apply, put, source};

mod current;
mod known;
mod put;

/// How many rooms are asked of the store at once, or of how many the counts of one node each.
const AT_ONCE: usize = 1000;

/// The rooms that somebody looks at, and what is known of the other nodes there.
pub(super) struct Follower {
    rooms: Arc<Rooms>,
    requested: Arc<Requested>,
    watched: HashMap<RoomName, Watched>,
    /// Of which the store has been told to send hints.
    listened: HashSet<RoomName>,
    /// Of these, those that it hasn't answered for yet.
    subscribing: HashSet<RoomName>,
    /// Of which it may have to be told something else. In order, so that the pages of a site are read together.
    changed: BTreeSet<RoomName>,
    /// Of which other nodes' counts are to be read.
    unread: Unread,
    /// Whether the last question was a subscription.
    has_subscribed: bool,
}

/// A room that somebody looks at.
struct Watched {
    partition: Partition,
    nodes: HashMap<NodeId, Known>,
}

/// What to ask of the store next.
#[derive(Clone, Debug)]
pub(super) enum Question {
    Listen(Vec<RoomName>),
    Unlisten(Vec<RoomName>),
    Read(Vec<Wanted>),
}

impl Follower {
    pub(super) fn new(rooms: Arc<Rooms>, requested: Arc<Requested>) -> Self {
        let (watched, listened, changed) = (HashMap::new(), HashSet::new(), BTreeSet::new());
        Self {
            rooms,
            requested,
            watched,
            listened,
            subscribing: HashSet::new(),
            changed,
            unread: Unread::default(),
            has_subscribed: false,
        }
    }

    /// Somebody looks at a room, of which nothing is known.
    pub(super) fn watch(&mut self, room: &RoomName, leases: &LeaseTable) {
        let partition = Partition::of(room.of_site());
        self.watched.insert(room.clone(), Watched { partition, nodes: HashMap::new() });
        if self.listened.contains(room) {
            self.read_room(room, leases);
        }
        self.note_subscription(room);
    }

    /// Nobody looks at a room any more.
    pub(super) fn unwatch(&mut self, room: &RoomName) {
        if self.watched.remove(room).is_some() {
            self.unread.remove(room);
            self.note_subscription(room);
        }
    }

    /// Notes whether the store has to be told something else of a room. Rooms that nobody looks at any more leave nothing,
    /// even while the store isn't asked.
    fn note_subscription(&mut self, room: &RoomName) {
        if self.watched.contains_key(room) == self.listened.contains(room) {
            self.changed.remove(room);
        } else {
            self.changed.insert(room.clone());
        }
    }

    /// Nodes' counts are to be read in these partitions: they have come, or hints may have been missed.
    pub(super) fn read_nodes(&mut self, nodes: &HashMap<Partition, Vec<NodeId>>) {
        // The others are read as soon as they are listened to.
        let listened = self.watched.iter_mut().filter(|(room, _)| self.listened.contains(*room));
        for (room, watched) in listened {
            let nodes = nodes.get(&watched.partition).into_iter().flatten();
            watched.ask(nodes.copied(), room, &mut self.unread);
        }
    }

    /// Nodes' leases of these partitions have ended.
    pub(super) fn forget(&mut self, nodes: &[(Partition, NodeId)]) {
        if nodes.is_empty() {
            return;
        }
        for (room, watched) in &mut self.watched {
            for (_, node) in nodes.iter().filter(|(partition, _)| *partition == watched.partition) {
                watched.nodes.remove(node);
                self.rooms.forget(room, source(*node));
            }
        }
    }

    /// A node with a lease says that it counts something else.
    pub(super) fn hear(&mut self, node: NodeId, change: &Change) {
        let Some(watched) = self.watched.get_mut(&change.room) else { return };
        let known = watched.nodes.entry(node).or_default();
        let version = change.counts.map(|counts| counts.version);
        match &mut known.reading {
            Reading::Due => {}
            Reading::Asked { heard, .. } => *heard = Some(Heard::of(version)),
            // What was read was newer.
            Reading::Done if version.is_some_and(|version| version <= known.version) => {}
            Reading::Done
                if known.version != change.previous || matches!(change.visitors, Visitors::Replace(_)) =>
            {
                watched.ask([node], &change.room, &mut self.unread);
            }
            Reading::Done => {
                known.version = version.unwrap_or(0);
                watched.forget_absent(node);
                apply(&self.rooms, node, change);
            }
        }
    }

    /// A node has become two in a room: both are read, by one question.
    pub(super) fn split(&mut self, room: &RoomName, nodes: [NodeId; 2]) {
        if self.listened.contains(room)
            && let Some(watched) = self.watched.get_mut(room)
        {
            watched.ask(nodes, room, &mut self.unread);
        }
    }

    /// The two kinds take turns: neither waits until there is nothing of the other. Unless `may_read`, nothing is to be read yet.
    pub(super) fn next_question(&mut self, may_read: bool) -> Option<Question> {
        if !may_read {
            return self.next_subscription();
        }
        let is_reading_first = self.has_subscribed;
        let reading = if is_reading_first { self.next_reading() } else { None };
        let question = reading.or_else(|| self.next_subscription());
        self.has_subscribed = matches!(question, Some(Question::Listen(_) | Question::Unlisten(_)));
        question.or_else(|| self.next_reading())
    }

    fn next_subscription(&mut self) -> Option<Question> {
        let is_watched = |room: &RoomName| self.watched.contains_key(room);
        let take = |wanted: bool| -> Vec<_> {
            let rooms = self.changed.iter().filter(|room| is_watched(room) == wanted);
            rooms.take(AT_ONCE).cloned().collect()
        };
        let (listen, unlisten) = (take(true), take(false));
        for room in listen.iter().chain(&unlisten) {
            self.changed.remove(room);
        }
        if !listen.is_empty() {
            self.changed.extend(unlisten);
            self.listened.extend(listen.iter().cloned());
            self.subscribing = listen.iter().cloned().collect();
            return Some(Question::Listen(listen));
        }
        for room in &unlisten {
            self.listened.remove(room);
        }
        (!unlisten.is_empty()).then_some(Question::Unlisten(unlisten))
    }

    fn next_reading(&mut self) -> Option<Question> {
        let mut wanted = Vec::new();
        while wanted.len() < AT_ONCE
            && let Some(room) = self.unread.pop()
        {
            let (watched, before) = (self.watched.get_mut(&room), wanted.len());
            wanted.extend(watched.into_iter().flat_map(|watched| watched.begin(&room)));
            if wanted.len() == before {
                // All that was to be read has died.
                self.know(&room);
            }
        }
        (!wanted.is_empty()).then_some(Question::Read(wanted))
    }

    /// The store sends the hints of these rooms from now on. It says so itself if it does so only later.
    pub(super) fn listening(&mut self, rooms: &[RoomName], leases: &LeaseTable) {
        self.subscribing = HashSet::new();
        rooms.iter().for_each(|room| self.read_room(room, leases));
    }

    /// The store has answered.
    pub(super) fn found(&mut self, wanted: &[Wanted], found: Vec<Found>) {
        let mut found = found.into_iter();
        // Those of a room stand together.
        for of_room in wanted.chunk_by(|one, next| one.room == next.room) {
            let news =
                of_room.iter().zip(&mut found).filter_map(|(wanted, found)| self.take_in(wanted, found));
            let (room, news) = (&of_room[0].room, news.collect::<Vec<_>>());
            // Together: a node may have become two.
            put(&self.rooms, room, &news);
            self.know(room);
        }
    }

    /// What is new of it.
    fn take_in(&mut self, wanted: &Wanted, found: Found) -> Option<(NodeId, Found)> {
        let Wanted { node, room, known: asked } = wanted;
        let watched = self.watched.get_mut(room)?;
        // A lease that has ended meanwhile.
        let known = watched.nodes.get_mut(node)?;
        // The room was closed and opened again meanwhile, or the node's lease: it is read anew.
        let Reading::Asked { again, heard } = known.reading else { return None };
        let version = found.as_ref().map(|found| found.counts.version);
        (known.version, known.reading) = (version.unwrap_or(0), Reading::Done);
        if again || heard.is_some_and(|heard| heard.is_newer_than(version)) {
            watched.ask([*node], room, &mut self.unread);
        }
        watched.forget_absent(*node);
        version.is_none_or(|version| version != *asked).then_some((*node, found))
    }

    /// The store has not answered: it will be asked again when it does.
    pub(super) fn not_found(&mut self, wanted: &[Wanted]) {
        for Wanted { node, room, .. } in wanted {
            let Some(watched) = self.watched.get_mut(room) else { continue };
            if let Some(known) = watched.nodes.get_mut(node) {
                known.reading = Reading::Due;
                self.unread.insert(room);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.watched.len()
            + self.listened.len()
            + self.subscribing.len()
            + self.changed.len()
            + self.unread.len()
    }

    fn read_room(&mut self, room: &RoomName, leases: &LeaseTable) {
        if let Some(watched) = self.watched.get_mut(room) {
            watched.ask(leases.nodes(watched.partition), room, &mut self.unread);
        }
        self.know(room);
    }

    /// If all nodes have been read, the room is known.
    fn know(&self, room: &RoomName) {
        let known = self.watched.get(room).map(|watched| &watched.nodes);
        // One that has changed meanwhile was read nevertheless.
        if known.is_some_and(|nodes| nodes.values().all(Known::is_known)) {
            self.requested.know(room);
        }
    }
}

impl Watched {
    /// Has nodes' counts read.
    fn ask(&mut self, nodes: impl IntoIterator<Item = NodeId>, room: &RoomName, unread: &mut Unread) {
        let mut is_due = false;
        for node in nodes {
            is_due |= self.nodes.entry(node).or_default().ask();
        }
        if is_due {
            unread.insert(room);
        }
    }

    /// What is due to be read, which is then being read.
    fn begin(&mut self, room: &RoomName) -> impl Iterator<Item = Wanted> {
        let due = self.nodes.iter_mut().filter(|(_, known)| known.reading == Reading::Due);
        due.map(|(node, known)| {
            known.begin();
            Wanted { node: *node, room: room.clone(), known: known.version }
        })
    }

    /// Most nodes count nobody in most rooms.
    fn forget_absent(&mut self, node: NodeId) {
        if self.nodes.get(&node).is_some_and(|known| known.version == 0 && known.reading == Reading::Done) {
            self.nodes.remove(&node);
        }
    }
}

#[cfg(test)]
mod tests;
