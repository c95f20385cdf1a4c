//! Several nodes, of which the authority reaches the first one only.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use redis::Commands;

use crate::common::client::get;
use crate::common::parts::png_of;
use crate::common::program::{Program, onlookers};
use crate::common::server::TestServer;
use crate::network::in_network_of_its_own;
use crate::pebble::{NAME, Options, Pebble};
use crate::renewal::{read_until, view};
use crate::secure::{connect, leaf, wait_for};
use crate::site::{KEY, OTHER_KEY, Site, at, prefix, tls, try_tls};

#[test]
fn one_node_orders_any_answers_and_all_have_the_certificate() {
    in_network_of_its_own("together::one_node_orders_any_answers_and_all_have_the_certificate", || {
        let site = Site::new();
        let pebble = Pebble::start(&site.place, &Options::default());
        let root = pebble.root(&site.place);
        let _barred = site.bar_the_first();
        let _nodes = [1, 2, 3].map(|number| site.node(number));
        let leaves = [1, 2, 3].map(|number| leaf(&tls(number, &root)));
        assert!(leaves.iter().all(|it| *it == leaves[0]), "it is the same on all nodes");
        assert_eq!(site.orders(), 1);

        // The turn and the challenge are over, and nothing can be read.
        for (key, value) in site.wait_until_shared(&["account", "certificate:count.example"]) {
            let has = |word: &[u8]| value.windows(word.len()).any(|part| part == word);
            assert!(!has(b"PRIVATE") && !has(b"BEGIN") && !has(b"example") && !has(b"key"), "{key}");
        }
        for path in ["0123456789abcdefghijklmnopqrstuvwxyz", "short", "..%2f..%2f0123456789abcdefghijk"] {
            let path = format!("/.well-known/acme-challenge/{path}");
            assert_eq!(get(at(2, 80), &path, &[]).status, 404, "{path}");
        }
        assert!(connect(at(2, 443), NAME, b"acme-tls/1", &root).is_err(), "no challenge is pending");
        let (before, token) =
            (site.questions(), "/.well-known/acme-challenge/0123456789abcdefghijklmnopqrstuvwxyz");
        let ask = || (0..40).for_each(|_| assert_eq!(get(at(2, 80), token, &[]).status, 404));
        std::thread::scope(|threads| (0..8).for_each(|_| drop(threads.spawn(ask))));
        let questions = site.questions() - before;
        assert!(questions < 100, "{questions} for 320 requests, a few of them the nodes' own");
    });
}

#[test]
fn any_node_answers_at_port_80() {
    in_network_of_its_own("together::any_node_answers_at_port_80", || {
        let site = Site::new();
        let pebble = Pebble::start(&site.place, &Options { tls_port: 444, ..Options::default() });
        let root = pebble.root(&site.place);
        let _barred = site.bar_the_first();
        let _nodes = [1, 2].map(|number| site.node(number));
        assert_eq!(leaf(&tls(1, &root)), leaf(&tls(2, &root)));
        assert_eq!(site.orders(), 1);
    });
}

#[test]
fn a_renewal_reaches_the_other_nodes_and_no_stream_is_lost() {
    in_network_of_its_own("together::a_renewal_reaches_the_other_nodes_and_no_stream_is_lost", || {
        let site = Site::new();
        let pebble = Pebble::start(&site.place, &Options { validity: 24, ..Options::default() });
        let root = pebble.root(&site.place);
        let _barred = site.bar_the_first();
        let _nodes = [1, 2].map(|number| site.node(number));
        let first = tls(1, &root);
        let mut streams = [1, 2].map(|number| view(at(number, 443), &root));
        assert_eq!(leaf(&streams[0]), leaf(&first));
        streams.iter_mut().for_each(|stream| read_until(stream, &png_of(2)));
        let renewed = wait_for("the other node has the old one", 4, || {
            try_tls(1, &root).map(|now| leaf(&now)).filter(|now| *now != leaf(&first))
        });
        assert_eq!(leaf(&tls(2, &root)), renewed);
        assert_eq!(site.orders(), 2);
        let _third = view(at(1, 443), &root);
        streams.iter_mut().for_each(|stream| read_until(stream, &png_of(3)));
    });
}

#[test]
fn redis_is_lost_and_certificates_are_not() {
    in_network_of_its_own("together::redis_is_lost_and_certificates_are_not", || {
        let mut site = Site::new();
        let pebble = Pebble::start(&site.place, &Options::default());
        let root = pebble.root(&site.place);
        let node = site.node(1);
        let first = leaf(&tls(1, &root));
        site.wait_until_shared(&["account", "certificate:count.example"]);
        drop((node, pebble));

        site.redis.kill();
        let _node = site.node(1);
        assert_eq!(leaf(&try_tls(1, &root).expect("the folder has it")), first);
        let _newcomer = site.node(2);
        assert!(try_tls(2, &root).is_none(), "neither its folder nor Redis has one");
        site.redis.restart();
        site.wait_until_shared(&["account", "certificate:count.example"]);
        assert_eq!(leaf(&tls(2, &root)), first);
        let _newcomer = site.node(3);
        assert_eq!(leaf(&try_tls(3, &root).expect("it has it before it serves")), first);
        assert_eq!(site.orders(), 1);
    });
}

