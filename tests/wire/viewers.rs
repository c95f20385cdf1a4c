//! Viewers that read slowly, read nothing or hang up: none of them delays another, and none stays counted.

use std::io::Read;
use std::time::{Duration, Instant};

use onlookers::config::Config;
use onlookers_picture::{Label, Style, Value, render};

use crate::common::client::{Client, End};
use crate::common::parts::{BETWEEN, CLOSING, read_png};
use crate::common::server::{TestServer, config};
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, view_of};

/// A label that makes large pictures, about 2 KB each.
const LABEL: &str = "QGSR&@%8965320CBDOPagesqdbpßäöüéèàçñåæøœQGSR&@%8965320CBDOPagesq";

/// How many bytes a viewer that reads nothing can be sent: the buffers of both sides.
const MOST_IN_FLIGHT: usize = 48 * 1024;

/// Repaints large pictures so often that a viewer that doesn't read soon has full buffers.
fn busy() -> Config {
    config(&["--repaint", "100ms", "--label", LABEL])
}

fn picture_of(count: u64) -> Vec<u8> {
    render(&Style::plain(Label::new(LABEL).unwrap()), Value::Count(count)).encode().to_vec()
}

fn join_narrow(server: &TestServer) -> Viewer {
    let mut client = Client::connect_narrow(server.address);
    client.send(view_of("example.com"));
    Viewer { client }
}

/// Lets `reader` read until any viewer that has read nothing must be stalled. Returns the number of pictures.
fn read_a_lot(reader: &mut Viewer) -> usize {
    let (mut bytes, mut pictures) = (0, 0);
    while bytes < 2 * MOST_IN_FLIGHT {
        bytes += reader.picture().len() + BETWEEN.len();
        pictures += 1;
    }
    pictures
}

#[test]
fn a_slow_viewer_holds_one_part_and_skips_to_the_newest() {
    let server = TestServer::with(busy());
    let slow = join_narrow(&server);
    let mut fast = Viewer::join(server.address);
    let sent = read_a_lot(&mut fast);
    // A change that the slow viewer has no room for.
    let late = Viewer::join(server.address);
    fast.wait_for_picture(&picture_of(3));
    let mut slow = Viewer::opened(slow.client);
    let read = slow.wait_for_picture(&picture_of(3));
    let bytes = read * (picture_of(3).len() + BETWEEN.len());
    println!("{read} pictures, some {bytes} bytes, of {sent} that another got");
    assert!(bytes < MOST_IN_FLIGHT && read < sent, "it was sent {read} pictures of {sent}, {bytes} bytes");
    // Once it has caught up, it is like any other viewer.
    drop(late);
    slow.wait_for_picture(&picture_of(2));
}

#[test]
fn a_viewer_that_never_reads_holds_up_no_other() {
    let server = TestServer::with(busy());
    let stuck: Vec<Viewer> = (0..8).map(|_| join_narrow(&server)).collect();
    let mut others = [Viewer::join(server.address), Viewer::join(server.address)];
    for viewer in &mut others {
        read_a_lot(viewer);
    }
    let _eleventh = Viewer::join(server.address);
    let joined = Instant::now();
    for viewer in &mut others {
        viewer.wait_for_picture(&picture_of(11));
    }
    assert!(joined.elapsed() < Duration::from_secs(1), "{:?}", joined.elapsed());
    drop(stuck);
    for viewer in &mut others {
        viewer.wait_for_picture(&picture_of(3));
    }
}

#[test]
fn only_viewers_that_read_nothing_in_time_are_dropped() {
    let allowed = Duration::from_secs(2);
    let server = TestServer::with(Config { write_timeout: allowed, ..busy() });
    let started = Instant::now();
    let mut reader = Viewer::join(server.address);
    let mut nothing = join_narrow(&server);
    // Reading single bytes satisfies the kernel's timeout, but makes no room for the rest of a part.
    let mut dribble = join_narrow(&server);
    reader.wait_for_picture(&picture_of(3));
    while reader.picture() != picture_of(1) {
        assert_eq!(dribble.client.socket.read(&mut [0]).unwrap(), 1);
        assert!(started.elapsed() < 3 * DEADLINE, "a viewer that takes nothing stays for ever");
    }
    assert!(started.elapsed() > allowed, "{:?}", started.elapsed());
    for viewer in [&mut nothing, &mut dribble] {
        viewer.client.read_to_end();
    }
}

