//! More than one Redis: a cluster, and a master with a replica.

use std::time::Instant;

use crate::common::cluster::{Watched, cli, cluster};
use crate::common::program::Program;
use crate::common::redis::RedisServer;
use crate::common::viewer::Viewer;
use crate::{LEASE, RECOVERY, SOON, all_see, join};

/// Sites enough for each shard to have some.
const SITES: usize = 48;

fn site(number: usize) -> String {
    format!("{number}.example")
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
    // It takes commands only once the others have heard of it, which takes the cluster some seconds.
    let port = shards[0].port().to_string();
    while !cli(&["-p", &port, "cluster", "info"]).contains("cluster_state:ok") {}
    let restarted = Instant::now();
    for site in &sites[0] {
        all_see(&mut viewers[*site], 3, RECOVERY.saturating_sub(restarted.elapsed()));
    }
    println!("right again after {:?}", restarted.elapsed());
}

#[test]
fn nodes_follow_sentinels_to_another_master() {
    let mut watched = Watched::start();
    let nodes = [(); 3].map(|()| Program::start(&["--redis", &watched.url()]));
    let mut viewers: Vec<_> = nodes.iter().map(join).collect();
    all_see(&mut viewers, 3, SOON * 10);
    watched.master.kill();
    let killed = Instant::now();
    let _more = join(&nodes[0]);
    watched.sentinel.until("+switch-master main");
    let switched = killed.elapsed();
    all_see(&mut viewers, 4, RECOVERY);
    println!("another master after {switched:?}, right after {:?}", killed.elapsed());
    assert!(
        cli(&["-p", &watched.replica.port().to_string(), "keys", "*"]).contains("onlookers:"),
        "it is the other one"
    );
}
