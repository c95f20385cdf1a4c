//! What the program does when a node dies in the middle of an order, or Redis while a certificate expires; and over more than one Redis.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use redis::Commands;

use crate::common::cluster::{Watched, cli, cluster};
use crate::common::program::Program;
use crate::network::in_network_of_its_own;
use crate::pebble::{Options, Pebble};
use crate::secure::{leaf, wait_for};
use crate::site::{Site, at, prefix, tls, try_tls};

#[test]
fn without_redis_a_node_orders_by_itself_when_its_certificate_is_about_to_expire() {
    const TEST: &str =
        "takeover::without_redis_a_node_orders_by_itself_when_its_certificate_is_about_to_expire";
    in_network_of_its_own(TEST, || {
        let mut site = Site::new();
        let pebble = Pebble::start(&site.place, &Options { validity: 20, ..reliable() });
        let root = pebble.root(&site.place);
        let begun = Instant::now();
        let _node = Program::spawn(site.program(1, &site.redis.url(), "key"));
        let first = leaf(&tls(1, &root));
        site.wait_until_shared(&["account", "certificate:count.example"]);
        site.redis.kill();
        let second = wait_for("nothing is ordered", 3, || {
            try_tls(1, &root).map(|now| leaf(&now)).filter(|now| *now != first)
        });
        // Not at two thirds, as with the others; the times of certificates are whole seconds.
        assert!(begun.elapsed() > Duration::from_secs(17), "{:?}", begun.elapsed());

        site.redis.restart();
        site.wait_until_shared(&["account", "certificate:count.example"]);
        let _newcomer = Program::spawn(site.program(2, &site.redis.url(), "key"));
        assert_eq!(leaf(&tls(2, &root)), second);
        assert_eq!(site.orders(), 2);
    });
}

#[test]
fn an_order_of_a_node_that_was_killed_is_taken_over() {
    in_network_of_its_own("takeover::an_order_of_a_node_that_was_killed_is_taken_over", || {
        let site = Site::new();
        let pebble = Pebble::start(&site.place, &reliable());
        let root = pebble.root(&site.place);
        // The authority reaches this instead of a node, and gets no answer.
        let instead = TcpListener::bind(at(1, 443)).unwrap();
        let dead = Program::spawn(site.program(2, &site.redis.url(), "key"));
        instead.set_nonblocking(true).unwrap();
        let pending = wait_for("the authority doesn't look", 3, || instead.accept().ok());
        drop(dead);
        let mut left: Vec<_> = site.shared().into_iter().map(|(key, _)| key).collect();
        left.sort();
        assert_eq!(left, ["account", "challenge", "turn"]);

        // What is left of its turn is 30 s at most. A test needn't wait for that.
        let turn = prefix() + "turn";
        let lifetime: i64 = site.connection().pttl(&turn).unwrap();
        assert!((10_000..=30_000).contains(&lifetime), "{lifetime}");
        let () = site.connection().pexpire(&turn, 3000).unwrap();
        let begun = Instant::now();
        drop((instead, pending));
        let _node = Program::spawn(site.program(1, &site.redis.url(), "key"));
        tls(1, &root);
        assert!(begun.elapsed() > Duration::from_secs(3), "{:?}", begun.elapsed());
        site.wait_until_shared(&["account", "certificate:count.example"]);
        assert_eq!(site.orders(), 1);
    });
}

#[test]
fn nodes_share_certificates_over_a_cluster() {
    in_network_of_its_own("takeover::nodes_share_certificates_over_a_cluster", || {
        let (site, shards) = (Site::new(), cluster());
        share_at(&site, &format!("redis+cluster://127.0.0.1:{}", shards[0].port()));
        let keys = shards.each_ref().map(|shard| {
            let keys = cli(&["-p", &shard.port().to_string(), "keys", "onlookers:acme:*"]);
            keys.lines().filter(|key| !key.is_empty()).count()
        });
        assert_eq!(keys.iter().sum::<usize>(), 2, "the account and the certificate: {keys:?}");
    });
}

#[test]
fn nodes_share_certificates_over_what_sentinels_watch() {
    in_network_of_its_own("takeover::nodes_share_certificates_over_what_sentinels_watch", || {
        let (site, mut watched) = (Site::new(), Watched::start());
        let (root, nodes) = share_at(&site, &watched.url());
        watched.master.kill();
        watched.sentinel.until("+switch-master main");
        let _newcomer = Program::spawn(site.program(3, &watched.url(), "key"));
        assert_eq!(leaf(&tls(3, &root)), leaf(&tls(1, &root)));
        assert_eq!(site.orders(), 1);
        drop(nodes);
    });
}

/// One of two nodes orders, the other answers, and both have the certificate. Returns the root, and the nodes.
fn share_at(site: &Site, redis: &str) -> (String, [Program; 2]) {
    let pebble = Pebble::start(&site.place, &reliable());
    let root = pebble.root(&site.place);
    let _barred = site.bar_the_first();
    let nodes = [1, 2].map(|number| Program::spawn(site.program(number, redis, "key")));
    assert_eq!(leaf(&tls(1, &root)), leaf(&tls(2, &root)));
    assert_eq!(site.orders(), 1);
    (root, nodes)
}

/// Each order succeeds: after a failure the program would wait for a minute.
fn reliable() -> Options {
    Options { refused_nonces: 0, ..Options::default() }
}
