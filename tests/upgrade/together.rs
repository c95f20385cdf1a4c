//! Servers that count together through Redis, one of which is upgraded.

use std::time::{Duration, Instant};

use crate::common::listener::Listener;
use crate::common::redis::RedisServer;
use crate::common::tls::{self, Version};
use crate::common::viewer::Viewer;
use crate::processes::{Processes, join};

/// How many there are at the server that is upgraded: such as move, and such as stay.
const MOVING: usize = 30;
const STAYING: usize = 3;

/// Longer than a node is counted that doesn't renew its lease.
const LEASE: Duration = Duration::from_secs(11);

#[test]
fn another_server_misses_nobody_but_those_who_stay_and_these_for_a_moment() {
    let redis = RedisServer::start();
    let url = redis.url();
    let args = [&tls::listen(tls::pair())[..], &["--redis", &url]].concat();
    let mut upgraded = Processes::start(&args);
    let other = Processes::start(&["--redis", &url]);
    let mut moving: Vec<_> = (0..MOVING).map(|_| join(&upgraded, Version::V1_3)).collect();
    let mut staying: Vec<_> = (0..STAYING).map(|_| join(&upgraded, Version::V1_2)).collect();
    let mut elsewhere = Viewer::join(other.address);
    let mut listener = Listener::join(other.address, "/events/example.com");
    let mut all = (MOVING + STAYING + 2) as u64;
    for viewer in moving.iter_mut().chain(&mut staying).chain([&mut elsewhere]) {
        viewer.wait_for(all);
    }
    listener.wait_for(all);

    for upgrade in 1..=2 {
        upgraded.upgrade();
        for viewer in &mut moving {
            assert_eq!(viewer.count(), all, "the first frame of the new process");
        }
        // One more, which the new process counts. The new process is told of under the name of the old one, and that under another:
        // until both are heard, those who stay may be missed.
        let newcomer = join(&upgraded, Version::V1_3);
        let without: Vec<_> = (all - STAYING as u64..=all).collect();
        elsewhere.reaches(all + 1, &without);
        listener.wait_for(all + 1);
        moving.push(newcomer);
        all += 1;
        for viewer in moving.iter_mut().chain(&mut staying) {
            viewer.reaches(all, &[all - 1]);
        }
        assert!(upgraded.is_running(upgrade - 1) || upgrade == 2);
    }
    // Also once leases have ended that nobody renews.
    let begun = Instant::now();
    let quiet = elsewhere.client.receives_nothing_for(LEASE);
    assert!(quiet, "after {:?}", begun.elapsed());
    // The old process takes those back that it has counted.
    drop(staying);
    all -= STAYING as u64;
    elsewhere.reaches(all, &[all + 1, all + 2, all + 3]);
    listener.wait_for(all);
    upgraded.wait_for_end(0);
    for viewer in &mut moving {
        viewer.reaches(all, &[all + 1, all + 2, all + 3]);
    }
}
