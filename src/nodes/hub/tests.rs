//! Processes of one machine: upgrades, ends, and what each shows meanwhile.

use std::time::Duration;

use onlookers_rooms::{Keys, Limits, RoomName, ViewerId};
use tokio::io::duplex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::nodes::leases::Timing;
use crate::nodes::node::Stop;
use crate::nodes::tests::random::Random;
use crate::nodes::tests::world::checks::wrong;
use crate::nodes::tests::world::{Member, ROOMS};
use crate::nodes::{NodeTask, Shared};

/// A page, its site, and another site.
const PAGE: usize = 1;
const SITE: usize = 0;
const OTHER: usize = 4;

/// How long it takes until all know of a change.
const SOON: Duration = Duration::from_millis(100);

/// How long a process waits for the others after an upgrade, if one of them hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// The processes, the newest last.
struct Machine {
    hub: Hub,
    serving: JoinSet<()>,
    members: Vec<Member>,
    next: u64,
}

impl Machine {
    /// One process, and its hub.
    fn new() -> Self {
        let mut machine = Self { hub: Hub::new(), serving: JoinSet::new(), members: Vec::new(), next: 0 };
        let member = Member::start(machine.hub.connect(), machine.id());
        machine.members.push(member);
        machine
    }

    fn id(&mut self) -> (NodeId, Timing) {
        self.next += 1;
        (NodeId(self.next), Timing::USUAL)
    }

    /// A new process takes over the hub, and the connections for which `moves` says so; the others go on with that hub. Returns when each
    /// knows everything: nobody is shown anything before.
    async fn upgrade(&mut self, mut moves: impl FnMut() -> bool) {
        let mut newest = Member::alone();
        for member in &mut self.members {
            member.stop.send_replace(Stop::HandOver);
            (&mut member.task).await.unwrap();
            newest.keys = Arc::clone(&member.keys);
        }
        for member in &mut self.members {
            let moved: Vec<_> = member.tabs.extract_if(.., |_| moves()).collect();
            moved.into_iter().for_each(|tab| newest.take_over(tab));
        }
        self.hub = Hub::new();
        for member in std::mem::take(&mut self.members) {
            let member = member.share(self.serve(), self.id());
            self.members.push(member);
        }
        let id = self.id();
        self.members.push(newest.share(self.hub.connect(), id));
        self.settled().await;
    }

    /// A socket to the hub.
    fn serve(&mut self) -> (HubStore, Receiver<Hint>) {
        let (mine, theirs) = duplex(4096);
        let (link, hints) = self.hub.link();
        self.serving.spawn(server::serve(link, hints, theirs));
        connect(mine)
    }

    async fn settled(&self) {
        for member in &self.members {
            timeout(PATIENCE, member.settled()).await.expect("all is known soon");
        }
    }

    fn check(&self, when: &str) {
        let wrong = wrong(self.members.iter(), Duration::ZERO);
        assert!(wrong.is_none(), "{when}: {}", wrong.unwrap_or_default());
    }

    /// The oldest process is killed.
    fn kill_oldest(&mut self) {
        self.members.remove(0).task.abort();
    }

    fn tabs(&self, member: usize, room: usize) -> u64 {
        self.members[member].looks[&room].1.counts().tabs
    }
}

/// An old process and a new one with two visitors of a page each, of whom one is everybody's, and somebody looks in each.
async fn two() -> Machine {
    let mut machine = Machine::new();
    machine.settled().await;
    let old = &mut machine.members[0];
    (0..4).for_each(|visitor| old.join(PAGE, Some(visitor)));
    old.join(OTHER, None);
    old.look(PAGE);
    old.look(SITE);
    let mut turn = 0;
    let moves = || {
        turn += 1;
        turn > 2
    };
    machine.upgrade(moves).await;
    machine.members[1].look(PAGE);
    machine.members[1].look(SITE);
    sleep(SOON).await;
    machine
}

