//! The network between nodes and Redis loses packets, and neither end gets an error.

use std::fs::File;
use std::io::Read;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::common::machines::{Lan, Machine};
use crate::common::network::in_network_of_its_own;
use crate::common::program::{Program, onlookers};
use crate::common::redis::RedisServer;
use crate::common::viewer::Viewer;
use crate::{LEASE, RECOVERY, SOON, join};

/// How many viewers the nodes have, so that each decimal digit of a number says how often it counts one of them.
const VIEWERS: [u64; 3] = [1, 10, 100];

/// How many more come to the first node while it is cut off. With them, no digit that is right is twice another.
const MORE: u64 = 2;

/// How often a node renews its lease.
const RENEWAL: Duration = Duration::from_secs(2);

/// Three nodes and Redis, each on a machine of its own.
struct Nodes {
    nodes: [Node; 3],
    redis: Machine,
    _server: RedisServer,
}

struct Node {
    machine: Machine,
    program: Program,
    log: File,
    /// One viewer's place in a number: 1, 10 or 100.
    place: u64,
    viewers: Vec<Viewer>,
}

impl Nodes {
    /// Returns when each shows the number of all.
    fn start() -> Self {
        let lan = Lan::new();
        let redis = lan.machine(Ipv4Addr::new(10, 91, 92, 20));
        let server = redis.run(|| RedisServer::with(&["--bind", "0.0.0.0", "--protected-mode", "no"]));
        let url = format!("redis://{}:{}", redis.address, server.port());
        let mut last = 10;
        let mut nodes = VIEWERS.map(|place| {
            last += 1;
            Node::start(lan.machine(Ipv4Addr::new(10, 91, 92, last)), &url, place)
        });
        for node in &mut nodes {
            node.viewers[0].wait_longer_for(111, SOON * 10);
        }
        Self { nodes, redis, _server: server }
    }

    /// Each node shows its number, `within` that time from now. Returns how long each took.
    fn see(&mut self, counts: [u64; 3], within: Duration) -> [Duration; 3] {
        let began = Instant::now();
        let mut times = [Duration::ZERO; 3];
        for ((node, count), time) in self.nodes.iter_mut().zip(counts).zip(&mut times) {
            node.see(count, began, within);
            *time = began.elapsed();
        }
        times
    }

    /// Viewers who come to the first node while it counts only its own.
    fn more_come(&mut self) {
        let [first, ..] = &mut self.nodes;
        first.viewers.extend((0..MORE).map(|_| join(&first.program)));
        first.viewers[0].wait_longer_for(1 + MORE, SOON * 10);
    }
}

impl Node {
    fn start(machine: Machine, redis: &str, place: u64) -> Self {
        let log = tempfile::tempfile().unwrap();
        let mut command = onlookers();
        command.args(["--listen", &format!("{}:0", machine.address), "--redis", redis]);
        let program = machine.run(|| Program::spawn_logging(command, log.try_clone().unwrap().into()));
        let viewers = (0..place).map(|_| join(&program)).collect();
        Self { machine, program, log, place, viewers }
    }

    /// Its first viewer sees this number. Each number before it counts this node, and no node twice.
    fn see(&mut self, count: u64, began: Instant, within: Duration) {
        loop {
            let shown = self.viewers[0].count();
            let times = |place| shown / place % 10;
            let is_once = VIEWERS.iter().all(|place| [0, 1, 1 + MORE].contains(&times(place)));
            assert!(is_once && times(&self.place) != 0 && shown < 1000, "{shown}");
            assert!(began.elapsed() < within, "{shown}, and not {count}, after {:?}", began.elapsed());
            if shown == count {
                return;
            }
        }
    }

    /// How often its log says that the store fails, and how often that it is back. Stops it.
    fn said(self) -> [usize; 2] {
        let Self { mut program, mut log, viewers, .. } = self;
        drop(viewers);
        program.signal(Signal::TERM);
        program.wait();
        let mut text = String::new();
        std::io::Seek::rewind(&mut log).unwrap();
        log.read_to_string(&mut text).unwrap();
        ["the store fails", "the store is back"].map(|line| text.matches(line).count())
    }
}

/// The first node is cut off from Redis: packets to it are lost, or from it.
fn one_is_cut_off(test: &str, to_redis: bool, from_redis: bool) {
    in_network_of_its_own(&format!("cuts::{test}"), || {
        let mut all = Nodes::start();
        let [first, ..] = &all.nodes;
        if to_redis {
            first.machine.lose_packets_to(&all.redis);
        }
        if from_redis {
            all.redis.lose_packets_to(&first.machine);
        }
        // What the node writes last still arrives if only answers are lost.
        let within = if to_redis { LEASE } else { LEASE + RENEWAL };
        let [own, others @ ..] = all.see([1, 110, 110], within);
        println!("alone after {own:?}, uncounted after {others:?}");
        all.more_come();
        if to_redis {
            all.nodes[0].machine.mend(&all.redis);
        }
        if from_redis {
            all.redis.mend(&all.nodes[0].machine);
        }
        println!("right again after {:?}", all.see([113; 3], RECOVERY));
        assert_eq!(all.nodes.map(Node::said), [[1, 1], [0, 0], [0, 0]]);
    });
}

#[test]
fn a_node_without_a_way_to_redis_counts_its_own_and_is_uncounted() {
    one_is_cut_off("a_node_without_a_way_to_redis_counts_its_own_and_is_uncounted", true, true);
}

#[test]
fn a_node_that_redis_cannot_answer_is_uncounted() {
    one_is_cut_off("a_node_that_redis_cannot_answer_is_uncounted", false, true);
}

#[test]
fn a_node_that_cannot_write_to_redis_is_uncounted() {
    one_is_cut_off("a_node_that_cannot_write_to_redis_is_uncounted", true, false);
}

#[test]
fn without_a_way_to_redis_each_node_counts_its_own() {
    in_network_of_its_own("cuts::without_a_way_to_redis_each_node_counts_its_own", || {
        let mut all = Nodes::start();
        for node in &all.nodes {
            all.redis.lose_packets_to(&node.machine);
            node.machine.lose_packets_to(&all.redis);
        }
        println!("alone after {:?}", all.see(VIEWERS, LEASE));
        all.more_come();
        for node in &all.nodes {
            all.redis.mend(&node.machine);
            node.machine.mend(&all.redis);
        }
        println!("right again after {:?}", all.see([113; 3], RECOVERY));
        assert_eq!(all.nodes.map(Node::said), [[1, 1]; 3]);
    });
}