/// With the default timeouts, in real time. TCP_USER_TIMEOUT ends the connection before the server does.
#[test]
fn a_viewer_that_reads_nothing_is_dropped_within_30_s() {
    let server = TestServer::with(busy());
    let mut reader = Viewer::join(server.address);
    let _nothing = join_narrow(&server);
    reader.wait_for_picture(&picture_of(2));
    let joined = Instant::now();
    read_a_lot(&mut reader);
    let stalled = Instant::now();
    while reader.picture() != picture_of(1) {
        assert!(stalled.elapsed() < Duration::from_secs(31), "still there after {:?}", stalled.elapsed());
    }
    println!("dropped {:?} to {:?} after the last bytes it took", stalled.elapsed(), joined.elapsed());
    assert!(joined.elapsed() > Duration::from_secs(10), "dropped after {:?}", joined.elapsed());
}

#[test]
fn an_end_a_reset_and_a_half_close_uncount_a_viewer() {
    let server = TestServer::quiet(&[]);
    let mut watcher = Viewer::join(server.address);
    assert_eq!(watcher.count(), 1);
    let ways: [fn(Viewer); 4] = [
        drop,
        |viewer| viewer.client.reset(),
        |viewer| {
            let mut client = viewer.client;
            client.half_close();
            client.read_to_end();
        },
        // With unread bytes on both sides.
        |mut viewer| viewer.client.send("junk"),
    ];
    for leave in ways {
        let mut viewer = Viewer::join(server.address);
        assert_eq!(watcher.count(), 2);
        viewer.wait_for(2);
        leave(viewer);
        assert_eq!(watcher.count(), 1);
    }
}

#[test]
fn a_client_that_hangs_up_early_does_not_stay_counted() {
    let server = TestServer::quiet(&[]);
    for turn in 0..300 {
        let mut client = Client::connect(server.address);
        let request = view_of("example.com");
        client.send(&request[..request.len() - turn % 3]);
        match turn % 2 {
            0 => client.reset(),
            _ => drop(client),
        }
    }
    Viewer::join(server.address).wait_for(1);
}

#[test]
fn an_orderly_end_reaches_a_slow_viewer_after_its_part() {
    let mut server = TestServer::with(busy());
    let slow = join_narrow(&server);
    let mut fast = Viewer::join(server.address);
    read_a_lot(&mut fast);
    server.begin_to_stop();
    let mut slow = Viewer::opened(slow.client);
    loop {
        read_png(&mut slow.client);
        let next = slow.client.take(CLOSING.len());
        if next == CLOSING {
            break;
        }
        assert_eq!([next, slow.client.take(BETWEEN.len() - CLOSING.len())].concat(), BETWEEN);
    }
    assert_eq!(slow.client.read_to_end(), (Vec::new(), End::Fin));
}

#[test]
fn every_count_is_right_after_many_joins_and_leaves() {
    for threads in ["1", "3", "63"] {
        come_and_go(&TestServer::quiet(&["--fanout-threads", threads]));
    }
}

/// Joins and leaves in a pseudo-random order that is the same in each run.
fn come_and_go(server: &TestServer) {
    let sites = ["a.example", "b.example", "c.example"];
    let mut watchers = sites.map(|site| Viewer::join_site(server.address, site));
    let mut present: Vec<(usize, Client)> = Vec::new();
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..1000 {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = (chance >> 33) as usize;
        if present.len() < 20 || pick % 5 < 2 {
            let mut client = Client::connect(server.address);
            client.send(view_of(sites[pick % 3]));
            present.push((pick % 3, client));
        } else {
            let (_, client) = present.swap_remove(pick % present.len());
            if pick.is_multiple_of(2) { client.reset() } else { drop(client) }
        }
    }
    for (site, watcher) in watchers.iter_mut().enumerate() {
        let there = present.iter().filter(|(at, _)| *at == site).count() as u64;
        watcher.wait_for(1 + there);
    }
    present.clear();
    for watcher in &mut watchers {
        watcher.wait_for(1);
    }
}
