//! What nodes exchange, while something else goes on, or is wrong.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use redis::Commands;

use crate::authority::Authority;
use crate::common::client::get;
use crate::common::server::TestServer;
use crate::faults::signed;
use crate::network::in_network_of_its_own;
use crate::pebble::{NAME, Options, Pebble};
use crate::secure::{leaf, wait_for};
use crate::site::{Site, at, calls, prefix, tls};

#[test]
fn a_folder_that_another_process_has_locked_gets_the_certificate_later() {
    in_network_of_its_own(
        "exchange::a_folder_that_another_process_has_locked_gets_the_certificate_later",
        || {
            let site = Site::new();
            let pebble = Pebble::start(&site.place, &Options::default());
            let root = pebble.root(&site.place);
            let (lock, config) = (site.bar_the_first(), site.config(1));
            let (first, _second) = (TestServer::with(config.clone()), site.node(2));
            assert_eq!(leaf(&tls(1, &root)), leaf(&tls(2, &root)));
            let files = || fs::read_dir(site.folder(1)).unwrap().count();
            assert_eq!(files(), 1, "the lock alone");
            drop(lock);
            // The next exchange is due within a minute, or when an operator has the node try again.
            wait_for("the folder has nothing", 3, || {
                first.control.reload(&config);
                (files() == 3).then_some(())
            });
        },
    );
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_shared_and_ordered_once() {
    in_network_of_its_own("exchange::a_certificate_that_is_not_valid_yet_is_shared_and_ordered_once", || {
        let (site, orders) = (Site::new(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&orders);
        // As if the clocks of all nodes were slow.
        let authority = Authority::giving(&site.place, move |request| {
            counted.fetch_add(1, Ordering::Relaxed);
            signed(request, |params| params.not_before = rcgen::date_time_ymd(2998, 1, 1))
        });
        let kept = |number| fs::read(site.folder_of(number, authority.port).join(format!("{NAME}.pem"))).ok();
        let _nodes = [1, 2, 3].map(|number| {
            let node = TestServer::with(site.config_with(number, authority.port));
            wait_for("there is no certificate", 3, || kept(number));
            node
        });
        assert!(kept(1) == kept(2) && kept(1) == kept(3), "it is the same on all nodes");
        assert_eq!(orders.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_certificate_that_comes_after_the_turn_is_lost_is_kept_and_shared() {
    in_network_of_its_own(
        "exchange::a_certificate_that_comes_after_the_turn_is_lost_is_kept_and_shared",
        || {
            let (site, orders) = (Site::new(), Arc::new(AtomicUsize::new(0)));
            let (counted, connection) = (Arc::clone(&orders), Mutex::new(site.connection()));
            let authority = Authority::giving(&site.place, move |request| {
                if counted.fetch_add(1, Ordering::Relaxed) == 0 {
                    lose_turn(&mut connection.lock().unwrap());
                }
                signed(request, |_| ())
            });
            let _node = TestServer::with(site.config_with(1, authority.port));
            let kept = || fs::read(site.folder_of(1, authority.port).join(format!("{NAME}.pem"))).ok();
            wait_for("the certificate is lost", 6, kept);
            wait_for("it isn't shared", 3, || {
                let certificates: Vec<String> =
                    site.connection().keys("onlookers:acme:*:certificate:*").unwrap();
                (certificates.len() == 1).then_some(())
            });
            assert_eq!(orders.load(Ordering::Relaxed), 1);
        },
    );
}

#[test]
fn another_address_for_email_reaches_all_nodes_before_the_next_order() {
    in_network_of_its_own(
        "exchange::another_address_for_email_reaches_all_nodes_before_the_next_order",
        || {
            let site = Site::new();
            let pebble = Pebble::start(&site.place, &Options::default());
            let root = pebble.root(&site.place);
            let node = site.node(1);
            tls(1, &root);
            let before = site.wait_until_shared(&["account", "certificate:count.example"]);
            drop(node);

            let mut config = site.config(1);
            config.acme.email = Some("other@example.com".parse().unwrap());
            let node = TestServer::with(config.clone());
            let now = wait_for("it isn't shared", 3, || Some(site.shared()).filter(|now| *now != before));
            let address = |number| fs::read_to_string(site.folder(number).join("account.json")).unwrap();
            assert!(address(1).contains("other@example.com"));
            // Each exchange asks for the account and for the certificate.
            let questions = site.questions();
            wait_for("nothing is exchanged", 3, || {
                node.control.reload(&config);
                (site.questions() > questions + 4).then_some(())
            });
            assert!(address(1).contains("other@example.com") && site.shared() == now);
            assert_eq!(site.orders(), 1);
        },
    );
}

#[test]
fn nothing_that_is_written_without_a_lifetime_keeps_nodes_from_ordering_for_ever() {
    const TEST: &str =
        "exchange::nothing_that_is_written_without_a_lifetime_keeps_nodes_from_ordering_for_ever";
    in_network_of_its_own(TEST, || {
        let site = Site::new();
        let pebble = Pebble::start(&site.place, &Options::default());
        let root = pebble.root(&site.place);
        let mut connection = site.connection();
        let bounds = [("turn", 30_000), ("failures:count.example", 21_600_000), ("challenge", 360_000)];
        for (key, _) in bounds {
            let () = connection.set(prefix() + key, "strange").unwrap();
        }
        let _node = site.node(1);
        for (key, most) in bounds {
            let lifetime: i64 = wait_for("it stays", 2, || {
                connection.pttl(prefix() + key).ok().filter(|lifetime| *lifetime > 0)
            });
            assert!(lifetime <= most, "{key}: {lifetime}");
            let () = connection.del(prefix() + key).unwrap();
        }
        tls(1, &root);
    });
}

#[test]
fn clients_that_go_before_the_answer_cause_no_more_lookups() {
    in_network_of_its_own("exchange::clients_that_go_before_the_answer_cause_no_more_lookups", || {
        let site = Site::new();
        let _node = site.node(1);
        let path = "/.well-known/acme-challenge/0123456789abcdefghijklmnopqrstuvwxyz";
        assert_eq!(get(at(1, 80), path, &[]).status, 404);
        let before = site.questions();
        site.redis.freeze();
        for _ in 0..200 {
            let mut socket = TcpStream::connect(at(1, 80)).unwrap();
            write!(socket, "GET {path} HTTP/1.1\r\nHost: count.example\r\n\r\n").unwrap();
            socket.shutdown(Shutdown::Write).unwrap();
            // The server has given it up when it closes.
            assert_eq!(socket.read(&mut [0; 64]).unwrap_or_default(), 0);
        }
        site.redis.thaw();
        assert_eq!(get(at(1, 80), path, &[]).status, 404);
        let questions = site.questions() - before;
        assert!(questions < 40, "{questions} for 200 requests, a few of them the node's own");
    });
}

/// Gives the turn to another node, and waits until the one that had it has noticed.
fn lose_turn(connection: &mut redis::Connection) {
    let turns: Vec<String> = connection.keys("onlookers:acme:*:turn").unwrap();
    let () = connection.pset_ex(&turns[0], "another", 60_000).unwrap();
    let before = ["eval", "set"].map(|command| calls(connection, command));
    wait_for("the turn isn't renewed", 3, || {
        let now = ["eval", "set"].map(|command| calls(connection, command));
        (now[0] > before[0] && now[1] > before[1]).then_some(())
    });
}
