//! Several servers that count together through Redis.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;

mod clusters;
mod compose;
mod cuts;
mod faults;
mod presence;
mod totals;

use std::time::Duration;

use common::program::Program;
use common::redis::RedisServer;
use common::viewer::Viewer;

/// How soon the others know of a change.
const SOON: Duration = Duration::from_millis(300);

/// How long a node that was killed is counted.
const LEASE: Duration = Duration::from_secs(10);

/// How long it may take until all is right again once Redis is back.
const RECOVERY: Duration = Duration::from_secs(5);

fn node(redis: &RedisServer) -> Program {
    Program::start(&["--redis", &redis.url()])
}

fn nodes<const N: usize>(redis: &RedisServer) -> [Program; N] {
    [(); N].map(|()| node(redis))
}

fn join(node: &Program) -> Viewer {
    Viewer::join(node.address)
}

/// Each sees the number, `within` that time of the first look. Returns how long it took.
fn all_see(viewers: &mut [Viewer], count: u64, within: Duration) -> Duration {
    let times = viewers.iter_mut().map(|viewer| viewer.wait_longer_for(count, within));
    times.max().unwrap_or_default()
}
