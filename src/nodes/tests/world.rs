//! Nodes that share a store, their viewers, and what is true of them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use onlookers_rooms::{RoomName, ViewerId};
use tokio::time::{Instant, sleep_until};

use super::fake::{Server, State};
use super::random::Random;
use crate::nodes::leases::Timing;
use crate::nodes::node::Stop;
use crate::nodes::store::NodeId;
pub(in crate::nodes) use member::Member;

pub(in crate::nodes) mod checks;
mod member;

/// How many rooms there are: three sites, and of each three pages.
pub(in crate::nodes) const ROOMS: usize = 12;

/// The most members at once.
const MOST: usize = 5;

/// The longest time for which a number that isn't true any more may be shown while something fails.
const STALE: Duration = Duration::from_secs(20);

/// The same, while nothing does.
const SOON: Duration = Duration::from_millis(300);

/// How long it may take until a node that has started, or woken up, and had no change since, is known.
const KNOWN: Duration = Duration::from_millis(2_300);

/// How long a node that has just begun to see the others, or sees them again, may count one that died meanwhile.
const RETURNED: Duration = Duration::from_secs(8);

/// How often the numbers are checked.
const STEP: Duration = Duration::from_millis(50);

static NAMES: LazyLock<Vec<RoomName>> = LazyLock::new(|| {
    let paths = ["", "/a", "/b", "/c"];
    let sites = ["a.example", "b.example", "c.example"];
    sites.iter().flat_map(|site| paths.map(|path| format!("{site}{path}").parse().unwrap())).collect()
});

/// A fault that ends.
type Later = Box<dyn FnOnce(&mut State) + Send>;

/// Nodes, and their viewers.
pub(super) struct World {
    pub(super) server: Arc<Server>,
    pub(super) members: Vec<Member>,
    pub(super) random: Random,
    seed: u64,
    next: u64,
    next_viewer: u64,
    history: HashMap<NodeId, [History; ROOMS]>,
    /// What ends later, and when.
    later: Vec<(Instant, Later)>,
    /// Since when nothing fails.
    well: Option<Instant>,
}

/// How many tabs a node had open in a room, and since when.
type History = VecDeque<(Instant, u64)>;

impl World {
    /// Three nodes that know each other.
    pub(super) async fn new(seed: u64) -> Self {
        let server = Arc::<Server>::default();
        server.change(|state| state.random = Random(!seed));
        let now = Instant::now();
        let mut world = Self {
            server,
            members: Vec::new(),
            random: Random(seed),
            seed,
            next: 1,
            next_viewer: 1,
            history: HashMap::new(),
            later: Vec::new(),
            well: Some(now),
        };
        for _ in 0..3 {
            world.start().await;
        }
        world.pass(KNOWN).await;
        world
    }

    pub(super) fn now(&self) -> Instant {
        Instant::now()
    }

    /// Starts a node, and waits until it has the key of the day, as long as nothing fails.
    pub(super) async fn start(&mut self) {
        // If the store has lost the key of the day, that of a node that starts now might become everybody's.
        let has_key = self.members.is_empty() || self.server.change(|state| state.has_key());
        if self.members.len() >= MOST || !has_key {
            return;
        }
        let id = NodeId(self.next);
        let member = Member::start(self.server.connect(id), (id, Timing::USUAL));
        self.next += 1;
        self.history.insert(member.id, Default::default());
        self.members.push(member);
        if self.well.is_some() {
            self.pass(STEP).await;
        }
    }

    pub(super) fn any_member(&mut self) -> usize {
        self.random.below(self.members.len() as u64) as usize
    }

    pub(super) fn join(&mut self, member: usize, room: usize) {
        let (visitor, of) = (self.random.below(10) as u8, &self.members[member]);
        if of.frozen.is_none() && of.shares_keys() && of.tabs.len() < 20 {
            self.join_as(member, room, (visitor < 8).then_some(visitor));
        }
    }

    pub(super) fn join_as(&mut self, member: usize, room: usize, visitor: Option<u8>) {
        let member = &mut self.members[member];
        assert!(member.shares_keys(), "node {} has no key; seed {}", member.id, self.seed);
        member.join(room, visitor);
        self.note(None);
    }

    /// A viewer comes who is announced.
    pub(super) fn appear(&mut self, member: usize, room: usize) {
        let (id, of) = (ViewerId::new(self.next_viewer), &mut self.members[member]);
        if of.frozen.is_none() && of.tabs.len() < 20 {
            of.appear(room, id);
            self.next_viewer += 1;
            self.note(None);
        }
    }

