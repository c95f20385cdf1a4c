//! What is true, and whether it is shown.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use onlookers_rooms::{Counts, RoomRef};
use tokio::time::Instant;

use super::{History, KNOWN, Member, RETURNED, SOON, STALE, World};
use crate::nodes::leases::Timing;
use crate::nodes::store::NodeId;

impl World {
    /// Notes how many tabs are open. Those of a node that has gone aren't.
    pub(super) fn note(&mut self, gone: Option<NodeId>) {
        let now = Instant::now();
        let is_recent = |history: &History| history.back().is_some_and(|(at, _)| *at + STALE + STALE > now);
        let is_live = |id: NodeId| self.members.iter().any(|member| member.id == id);
        self.history.retain(|id, rooms| Some(*id) == gone || is_live(*id) || rooms.iter().any(is_recent));
        for (id, rooms) in &mut self.history {
            let member = self.members.iter().find(|member| member.id == *id);
            if member.is_none() && Some(*id) != gone {
                continue;
            }
            for (room, history) in rooms.iter_mut().enumerate() {
                let tabs = member.map_or(0, |member| member.open(room).count() as u64);
                if history.back().map_or(0, |(_, before)| *before) != tabs {
                    history.push_back((now, tabs));
                }
                while history.get(1).is_some_and(|(at, _)| *at + STALE + STALE < now) {
                    history.pop_front();
                }
            }
        }
    }

    /// No node is counted with more tabs than it has, or had a moment ago, and while nothing fails none with fewer.
    pub(super) fn check_bounds(&self) {
        let now = Instant::now();
        let window = if self.well.is_some_and(|since| now > since + SOON) { SOON } else { STALE };
        for member in self.members.iter().filter(|member| member.frozen.is_none()) {
            let has_woken =
                self.members.iter().filter_map(|member| member.woken).any(|at| now < at + RETURNED);
            let has_returned = has_woken || now < member.since.max(self.connected(member.id)) + RETURNED;
            for (room, (since, look)) in &member.looks {
                let (least, most) = self.bounds(member, *room, now, window);
                let tabs = look.counts().tabs;
                let is_known = window == SOON && now > (*since).max(member.since) + SOON;
                assert!(
                    (tabs <= most || has_returned) && (tabs >= least || !is_known),
                    "node {} counts {tabs} tabs in {}, not {least} to {most}; seed {}, {:?} after",
                    member.id,
                    look.name(),
                    self.seed,
                    self.well.map(|since| now - since),
                );
            }
        }
    }

    /// Since when a node has reached the store again and again.
    fn connected(&self, id: NodeId) -> Instant {
        self.server.change(|state| state.renewed.get(&id).map_or_else(Instant::now, |renewed| renewed.1))
    }

    /// The fewest and most tabs that a node may show in a room.
    fn bounds(&self, member: &Member, room: usize, now: Instant, window: Duration) -> (u64, u64) {
        let own = member.open(room).count() as u64;
        let is_known = |id| self.members.iter().any(|member| member.id == id && now > member.since + KNOWN);
        let others = self.history.iter().filter(|(id, _)| **id != member.id);
        let bounds = others.map(|(id, rooms)| (is_known(*id), range(&rooms[room], now - window)));
        bounds.fold((own, own), |sum, (is_known, (least, most))| {
            (sum.0 + if is_known { least } else { 0 }, sum.1 + most)
        })
    }

    pub(in crate::nodes::tests) fn shown(&self, member: usize, room: usize) -> Counts {
        self.members[member].looks[&room].1.counts()
    }

    /// All that look at a room see the right numbers, and the right viewers.
    pub(in crate::nodes::tests) fn check_exact(&self, when: &str) {
        let wrong = wrong(self.members.iter(), SOON);
        assert!(wrong.is_none(), "{when}: {}; seed {}", wrong.unwrap_or_default(), self.seed);
    }

