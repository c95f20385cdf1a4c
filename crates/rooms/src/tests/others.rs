//! Several processes that tell each other what they count, against a plain list of tabs.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::{page, visitor_of};
use crate::*;

const NODES: usize = 3;

static PAGES: LazyLock<[RoomName; 2]> = LazyLock::new(|| ["/a", "/b"].map(|path| page("a.example", path)));

/// A process of its own.
struct Node {
    id: SourceId,
    rooms: Rooms,
    is_sharing: bool,
    watched: Vec<(RoomName, Option<RoomRef>)>,
    tabs: Vec<(usize, Option<u8>, CountGuard)>,
    /// Viewers who are announced, each with the position of one who has said it.
    viewers: Vec<(usize, ViewerId, RoomRef, Option<ReaderGuard>)>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Join { node: usize, page: usize, visitor: Option<u8> },
    Leave { node: usize, tab: usize },
    Identify { node: usize, tab: usize, visitor: Option<u8> },
    Watch { node: usize, room: usize },
    Stop { node: usize },
    Switch { node: usize },
    Appear { node: usize, page: usize, viewer: u64 },
    Move { node: usize, viewer: usize, to: u8 },
    Disappear { node: usize, viewer: usize },
    Mark { node: usize, page: usize, visitor: u8, to: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let visitor = || prop::option::weighted(0.8, 0..6_u8);
    prop_oneof![
        4 => (0..NODES, 0..2_usize, visitor()).prop_map(|(node, page, visitor)| Step::Join { node, page, visitor }),
        3 => (0..NODES, 0..9_usize).prop_map(|(node, tab)| Step::Leave { node, tab }),
        1 => (0..NODES, 0..9_usize, visitor())
            .prop_map(|(node, tab, visitor)| Step::Identify { node, tab, visitor }),
        2 => (0..NODES, 0..3_usize).prop_map(|(node, room)| Step::Watch { node, room }),
        1 => (0..NODES).prop_map(|node| Step::Stop { node }),
        2 => (0..NODES).prop_map(|node| Step::Switch { node }),
        2 => (0..NODES, 0..2_usize, any::<u64>())
            .prop_map(|(node, page, viewer)| Step::Appear { node, page, viewer }),
        3 => (0..NODES, 0..4_usize, 0..101_u8).prop_map(|(node, viewer, to)| Step::Move { node, viewer, to }),
        1 => (0..NODES, 0..4_usize).prop_map(|(node, viewer)| Step::Disappear { node, viewer }),
        2 => (0..NODES, 0..2_usize, 0..6_u8, 0..101_u8)
            .prop_map(|(node, page, visitor, to)| Step::Mark { node, page, visitor, to }),
    ]
}

fn known(visitor: Option<u8>) -> Option<Visitor> {
    visitor.map(|number| visitor_of(&[number]))
}

impl Node {
    fn new(id: u64) -> Self {
        let site = PAGES[0].whole_site().unwrap();
        let names = PAGES.iter().cloned().chain([site]);
        Self {
            id: SourceId(id),
            rooms: Rooms::with_others(Limits::default(), || ()),
            is_sharing: true,
            watched: names.map(|name| (name, None)).collect(),
            tabs: Vec::new(),
            viewers: Vec::new(),
        }
    }

    fn appear(&mut self, page: usize, id: ViewerId) {
        let room = self.rooms.open(&PAGES[page]);
        self.tabs.push((page, None, self.rooms.join(&PAGES[page], None).unwrap()));
        room.appear(id);
        self.viewers.push((page, id, room, None));
    }

    fn move_viewer(&mut self, viewer: usize, to: Position) {
        if let Some((_, id, room, reader)) = self.viewers.get_mut(viewer) {
            reader.get_or_insert_with(|| ReaderGuard::new(Arc::clone(room), *id)).at(to, None);
        }
    }

    fn disappear(&mut self, viewer: usize) {
        if viewer < self.viewers.len() {
            let (_, id, room, reader) = self.viewers.swap_remove(viewer);
            drop(reader);
            room.disappear(id);
        }
    }

    fn join(&mut self, page: usize, visitor: Option<u8>) {
        let guard = self.rooms.join(&PAGES[page], known(visitor).as_ref()).unwrap();
        self.tabs.push((page, visitor, guard));
    }

    fn watch(&mut self, room: usize) {
        let (name, watched) = &mut self.watched[room];
        *watched = if watched.is_some() { None } else { Some(self.rooms.open(name)) };
    }

