//! More than one Redis: a cluster, and a master with a replica.

use std::process::Command;
use std::time::Instant;

use crate::common::program::Program;
use crate::common::redis::{RedisServer, free_port};
use crate::common::sentinel::Sentinel;
use crate::common::viewer::Viewer;
use crate::{LEASE, RECOVERY, SOON, all_see, join};

/// Sites enough for each shard to have some.
const SITES: usize = 48;

fn site(number: usize) -> String {
    format!("{number}.example")
}

/// What redis-cli says.
fn cli(words: &[&str]) -> String {
    let run = Command::new("redis-cli").args(words).output();
    let run = run.expect("this test needs the program redis-cli (Debian and Ubuntu: redis-tools)");
    let said = String::from_utf8([run.stdout, run.stderr].concat()).unwrap();
    assert!(run.status.success(), "redis-cli {words:?}: {said}");
    said
}

/// Three shards without replicas.
fn cluster() -> [RedisServer; 3] {
    let mut addresses = Vec::new();
    let shards = [(); 3].map(|()| {
        let bus = free_port().to_string();
        let name = ["--cluster-enabled", "yes", "--cluster-port", &bus];
        let server = RedisServer::with(&[&name[..], &["--cluster-require-full-coverage", "no"]].concat());
        addresses.push(format!("127.0.0.1:{}@{bus}", server.port()));
        server
    });
    let [one, two, three] = &addresses[..] else { unreachable!() };
    let said = cli(&["--cluster", "create", one, two, three, "--cluster-yes"]);
    assert!(said.contains("All 16384 slots covered"), "{said}");
    shards
}

/// Which of the sites a shard has.
fn sites_on(shard: &RedisServer) -> Vec<usize> {
    let keys = cli(&["-p", &shard.port().to_string(), "keys", "onlookers:*:counts:*"]);
    let has = |number: &usize| keys.lines().any(|key| key.ends_with(&format!(":{}", site(*number))));
    (0..SITES).filter(has).collect()
}

#[test]
fn nodes_count_over_a_cluster_and_a_lost_shard_stops_its_sites_only() {
    let mut shards = cluster();
    let url = format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", shards[1].port(), shards[2].port());
    let nodes = [(); 3].map(|()| Program::start(&["--redis", &url]));
    let mut viewers: Vec<[Viewer; 3]> = (0..SITES)
        .map(|number| nodes.each_ref().map(|node| Viewer::join_site(node.address, &site(number))))
        .collect();
    for viewers in &mut viewers {
        all_see(viewers, 3, SOON * 10);
    }
    let sites = shards.each_ref().map(sites_on);
    assert!(sites.iter().all(|sites| !sites.is_empty()), "{sites:?}");

    shards[0].kill();
    let killed = Instant::now();
    for site in &sites[0] {
        all_see(&mut viewers[*site], 1, LEASE.saturating_sub(killed.elapsed()));
    }
    // One site of each other shard.
    for number in sites[1..].iter().map(|sites| &sites[0]) {
        let more = Viewer::join_site(nodes[0].address, &site(*number));
        all_see(&mut viewers[*number], 4, SOON * 10);
        drop(more);
        all_see(&mut viewers[*number], 3, SOON * 10);
    }
    shards[0].restart();
    let restarted = Instant::now();
    for site in &sites[0] {
        all_see(&mut viewers[*site], 3, RECOVERY.saturating_sub(restarted.elapsed()));
    }
    println!("right again after {:?}", restarted.elapsed());
}

#[test]
fn nodes_follow_sentinels_to_another_master() {
    let mut master = RedisServer::with(&["--repl-diskless-sync-delay", "0"]);
    let replica = RedisServer::with(&["--replicaof", &format!("127.0.0.1 {}", master.port())]);
    let replica_port = replica.port().to_string();
    while !cli(&["-p", &replica_port, "info", "replication"]).contains("master_link_status:up") {}
    let mut sentinel = Sentinel::watching(master.port(), free_port());
    sentinel.until("+slave slave");

    let url = format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/main", sentinel.port());
    let nodes = [(); 3].map(|()| Program::start(&["--redis", &url]));
    let mut viewers: Vec<_> = nodes.iter().map(join).collect();
    all_see(&mut viewers, 3, SOON * 10);
    master.kill();
    let killed = Instant::now();
    let _more = join(&nodes[0]);
    sentinel.until("+switch-master main");
    let switched = killed.elapsed();
    all_see(&mut viewers, 4, RECOVERY);
    println!("another master after {switched:?}, right after {:?}", killed.elapsed());
    assert!(cli(&["-p", &replica_port, "keys", "*"]).contains("onlookers:"), "it is the other one");
}
