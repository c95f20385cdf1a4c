//! Nodes with short leases, and a real Redis, while anything may fail in an order that a seed decides: in the end every total, every
//! list and every visitor is right. `ONLOOKERS_STORM=300` makes it five minutes.

use std::env;

use onlookers_rooms::ViewerId;
use tokio::time::sleep;

use super::*;
use crate::nodes::leases::Timing;
use crate::nodes::node::Stop;
use crate::nodes::tests::random::Random;
use crate::nodes::tests::world::checks::wrong;
use crate::nodes::tests::world::{Member, ROOMS};
use wire::{State, Wire};

mod wire;

/// The most nodes at once.
const MOST: usize = 5;

/// How long a step takes: somebody comes or goes, and something may fail.
const STEP: Duration = Duration::from_millis(20);

/// How long after the last fault everything has to be right: a connection that was frozen is given up after two seconds, opened again
/// after two at most, and a dead node's lease ends.
const RIGHT: Duration = Duration::from_secs(8);

/// For how long it has to stay so.
const STAYS: Duration = Duration::from_millis(300);

struct Storm {
    server: RedisServer,
    members: Vec<(Member, Wire)>,
    random: Random,
    next: u64,
    /// What fails, and until when.
    faults: Vec<(Instant, Fault)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    RedisIsDown,
    RedisIsFrozen,
    RedisIsFull,
    Cut(NodeId),
    Frozen(NodeId),
}

impl Storm {
    async fn new(seed: u64) -> Self {
        let (server, random) = (RedisServer::start(), Random(seed));
        let mut storm = Self { server, members: Vec::new(), random, next: 1, faults: Vec::new() };
        for _ in 0..3 {
            storm.start().await;
        }
        storm
    }

    async fn start(&mut self) {
        if self.members.len() < MOST && !self.redis_fails() && self.has_key().await {
            let wire = Wire::to(self.server.port()).await;
            let config = RedisConfig { url: wire.url().parse().unwrap(), ca: None };
            let id = NodeId(self.next);
            let member = Member::start(Redis::connect(config).unwrap(), (id, Timing::SHORT));
            self.members.push((member, wire));
            self.next += 1;
        }
    }

    /// Whether Redis has the key of the day. If not, that of a node that starts now might become everybody's.
    async fn has_key(&self) -> bool {
        let days: Vec<String> = command(&self.server, "KEYS onlookers:day:*").await;
        self.members.is_empty() || !days.is_empty()
    }

    /// Viewers come, look, move and go.
    fn churn(&mut self) {
        for _ in 0..self.random.below(4) {
            let (at, room) = (self.any(), self.random.below(ROOMS as u64) as usize);
            let (what, visitor) = (self.random.below(12), self.random.below(10) as u8);
            let viewer = ViewerId::new(self.next << 32 | self.random.below(1 << 32));
            let member = &mut self.members[at].0;
            match what {
                0..3 if member.tabs.len() < 20 && member.shares_keys() => {
                    member.join(room, (visitor < 8).then_some(visitor));
                }
                3 if member.tabs.len() < 20 => member.appear(room, viewer),
                4..8 => member.leave(&mut self.random),
                8..10 => member.look(room),
                10.. => member.move_viewer(&mut self.random),
                _ => {}
            }
        }
    }

    fn any(&mut self) -> usize {
        self.random.below(self.members.len() as u64) as usize
    }

    fn redis_fails(&self) -> bool {
        let is_redis = |fault: &Fault| !matches!(fault, Fault::Cut(_) | Fault::Frozen(_));
        self.faults.iter().any(|(_, fault)| is_redis(fault))
    }

    async fn fail(&mut self) {
        let (at, time) = (self.any(), Duration::from_millis(self.random.below(3_000)));
        let (id, is_frozen) = (self.members[at].0.id, self.is_frozen(self.members[at].0.id));
        match self.random.below(300) {
            0 if self.members.len() > 1 => self.members.remove(at).0.task.abort(),
            1 if self.members.len() > 1 && !is_frozen => {
                let (member, _wire) = self.members.remove(at);
                member.stop.send_replace(Stop::Leave);
                member.task.await.unwrap();
            }
            2 => self.start().await,
            3 | 4 => {
                self.members[at].0.freeze.send_replace(true);
                self.begin(Fault::Frozen(id), time);
            }
            what @ 5..10 => {
                self.members[at].1.set(if what < 8 { State::Stalled } else { State::Closed });
                self.begin(Fault::Cut(id), time);
            }
            10 if !self.redis_fails() && self.members.iter().all(|(member, _)| member.shares_keys()) => {
                self.server.kill();
                self.begin(Fault::RedisIsDown, time / 3);
            }
            11 if !self.redis_fails() => {
                self.server.freeze();
                self.begin(Fault::RedisIsFrozen, time);
            }
            12 if !self.redis_fails() => {
                let () = command(&self.server, "CONFIG SET maxmemory 1").await;
                self.begin(Fault::RedisIsFull, time);
            }
            _ => {}
        }
    }

    fn is_frozen(&self, id: NodeId) -> bool {
        self.faults.iter().any(|(_, fault)| *fault == Fault::Frozen(id))
    }

    fn begin(&mut self, fault: Fault, time: Duration) {
        self.faults.push((Instant::now() + time, fault));
    }

    /// Ends the faults whose time has come.
    async fn heal(&mut self, now: Instant) {
        for (_, fault) in self.faults.extract_if(.., |(end, _)| *end <= now).collect::<Vec<_>>() {
            match fault {
                Fault::RedisIsDown => self.server.restart(),
                Fault::RedisIsFrozen => self.server.thaw(),
                Fault::RedisIsFull => {
                    let () = command(&self.server, "CONFIG SET maxmemory 0").await;
                }
                Fault::Cut(id) => {
                    let member = self.members.iter().find(|(member, _)| member.id == id);
                    member.into_iter().for_each(|(_, wire)| wire.set(State::Open));
                }
                Fault::Frozen(id) if !self.is_frozen(id) => {
                    if let Some((member, _)) = self.members.iter().find(|(member, _)| member.id == id) {
                        member.freeze.send_replace(false);
                    }
                }
                Fault::Frozen(_) => {}
            }
        }
    }

    /// Waits until everybody sees what is right, and then whether that stays so.
    async fn check(&self, cycle: u32, seed: u64) {
        let end = Instant::now() + RIGHT;
        let mut right_since = None;
        loop {
            sleep(STEP).await;
            match wrong(self.members.iter().map(|(member, _)| member), Duration::ZERO) {
                Some(what) => {
                    assert!(Instant::now() < end, "{what}; cycle {cycle}, seed {seed}");
                    right_since = None;
                }
                None if right_since.get_or_insert_with(Instant::now).elapsed() > STAYS => return,
                None => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_faults_ends_right() {
    let seconds = env::var("ONLOOKERS_STORM").map_or(20, |seconds| seconds.parse().unwrap());
    let seed = env::var("ONLOOKERS_SEED").map_or(1, |seed| seed.parse().unwrap());
    let (mut storm, begun) = (Storm::new(seed).await, Instant::now());
    let mut cycle = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        cycle += 1;
        for _ in 0..50 + storm.random.below(200) {
            storm.fail().await;
            storm.churn();
            sleep(STEP).await;
            storm.heal(Instant::now()).await;
        }
        storm.heal(Instant::now() + RIGHT).await;
        storm.check(cycle, seed).await;
    }
    println!("all was right after {cycle} storms");
    for (member, _) in storm.members {
        member.stop.send_replace(Stop::Leave);
        member.task.await.unwrap();
    }
}