    fn switch(&mut self) {
        self.is_sharing = !self.is_sharing;
        if self.is_sharing {
            self.rooms.begin_sharing(|| ());
        } else {
            self.rooms.stop_sharing();
        }
        assert_eq!(self.rooms.is_sharing(), self.is_sharing);
    }
}

/// Has each node tell the others what has changed, and those that look anew what is there.
fn exchange(nodes: &mut [Node]) {
    for from in 0..nodes.len() {
        for (room, post) in nodes[from].rooms.take_posts(usize::MAX) {
            let others = nodes.iter().enumerate().filter(|(to, node)| *to != from && node.is_sharing);
            others.for_each(|(_, node)| node.rooms.deliver(&room, post.clone()));
        }
    }
    let opened = |(from, node): (usize, &Node)| {
        node.rooms.take_opened().into_iter().map(move |room| (from, room)).collect::<Vec<_>>()
    };
    let opened: Vec<_> = nodes.iter().enumerate().flat_map(opened).collect();
    for from in 0..nodes.len() {
        for change in nodes[from].rooms.take_changes(usize::MAX) {
            let all = nodes[from].rooms.visitors(&change.room, 0);
            let presences = nodes[from].rooms.presences(&change.room);
            let (is_all, present) = (change.visitors.is_none(), &change.present);
            let visitors = change.visitors.unwrap_or_default();
            let part = |is_here| {
                visitors.iter().filter(move |visitor| visitor.1 == is_here).map(|visitor| visitor.0)
            };
            let [come, gone] = [true, false].map(|is_here| part(is_here).collect::<Vec<_>>());
            for to in (0..nodes.len()).filter(|to| *to != from && nodes[*to].is_sharing) {
                let (rooms, id) = (&nodes[to].rooms, nodes[from].id);
                let reported = if is_all {
                    Reported::All { visitors: &all, present: &presences }
                } else {
                    Reported::Change { come: &come, gone: &gone, present }
                };
                rooms.report(&change.room, id, change.counts, reported);
            }
            assert!(all.len() as u64 <= change.counts.tabs);
        }
    }
    for (from, room) in opened {
        for to in (0..nodes.len()).filter(|to| *to != from && nodes[*to].is_sharing) {
            let (there, id) = (&nodes[to].rooms, nodes[to].id);
            let (all, present) = (there.visitors(&room, 0), there.presences(&room));
            let reported = Reported::All { visitors: &all, present: &present };
            nodes[from].rooms.report(&room, id, counts(there, &room), reported);
        }
    }
}

/// What a node counts by itself.
fn counts(rooms: &Rooms, name: &RoomName) -> Report {
    rooms.counted_here(name)
}

/// What those nodes count in a room, from their lists of tabs.
fn expected<'n>(nodes: impl Iterator<Item = &'n Node>, room: usize) -> Counts {
    let tabs = nodes.flat_map(|node| &node.tabs).filter(|(page, ..)| room == 2 || *page == room);
    let visitors: Vec<_> = tabs.map(|(_, visitor, _)| *visitor).collect();
    let known: HashSet<_> = visitors.iter().flatten().collect();
    let anonymous = visitors.iter().filter(|visitor| visitor.is_none()).count();
    Counts { tabs: visitors.len() as u64, visitors: (known.len() + anonymous) as u64 }
}

fn take(nodes: &mut [Node], step: Step) {
    match step {
        Step::Join { node, page, visitor } => nodes[node].join(page, visitor),
        Step::Leave { node, tab } if tab < nodes[node].tabs.len() => drop(nodes[node].tabs.swap_remove(tab)),
        Step::Identify { node, tab, visitor } if tab < nodes[node].tabs.len() => {
            nodes[node].tabs[tab].1 = visitor;
            nodes[node].tabs[tab].2.identify(known(visitor).as_ref());
        }
        Step::Leave { .. } | Step::Identify { .. } => {}
        Step::Watch { node, room } => nodes[node].watch(room),
        Step::Stop { node } => {
            let gone = nodes[node].id;
            nodes[node] = Node::new(gone.0 + NODES as u64);
            forget(nodes, gone);
        }
        Step::Switch { node } => {
            nodes[node].switch();
            forget(nodes, nodes[node].id);
        }
        Step::Appear { node, page, viewer } => nodes[node].appear(page, ViewerId::new(viewer)),
        Step::Move { node, viewer, to } => nodes[node].move_viewer(viewer, at(to)),
        Step::Disappear { node, viewer } => nodes[node].disappear(viewer),
        Step::Mark { node, page, visitor, to } => {
            nodes[node].rooms.reach(&PAGES[page], &known(Some(visitor)).unwrap(), at(to));
        }
    }
}

/// A node doesn't count any more for the others.
fn forget(nodes: &[Node], gone: SourceId) {
    let rooms = |node: &Node| node.watched.iter().for_each(|(name, _)| node.rooms.forget(name, gone));
    nodes.iter().for_each(rooms);
}

/// The nodes whose counts that one knows, with itself.
fn known_to<'n>(nodes: &'n [Node], node: &'n Node) -> impl Iterator<Item = &'n Node> {
    nodes.iter().filter(|other| other.id == node.id || node.is_sharing && other.is_sharing)
}

fn at(percent: u8) -> Position {
    (f32::from(percent) / 100.0).try_into().unwrap()
}