#[test]
fn a_node_with_another_key_is_told_and_changes_nothing() {
    in_network_of_its_own("together::a_node_with_another_key_is_told_and_changes_nothing", || {
        let site = Site::new();
        let pebble = Pebble::start(&site.place, &Options::default());
        let root = pebble.root(&site.place);
        let _node = site.node(1);
        tls(1, &root);
        let before = site.wait_until_shared(&["account", "certificate:count.example"]);
        let command = site.program(2, &site.redis.url(), "other-key");
        let mut program = Program::spawn_logging(command, Stdio::piped());
        let mut lines = BufReader::new(program.log().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("can't be opened")).unwrap();
        assert!(line.contains("account in Redis") && line.contains("--acme-key-file"), "{line}");
        assert!(!line.contains(OTHER_KEY));
        assert!(try_tls(2, &root).is_none());
        assert_eq!(get(at(2, 80), "/count/example.com.txt", &[]).text(), "0");
        assert_eq!(site.shared(), before);
        assert_eq!(site.orders(), 1);
    });
}

#[test]
fn a_node_that_died_in_its_turn_delays_by_the_rest_of_it() {
    in_network_of_its_own("together::a_node_that_died_in_its_turn_delays_by_the_rest_of_it", || {
        let site = Site::new();
        let pebble = Pebble::start(&site.place, &Options::default());
        let root = pebble.root(&site.place);
        let turn = prefix() + "turn";
        let () = site.connection().pset_ex(&turn, "dead", 4000).unwrap();
        let begun = Instant::now();
        let _node = site.node(1);
        tls(1, &root);
        assert!(begun.elapsed() > Duration::from_secs(4), "{:?}", begun.elapsed());
        site.wait_until_shared(&["account", "certificate:count.example"]);
    });
}

#[test]
fn a_failure_has_all_nodes_wait_unless_they_are_told_not_to() {
    in_network_of_its_own("together::a_failure_has_all_nodes_wait_unless_they_are_told_not_to", || {
        let site = Site::new();
        let [first, second] = [1, 2].map(|number| {
            let mut config = site.config(number);
            config.acme.retry = Duration::from_hours(1);
            config
        });
        let node = TestServer::with(first);
        let failures = "failures:count.example";
        site.wait_until_shared(&[failures]);
        let pause: i64 = site.connection().pttl(prefix() + failures).unwrap();
        assert!((3_000_000..=4_500_000).contains(&pause), "{pause}");
        drop(node);

        // The authority is back, but the other node knows of the failure.
        let pebble = Pebble::start(&site.place, &Options { tls_port: 443, ..Options::default() });
        let root = pebble.root(&site.place);
        let _barred = site.bar_the_first();
        let (_answering, node) = (site.node(1), TestServer::with(second.clone()));
        assert_eq!(site.orders(), 0);
        // An operator has one try again at once.
        let found = wait_for("nothing is ordered", 3, || {
            node.control.reload(&second);
            try_tls(2, &root)
        });
        assert_eq!(leaf(&found), leaf(&tls(1, &root)));
        assert_eq!(site.orders(), 1);
    });
}

#[test]
fn what_cannot_be_shared_is_bad_usage() {
    let folder = tempfile::tempdir().unwrap();
    let [key, bad] = ["key", "bad"].map(|name| folder.path().join(name).display().to_string());
    fs::write(&key, KEY).unwrap();
    fs::write(&bad, "secret").unwrap();
    let acme = ["--listen", "tls:127.0.0.1:0", "--acme", NAME, "--acme-agree"];
    let redis = ["--redis", "redis://127.0.0.1:1"];
    let plain = ["--listen", "127.0.0.1:0"];
    for (args, words) in [
        ([&acme[..], &["--acme-key-file", &key]].concat(), "it needs redis, too"),
        ([&plain[..], &redis, &["--acme-key-file", &key]].concat(), "it needs acme, too"),
        ([&acme[..], &redis, &["--acme-key-file", &bad]].concat(), "bad: it has no 32 bytes"),
        ([&acme[..], &redis, &["--acme-key-file", "/nowhere/key"]].concat(), "/nowhere/key: No such file"),
    ] {
        let output = onlookers().env("XDG_DATA_HOME", folder.path()).args(&args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(words) && !said.contains("secret"), "{args:?}: {said}");
    }
}
