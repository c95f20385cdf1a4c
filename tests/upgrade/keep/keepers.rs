//! Keepers that die, hang, or are replaced by an upgrade.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::SOON;
use super::ends::wait_for_log;
use super::server::{Kept, children_of, is_running, kill, wait_until_held_by};
use super::viewers::Viewers;
use crate::common::DEADLINE;

const VIEWERS: usize = 40;

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < DEADLINE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Kills the server of a keeper that isn't the first one; the next one goes on.
fn kill_server(server: u32, keeper: u32, viewers: &mut Viewers) {
    kill(server, Signal::KILL);
    let killed = Instant::now();
    wait_until("there is no other server", || children_of(keeper).into_iter().any(is_running));
    viewers.wait_for_frames(killed, SOON);
    viewers.calm();
    viewers.wait_for_count(VIEWERS as u64);
}

#[test]
fn another_keeper_holds_everything_once_the_first_has_died() {
    let server = Kept::start(&[]);
    let mut viewers = Viewers::join(&server, VIEWERS);
    viewers.churn(2);
    let first = server.server();
    kill(server.program.id(), Signal::KILL);
    let keeper = server.next_keeper(first);
    wait_until_held_by(keeper, VIEWERS);
    assert!(is_running(first));
    kill_server(first, keeper, &mut viewers);
}

#[test]
fn a_keeper_that_hangs_is_replaced_before_an_upgrade() {
    let server = Kept::start(&[]);
    let mut viewers = Viewers::join(&server, VIEWERS);
    viewers.churn(2);
    let (old, hanging) = (server.server(), server.program.id());
    kill(hanging, Signal::STOP);
    let output = server.order_upgrade();
    let said = String::from_utf8(output.stdout).unwrap();
    let new: u32 = said.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    wait_for_log(&server, "another one is started");
    assert!(!is_running(hanging));
    viewers.wait_for_frames(Instant::now(), SOON);
    wait_until("the old server stays", || !is_running(old));
    let keeper = server.next_keeper(new);
    wait_until_held_by(keeper, VIEWERS);
    kill_server(new, keeper, &mut viewers);
}

#[test]
fn an_upgrade_replaces_the_keeper_in_its_process() {
    let server = Kept::start(&[]);
    let mut viewers = Viewers::join(&server, VIEWERS);
    viewers.churn(2);
    for upgrade in 1..=2 {
        let output = server.order_upgrade();
        assert!(output.status.success(), "{output:?}");
        wait_until("the keeper stays as it was", || {
            server.log().matches("of the keeper goes on").count() == upgrade
        });
        viewers.wait_for_frames(Instant::now(), SOON);
    }
    let killed = server.kill_server();
    viewers.wait_for_frames(killed, SOON);
    viewers.calm();
    viewers.wait_for_count(VIEWERS as u64);
}

#[test]
fn a_server_without_keeper_gets_one_by_an_upgrade() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let server = Kept::without_keeper(&["--config", file.path().to_str().unwrap()]);
    let mut viewers = Viewers::join(&server, VIEWERS);
    viewers.churn(2);
    std::fs::write(file.path(), "keep = true\n").unwrap();
    let output = server.order_upgrade();
    let said = String::from_utf8(output.stdout).unwrap();
    let new: u32 = said.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    let keeper = server.next_keeper(new);
    wait_until_held_by(keeper, VIEWERS);
    kill_server(new, keeper, &mut viewers);
}