/// The readers of a page at those nodes, by their own lists of them.
fn readers<'n>(nodes: impl Iterator<Item = &'n Node>, page: usize) -> Vec<(ViewerId, Reader)> {
    let viewers = nodes.flat_map(|node| &node.viewers);
    let of_page = viewers.filter(|(of, _, _, reader)| *of == page && reader.is_some());
    let mut all: Vec<_> = of_page.filter_map(|(_, id, room, _)| Some((*id, room.reader(*id)?))).collect();
    all.sort_by_key(|(id, _)| *id);
    all
}

/// The positions in a page that a node knows, in order.
fn positions(room: &RoomRef) -> Vec<f32> {
    let mut all: Vec<_> = room.positions().into_iter().map(Position::get).collect();
    all.sort_by(f32::total_cmp);
    all
}

proptest! {
    #[test]
    fn all_who_look_see_the_same(steps in prop::collection::vec(step(), 0..60)) {
        let mut nodes: Vec<_> = (0..NODES as u64).map(Node::new).collect();
        for step in steps {
            take(&mut nodes, step);
            exchange(&mut nodes);
            for node in &nodes {
                for (room, watched) in node.watched.iter().enumerate() {
                    if let Some(watched) = &watched.1 {
                        prop_assert_eq!(watched.counts(), expected(known_to(&nodes, node), room), "{}", watched.name());
                        let mut there = watched.readers(99);
                        there.sort_by_key(|(id, _)| *id);
                        let here = if room < 2 { readers(known_to(&nodes, node), room) } else { Vec::new() };
                        prop_assert_eq!(there, here);
                    }
                }
            }
            for page in 0..2 {
                let sharing = nodes.iter().filter(|node| node.is_sharing);
                let rooms = sharing.filter_map(|node| node.watched[page].1.as_ref());
                let all: Vec<_> = rooms.map(positions).collect();
                prop_assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", all);
            }
        }
        nodes.iter_mut().for_each(|node| {
            (0..node.viewers.len()).for_each(|_| node.disappear(0));
            node.tabs.clear();
            node.watched.clear();
        });
        exchange(&mut nodes);
        prop_assert!(nodes.iter().all(|node| node.rooms.is_empty()));
    }
}

#[test]
fn observers_are_told_of_others() {
    let rooms = Rooms::with_others(Limits::default(), || ());
    let (name, other) = (&PAGES[0], SourceId(1));
    let room = rooms.open(name);
    rooms.take_opened();
    let calls = super::observe(&room, super::Calls::default());
    let report = Report { tabs: 2, ..Report::default() };
    rooms.report(name, other, report, Reported::All { visitors: &[7], present: &[] });
    rooms.report(name, other, report, Reported::All { visitors: &[7], present: &[] });
    assert_eq!(calls.0.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(
        (room.counts(), room.peak()),
        (Counts { tabs: 2, visitors: 1 }, Counts { tabs: 2, visitors: 1 })
    );
    rooms.forget(name, other);
    assert_eq!((room.counts().tabs, room.peak().tabs), (0, 2));
}

#[test]
fn a_sample_of_very_many_visitors_is_within_two_percent() {
    // Keys are hashes: these are as good (splitmix64).
    let key = |number: u64| {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    };
    let rooms = Rooms::with_others(Limits::default(), || ());
    let room = rooms.open(&PAGES[0]);
    rooms.take_opened();
    for (visitors, level) in [(10_000, 0), (32_768, 0), (50_000, 1), (400_000, 4), (1_000_000, 5)] {
        // Half of them are at both.
        for (source, range) in [(1, 0..visitors * 3 / 4), (2, visitors / 4..visitors)] {
            let keys: Vec<_> = range.map(key).filter(|key| is_sampled(*key, level)).collect();
            let report = Report { tabs: visitors, level, ..Report::default() };
            rooms.report(
                &PAGES[0],
                SourceId(source),
                report,
                Reported::All { visitors: &keys, present: &[] },
            );
        }
        let counted = room.counts().visitors;
        let error = (counted as f64 / visitors as f64 - 1.0).abs();
        assert!(if level == 0 { counted == visitors } else { error < 0.02 }, "{counted} of {visitors}");
    }
}

/// An answer from before the room was closed and opened again may leave out what hasn't changed.
#[test]
fn nothing_counts_in_a_room_that_was_opened_before_others_are_asked() {
    let rooms = Rooms::with_others(Limits::default(), || ());
    let (name, other) = (&PAGES[0], SourceId(1));
    let report = Report { tabs: 2, ..Report::default() };
    let say = || rooms.report(name, other, report, Reported::All { visitors: &[], present: &[] });
    let room = rooms.open(name);
    assert_eq!(rooms.take_opened().len(), 1);
    say();
    drop(room);
    let room = rooms.open(name);
    say();
    rooms.know_others(name);
    assert_eq!((room.counts().tabs, rooms.knows_others(name)), (0, false));
    assert_eq!((rooms.take_opened(), rooms.take_opened()), (vec![name.clone()], vec![]));
    say();
    assert_eq!((room.counts().tabs, rooms.knows_others(name)), (2, true));
    drop(room);
    drop(rooms.open(name));
    assert_eq!(rooms.take_opened(), []);
    rooms.take_changes(usize::MAX);
    assert!(rooms.is_empty());
}
