//! Servers that count together through Redis, one of which is upgraded.

use std::time::Duration;

use crate::common::listener::Listener;
use crate::common::redis::RedisServer;
use crate::common::tls::{self, Version};
use crate::common::viewer::Viewer;
use crate::processes::{Processes, join};

/// How many viewers there are at the server that is upgraded: such as move, and such as stay.
const MOVING: u64 = 30;
const STAYING: u64 = 3;

/// Longer than a node is counted that doesn't renew its lease.
const LEASE: Duration = Duration::from_secs(11);

/// Two servers: one that is upgraded, and another that isn't.
struct Two {
    _redis: RedisServer,
    upgraded: Processes,
    other: Processes,
    elsewhere: Viewer,
    listener: Listener,
}

impl Two {
    fn new() -> Self {
        let redis = RedisServer::start();
        let url = redis.url();
        let upgraded = Processes::start(&[&tls::listen(tls::pair())[..], &["--redis", &url]].concat());
        let other = Processes::start(&["--redis", &url]);
        let elsewhere = Viewer::join(other.address);
        let listener = Listener::join(other.address, "/events/example.com");
        Self { _redis: redis, upgraded, other, elsewhere, listener }
    }

    fn wait_for(&mut self, count: u64) {
        self.elsewhere.wait_for(count);
        self.listener.wait_for(count);
    }
}

#[test]
fn another_server_shows_no_other_number() {
    let mut two = Two::new();
    let mut moving: Vec<_> = (0..MOVING).map(|_| join(&two.upgraded, Version::V1_3)).collect();
    let mut all = MOVING + 2;
    moving.iter_mut().for_each(|viewer| _ = viewer.wait_for(all));
    two.wait_for(all);
    for upgrade in 1..=3 {
        two.upgraded.upgrade();
        for viewer in &mut moving {
            assert_eq!(viewer.count(), all, "the first frame of the new process");
        }
        two.upgraded.wait_for_end(upgrade - 1);
        // One more, which the new process counts, is all that the other server's pages are told.
        moving.push(join(&two.upgraded, Version::V1_3));
        all += 1;
        assert_eq!((two.elsewhere.count(), two.listener.count()), (all, all));
        moving.iter_mut().for_each(|viewer| viewer.reaches(all, &[all - 1]));
    }
    // Also once leases would have ended that nobody renews.
    assert!(two.elsewhere.client.receives_nothing_for(LEASE));
    drop(moving);
    two.wait_for(2);
    assert!(two.other.is_running(0));
}

/// To other servers the two processes are two nodes from one moment on.
#[test]
fn another_server_is_right_at_once_about_those_that_stay() {
    let mut two = Two::new();
    let mut moving: Vec<_> = (0..MOVING).map(|_| join(&two.upgraded, Version::V1_3)).collect();
    let mut staying: Vec<_> = (0..STAYING).map(|_| join(&two.upgraded, Version::V1_2)).collect();
    let all = MOVING + STAYING + 2;
    moving.iter_mut().chain(&mut staying).for_each(|viewer| _ = viewer.wait_for(all));
    two.wait_for(all);
    two.upgraded.upgrade();
    for viewer in &mut moving {
        assert_eq!(viewer.count(), all, "the first frame of the new process");
    }
    let newcomer = join(&two.upgraded, Version::V1_3);
    two.elsewhere.reaches(all + 1, &[all]);
    while let count = two.listener.count()
        && count != all + 1
    {
        assert_eq!(count, all);
    }
    // The pages of both processes never show another number.
    moving.iter_mut().chain(&mut staying).for_each(|viewer| viewer.reaches(all + 1, &[all]));
    drop(newcomer);
    moving.iter_mut().chain(&mut staying).for_each(|viewer| viewer.reaches(all, &[all + 1]));
    // The old process takes back what it has counted.
    drop(staying);
    two.wait_for(all - STAYING);
    two.upgraded.wait_for_end(0);
    assert!(two.elsewhere.client.receives_nothing_for(LEASE));
    drop(moving);
    two.wait_for(2);
}
