//! Nodes and Redis fail.

use rustix::process::Signal;

use crate::common::program::onlookers;
use crate::common::redis::RedisServer;
use crate::common::tls::{self, Pair};
use crate::common::viewer::Viewer;
use crate::{LEASE, RECOVERY, SOON, all_see, join, node, nodes};

#[test]
fn a_killed_node_is_counted_for_ten_seconds_at_most() {
    let redis = RedisServer::start();
    let [one, other] = nodes(&redis);
    let mut viewers = [join(&one)];
    let _gone = join(&other);
    all_see(&mut viewers, 2, SOON * 10);
    drop(other);
    let took = all_see(&mut viewers, 1, LEASE);
    println!("uncounted after {took:?}");
}

#[test]
fn a_node_that_stops_is_uncounted_at_once_and_its_successor_counted_once() {
    let redis = RedisServer::start();
    let [one, mut other] = nodes(&redis);
    let mut viewers = [join(&one)];
    let _gone = join(&other);
    all_see(&mut viewers, 2, SOON * 10);
    other.signal(Signal::TERM);
    all_see(&mut viewers, 1, SOON * 3);
    other.wait();
    let successor = node(&redis);
    let _back = join(&successor);
    all_see(&mut viewers, 2, SOON * 10);
}

#[test]
fn a_frozen_node_is_counted_again_once() {
    let redis = RedisServer::start();
    let [one, other] = nodes(&redis);
    let mut viewers = [join(&one)];
    let _frozen = join(&other);
    all_see(&mut viewers, 2, SOON * 10);
    other.signal(Signal::STOP);
    all_see(&mut viewers, 1, LEASE);
    other.signal(Signal::CONT);
    all_see(&mut viewers, 2, RECOVERY);
    let _more = join(&other);
    all_see(&mut viewers, 3, SOON * 10);
}

#[test]
fn without_redis_each_node_counts_its_own_and_with_it_again_all() {
    let mut redis = RedisServer::start();
    let nodes: [_; 2] = nodes(&redis);
    let mut viewers: Vec<_> = nodes.iter().map(join).collect();
    all_see(&mut viewers, 2, SOON * 10);
    redis.kill();
    all_see(&mut viewers, 1, LEASE);
    let gone = join(&nodes[0]);
    let _stays = join(&nodes[1]);
    viewers[1].wait_longer_for(2, SOON * 10);
    drop(gone);
    redis.restart();
    let took = all_see(&mut viewers, 3, RECOVERY);
    println!("right again after {took:?}");
}

/// A restart from a file, or a failover to a replica that lags behind.
#[test]
fn a_redis_that_has_gone_back_is_told_what_has_changed_since() {
    let mut redis = RedisServer::start();
    let [one, other] = nodes(&redis);
    let mut stays = join(&one);
    let gone = join(&other);
    stays.wait_longer_for(2, SOON * 10);
    redis.save();
    drop(gone);
    stays.wait_longer_for(1, SOON * 10);
    let mut elsewhere = Viewer::join_site(one.address, "b.example");
    let _more = Viewer::join_site(other.address, "b.example");
    elsewhere.wait_longer_for(2, SOON * 10);
    redis.kill();
    redis.restart();
    // A node that knows only what Redis has.
    let new = node(&redis);
    join(&new).wait_longer_for(2, RECOVERY * 2);
    Viewer::join_site(new.address, "b.example").wait_longer_for(3, RECOVERY * 2);
}

#[test]
fn a_short_outage_of_redis_changes_no_number() {
    let mut redis = RedisServer::start();
    let nodes: [_; 2] = nodes(&redis);
    let mut viewers: Vec<_> = nodes.iter().map(join).collect();
    all_see(&mut viewers, 2, SOON * 10);
    redis.kill();
    redis.restart();
    let _more = join(&nodes[0]);
    for viewer in &mut viewers {
        let mut seen = Vec::new();
        while seen.last() != Some(&3) {
            seen.push(viewer.count());
        }
        seen.dedup();
        assert!(seen == [3] || seen == [2, 3], "{seen:?}");
    }
}

#[test]
fn authorities_that_cannot_be_used_are_found_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("onlookers.toml");
    let pair = Pair { chain: folder.path().join("ca.pem"), key: folder.path().join("ca.key") };
    tls::write(&pair, &["redis.example"]);
    let cases = [
        ("redis = \"rediss://127.0.0.1\"\nredis_ca = \"/missing.pem\"\n", "line 2: redis_ca: /missing.pem: "),
        ("redis = \"redis://127.0.0.1\"\nredis_ca = \"ca.pem\"\n", "only a rediss:// URL needs it"),
        ("redis_ca = \"ca.pem\"\n", "line 1: redis_ca: it needs redis, too"),
    ];
    for (config, why) in cases {
        std::fs::write(&file, config).unwrap();
        let check = onlookers().arg("check").arg(&file).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8(check.stderr).unwrap();
        assert_eq!(check.status.code(), Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    }
}