    /// One of a node's viewers says where they are.
    pub(super) fn move_viewer(&mut self, member: usize) {
        let member = &mut self.members[member];
        if member.frozen.is_none() {
            member.move_viewer(&mut self.random);
        }
    }

    pub(super) fn leave(&mut self, member: usize) {
        let member = &mut self.members[member];
        if member.frozen.is_none() {
            member.leave(&mut self.random);
            self.note(None);
        }
    }

    /// Looks at a room, or no more.
    pub(super) fn look(&mut self, member: usize, room: usize) {
        let member = &mut self.members[member];
        if member.frozen.is_none() {
            member.look(room);
        }
    }

    pub(super) fn kill(&mut self, member: usize) {
        if self.members.len() > 1 {
            self.well = None;
            let member = self.members.remove(member);
            member.task.abort();
            self.server.change(|state| state.disconnect(member.id));
            self.note(Some(member.id));
        }
    }

    /// Stops a node in order.
    pub(super) async fn stop(&mut self, member: usize) {
        if self.members.len() == 1 || self.members[member].frozen.is_some() {
            return;
        }
        let member = self.members.remove(member);
        member.stop.send(Stop::Leave).unwrap();
        self.note(Some(member.id));
        member.task.await.unwrap();
        self.server.change(|state| state.disconnect(member.id));
    }

    pub(super) fn freeze(&mut self, member: usize, time: Duration) {
        self.well = None;
        let member = &mut self.members[member];
        member.freeze.send(true).unwrap();
        member.frozen = Some(member.frozen.unwrap_or(Instant::now()).max(Instant::now() + time));
    }

    pub(super) fn cut(&mut self, member: usize, time: Duration) {
        let id = self.members[member].id;
        self.fail(time, move |state| state.cut(id, true), move |state| state.cut(id, false));
    }

    pub(super) fn cut_all(&mut self, time: Duration) {
        self.fail(time, |state| state.cut_all(true), |state| state.cut_all(false));
    }

    pub(super) fn wipe(&mut self, time: Duration) {
        // A node without the key of the day would make its own everybody's.
        if !self.members.iter().all(Member::shares_keys) {
            return;
        }
        self.fail(time, State::wipe, |state| state.cut_all(false));
    }

    /// The store fails over to a replica, which lacks what was written in that time.
    pub(super) fn fail_over(&mut self, time: Duration) {
        self.fail(time, State::lag, State::fail_over);
    }

    pub(super) fn fill(&mut self, time: Duration) {
        self.fail(time, |state| state.is_full = true, |state| state.is_full = false);
    }

    pub(super) fn deafen(&mut self, member: usize, time: Duration) {
        let id = self.members[member].id;
        self.fail(time, move |state| state.deafen(id, true), move |state| state.deafen(id, false));
    }

    pub(super) fn delay(&mut self, member: usize, by: Duration) {
        let id = self.members[member].id;
        let back = move |state: &mut State| state.delay(id, Duration::from_millis(2));
        self.fail(Duration::from_secs(2), move |state| state.delay(id, by), back);
    }

    fn fail<E>(&mut self, time: Duration, begin: impl FnOnce(&mut State), end: E)
    where
        E: FnOnce(&mut State) + Send + 'static,
    {
        self.well = None;
        self.server.change(begin);
        self.later.push((Instant::now() + time, Box::new(end)));
    }

    /// From now on calls may fail, too.
    pub(super) fn begin_faults(&mut self) {
        self.well = None;
        self.server.change(|state| state.failures = 20);
    }

    /// Ends all faults.
    pub(super) async fn heal(&mut self) {
        for (_, end) in self.later.drain(..) {
            self.server.change(end);
        }
        self.server.change(|state| state.failures = 0);
        self.members.iter_mut().for_each(|member| member.thaw(true));
        self.pass(Duration::from_millis(1)).await;
    }

    /// Everything has to be right from now on, and to stay so.
    pub(super) fn is_well(&mut self) {
        self.well = Some(Instant::now());
    }

    /// As long as it takes everybody to know everything, if nothing fails.
    pub(super) async fn settle(&mut self) {
        self.pass(SOON).await;
    }

    /// Lets time pass, and checks that no number is wrong meanwhile.
    pub(super) async fn pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            // The clock stops at all that becomes due in between.
            sleep_until(end.min(Instant::now() + STEP)).await;
            self.end_faults();
            self.check_bounds();
        }
    }

    fn end_faults(&mut self) {
        let now = Instant::now();
        for (_, end) in self.later.extract_if(.., |(at, _)| *at <= now) {
            self.server.change(end);
        }
        for member in &mut self.members {
            member.thaw(false);
            assert!(!member.task.is_finished(), "a node has ended; seed {}", self.seed);
        }
    }
}