    /// All nodes know how many tabs all have open, once each has written that and read it.
    async fn check_totals(&mut self) {
        self.pass(2 * Timing::USUAL.renewal + SOON).await;
        let open = self.members.iter().map(|member| member.tabs.len() as u64).sum::<u64>();
        for Member { id, rooms, .. } in &self.members {
            assert_eq!(rooms.totals().tabs, open, "node {id}, all sites; seed {}", self.seed);
        }
    }

    /// All viewers go: nothing is left of them, nor of nodes that died.
    pub(in crate::nodes::tests) async fn check_end(&mut self) {
        self.check_totals().await;
        for member in &mut self.members {
            member.tabs.clear();
            member.looks.clear();
        }
        self.note(None);
        self.pass(Duration::from_secs(75)).await;
        for member in &self.members {
            assert!(member.rooms.is_empty(), "rooms are left; seed {}", self.seed);
            let leases = 16 * (self.members.len() - 1);
            assert_eq!(member.held.all(), (0, leases), "node {} holds that; seed {}", member.id, self.seed);
        }
        self.server.change(|state| {
            // One that found an older state is another since.
            assert_eq!(state.nodes().len(), self.members.len(), "seed {}", self.seed);
            assert!(state.rooms.is_empty(), "{:?}; seed {}", state.rooms, self.seed);
        });
    }
}

/// What somebody sees wrong who has looked at a room for so long.
pub(in crate::nodes) fn wrong<'m>(
    members: impl Iterator<Item = &'m Member>,
    after: Duration,
) -> Option<String> {
    let (now, members) = (Instant::now(), &members.collect::<Vec<_>>());
    members.iter().find_map(|member| {
        let settled = member.looks.iter().filter(|(_, (since, _))| now >= *since + after);
        let mut wrong = settled.filter_map(|(room, (_, look))| difference(members, member, *room, look));
        wrong.next().map(|what| format!("node {}: {what}", member.id))
    })
}

fn difference(members: &[&Member], member: &Member, room: usize, look: &RoomRef) -> Option<String> {
    let (counts, right) = (look.counts(), expected(members, room));
    if counts != right {
        return Some(format!("{} has {right:?}, not {counts:?}", look.name()));
    }
    let (mut readers, mut elsewhere) = (HashMap::new(), HashMap::new());
    for other in members {
        for viewer in other.viewers(room) {
            let reader = viewer.reader();
            if other.id != member.id {
                elsewhere.insert(viewer.id, reader.as_ref().map(|reader| reader.updated_at));
            }
            readers.extend(reader.map(|reader| (viewer.id, reader)));
        }
    }
    let shown: HashMap<_, _> = look.readers(usize::MAX).into_iter().collect();
    let others: HashMap<_, _> = look.viewers_elsewhere().into_iter().collect();
    let is_right = shown == readers && others == elsewhere && look.positions().len() == readers.len();
    (!is_right)
        .then(|| format!("{} has {readers:?} and {elsewhere:?}, not {shown:?} and {others:?}", look.name()))
}

/// What all nodes together count in a room.
fn expected(members: &[&Member], room: usize) -> Counts {
    let visitors: Vec<_> = members.iter().flat_map(|member| member.open(room)).collect();
    let known: HashSet<_> = visitors.iter().flatten().collect();
    let anonymous = visitors.iter().filter(|visitor| visitor.is_none()).count();
    Counts { tabs: visitors.len() as u64, visitors: (known.len() + anonymous) as u64 }
}

/// The fewest and most tabs since then.
fn range(history: &History, since: Instant) -> (u64, u64) {
    let first = history.iter().rposition(|(at, _)| *at <= since);
    let values = history.iter().skip(first.unwrap_or(0)).map(|(_, tabs)| *tabs);
    let before = first.is_none().then_some(0);
    before
        .into_iter()
        .chain(values)
        .fold((u64::MAX, 0), |(least, most), tabs| (least.min(tabs), most.max(tabs)))
}