#[tokio::test(start_paused = true)]
async fn two_processes_count_as_one() {
    let mut machine = two().await;
    assert_eq!([0, 1].map(|member| machine.members[member].tabs.len()), [2, 3]);
    machine.check("after the upgrade");
    machine.members[0].join(PAGE, Some(2));
    machine.members[1].join(PAGE, Some(0));
    sleep(SOON).await;
    machine.check("visitors of both are one");
    let room = &machine.members[1].looks[&PAGE].1;
    assert_eq!((room.counts().tabs, room.counts().visitors, room.peak().tabs), (6, 4, 6));
}

/// Nobody sees anything while an upgrade lasts; then everything is as it was.
#[tokio::test(start_paused = true)]
async fn an_upgrade_changes_no_number() {
    let mut machine = two().await;
    for _ in 0..5 {
        machine.upgrade(|| false).await;
        machine.check("when all are settled");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            machine.check("long after");
            sleep(Duration::from_millis(50)).await;
        }
        machine.members.last_mut().unwrap().look(PAGE);
        sleep(SOON).await;
    }
    let looks = machine.members.iter().map(|member| &member.looks[&PAGE].1);
    assert!(looks.into_iter().all(|room| (room.counts().tabs, room.peak().tabs) == (4, 4)));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_killed_is_gone_at_once() {
    let mut machine = two().await;
    machine.kill_oldest();
    sleep(SOON).await;
    assert_eq!((machine.members.len(), machine.tabs(0, PAGE)), (1, 2));
    machine.check("after its end");
}

#[tokio::test(start_paused = true)]
async fn without_the_newest_process_each_counts_alone() {
    let mut machine = two().await;
    machine.upgrade(|| false).await;
    let newest = machine.members.pop().unwrap();
    newest.task.abort();
    machine.serving.abort_all();
    sleep(SOON).await;
    assert_eq!([0, 1].map(|member| machine.tabs(member, PAGE)), [2, 2]);
}

/// Its socket stays open.
#[tokio::test(start_paused = true)]
async fn a_process_that_hangs_is_gone_when_its_lease_ends() {
    let machine = two().await;
    machine.members[0].freeze.send(true).unwrap();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(machine.tabs(1, PAGE), 4, "it might come back");
    sleep(Duration::from_secs(5)).await;
    assert_eq!(machine.tabs(1, PAGE), 2);
    machine.members[0].freeze.send(false).unwrap();
    sleep(Duration::from_secs(4)).await;
    machine.check("it is back");
}

/// An older process goes on to show it until it knows of the hub that takes this one's place.
#[tokio::test(start_paused = true)]
async fn a_process_that_hands_over_is_counted_for_a_while() {
    let mut machine = two().await;
    machine.members[1].stop.send_replace(Stop::HandOver);
    (&mut machine.members[1].task).await.unwrap();
    machine.members[1].tabs.clear();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(machine.tabs(0, PAGE), 4);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(machine.tabs(0, PAGE), 2, "nobody went on");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_settled_before_all_have_told_everything() {
    let mut machine = two().await;
    let late = machine.hub.link();
    let waiting = timeout(Duration::from_secs(5), machine.members[1].settled());
    assert!(waiting.await.is_err(), "one that was to come hasn't");
    let settled = machine.members[1].settled();
    drop(late);
    timeout(PATIENCE, settled).await.expect("it won't come any more");
    machine.members[0].join(PAGE, None);
    machine.settled().await;
    machine.check("at once");
}

#[tokio::test(start_paused = true)]
async fn presence_rankings_messages_and_totals_are_shared() {
    let mut machine = two().await;
    let mut random = Random(1);
    for (member, viewer) in [(0, 1), (1, 2)] {
        machine.members[member].appear(PAGE, ViewerId::new(viewer));
        machine.members[member].move_viewer(&mut random);
    }
    let sites = [0, 1].map(|member| Arc::clone(&machine.members[member].looks[&SITE].1));
    let _watching = sites.each_ref().map(|site| site.watch_ranking());
    let pages = [0, 1].map(|member| Arc::clone(&machine.members[member].looks[&PAGE].1));
    pages.iter().for_each(|page| page.open_inbox());
    pages[0].post(ViewerId::new(1), "hello");
    sleep(SOON).await;
    machine.check("readers of both");
    assert_eq!(pages[1].take_messages(), [(ViewerId::new(1), "hello".to_owned())]);
    assert!(pages[0].has_no_messages());
    machine.settled().await;
    assert!(sites.iter().all(|site| site.top(9).len() == 1 && site.top(9)[0].1 == 6));
    sleep(Duration::from_secs(5)).await;
    assert!(machine.members.iter().all(|member| member.rooms.totals().tabs == 7));
}

/// Anything may happen, in an order that a seed decides.
#[tokio::test(start_paused = true)]
async fn whatever_happens_all_are_right_after_a_moment() {
    for seed in 0..20 {
        let (mut machine, mut random) = (Machine::new(), Random(seed));
        machine.settled().await;
        for step in 0..300 {
            let member = random.below(machine.members.len() as u64) as usize;
            let room = random.below(ROOMS as u64) as usize;
            let of = &mut machine.members[member];
            match random.below(40) {
                0..12 if of.shares_keys() => of.join(room, (room > 2).then_some(random.below(8) as u8)),
                0..20 => of.leave(&mut random),
                20..26 => of.look(room),
                26..29 => of.appear(room, ViewerId::new(seed << 32 | step)),
                29..33 => of.move_viewer(&mut random),
                33 if machine.members.len() > 1 => machine.kill_oldest(),
                34 if machine.members.len() < 4 => {
                    let parts = 1 + random.below(3);
                    machine.upgrade(|| random.below(parts) == 0).await;
                    machine.check(&format!("after an upgrade, seed {seed}, step {step}"));
                }
                35 => {
                    machine.settled().await;
                    machine.check(&format!("settled, seed {seed}, step {step}"));
                }
                _ => {
                    sleep(SOON).await;
                    machine.check(&format!("a moment later, seed {seed}, step {step}"));
                }
            }
        }
        machine.members.iter_mut().for_each(|member| (member.tabs, member.looks) = Default::default());
        sleep(Duration::from_secs(1)).await;
        assert!(machine.members.iter().all(|member| member.rooms.is_empty()), "seed {seed}");
    }
}

/// Over real sockets, on the clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_rooms_are_known_soon() {
    let keys = Arc::new(Keys::new().unwrap());
    let rooms: Vec<RoomName> =
        (0..10_000).map(|page| format!("a{}.example/{page}", page % 100).parse().unwrap()).collect();
    let processes: [_; 3] = std::array::from_fn(|_| Shared::new(Limits::default()));
    let (rooms, keys) = (&rooms, &keys);
    let join = |(at, shared): (usize, &Shared)| {
        let of = move |(number, room): (usize, &RoomName)| {
            let visitor = keys.session(room.of_site(), &(number % (at + 2)).to_string());
            (shared.rooms.join(room, Some(&visitor)).unwrap(), shared.rooms.open(room))
        };
        rooms.iter().enumerate().map(of).collect::<Vec<_>>()
    };
    let open: Vec<_> = processes.iter().enumerate().map(join).collect();
    let (hub, mut nodes, start) = (Hub::new(), Vec::new(), Instant::now());
    for shared in &processes[1..] {
        let (mine, theirs) = UnixStream::pair().unwrap();
        tokio::spawn(hub.serve(theirs));
        nodes.push(NodeTask::through_process(mine, shared.clone(), Arc::new(Keys::new().unwrap())));
    }
    nodes.push(NodeTask::through_hub(&hub, processes[0].clone(), Arc::new(Keys::new().unwrap())));
    for node in &nodes {
        timeout(Duration::from_secs(60), node.settled()).await.expect("all is known soon");
    }
    println!("three processes know 10,000 rooms after {:?}", start.elapsed());
    assert!(open.iter().flatten().all(|(_, room)| room.counts().tabs == 3));
    for node in nodes {
        node.end().await;
    }
    assert!(processes.iter().all(|shared| !shared.rooms.is_sharing()));
    assert!(open.iter().flatten().all(|(_, room)| room.counts().tabs == 1), "each counts alone");
}
