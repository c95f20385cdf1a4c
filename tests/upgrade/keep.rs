//! `--keep`: the server is killed, and the next one goes on with every stream.

mod clients;
mod ends;
mod keepers;
mod messages;
mod server;
mod together;
mod viewers;

use std::hash::{BuildHasher, RandomState};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use self::server::{Kept, is_running, kill, new_process_of};
use self::viewers::Viewers;
use crate::common::DEADLINE;
use crate::common::program::onlookers;
use crate::common::viewer::Viewer;

/// How many viewers there are, and how often the server is killed, if not as the environment variables say.
const VIEWERS: usize = 60;
const KILLS: u64 = 20;

/// How many pages come and go beside them.
const OTHERS: usize = 5;

/// How soon streams continue. A build without optimization on a busy machine takes longer to start.
const SOON: Duration = Duration::from_secs(if cfg!(debug_assertions) { 8 } else { 2 });

fn number_of(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |number| number.parse().unwrap())
}

#[test]
fn a_server_that_is_killed_at_any_moment_loses_nobody() {
    let viewers = number_of("ONLOOKERS_KEEP_VIEWERS", VIEWERS as u64);
    let kills = number_of("ONLOOKERS_KEEP_KILLS", KILLS);
    let server = Kept::start(&[]);
    let mut all = Viewers::join(&server, viewers as usize);
    all.churn(OTHERS);
    let (random, mut took) = (RandomState::new(), Vec::new());
    for turn in 0..kills {
        sleep(Duration::from_millis(random.hash_one(turn) % 300));
        let mut killed = server.kill_server();
        if turn % 4 == 3 {
            // While it goes on with the connections.
            sleep(Duration::from_millis(random.hash_one((turn, "again")) % 200));
            killed = server.kill_server();
        }
        took.push(all.wait_for_frames(killed, SOON));
    }
    all.calm();
    all.wait_for_count(viewers);
    took.sort_unstable();
    println!(
        "{kills} kills, {viewers} viewers: all went on after {:?} in the middle, {:?} at most",
        took[took.len() / 2],
        took[took.len() - 1]
    );
}

#[test]
fn readers_who_leave_while_no_server_runs_are_uncounted() {
    let server = Kept::start(&[]);
    let mut all = Viewers::join(&server, 20);
    all.calm();
    all.wait_for_count(20);
    kill(server.server(), Signal::KILL);
    (12..17).for_each(|number| all.leave(number));
    all.wait_for_count(15);
    let mut one_more = Viewer::join(server.plain);
    one_more.wait_for(16);
    all.wait_for_count(16);
    drop(one_more);
    all.wait_for_count(15);
}

/// The soft limit of open files is raised by the server: the keeper has to hold as many.
#[test]
fn the_keeper_holds_as_many_connections_as_the_server() {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -Sn 64; exec \"$0\" \"$@\"", onlookers().get_program().to_str().unwrap()]);
    let server = Kept::spawn(crate::common::program::bare(command), &[]);
    let all = Viewers::join(&server, 150);
    all.calm();
    all.wait_for_count(150);
    let killed = server.kill_server();
    all.wait_for_frames(killed, SOON);
    all.wait_for_count(150);
}

#[test]
fn an_upgrade_that_is_killed_loses_nobody() {
    let server = Kept::start(&[]);
    let viewers = number_of("ONLOOKERS_KEEP_VIEWERS", VIEWERS as u64);
    let mut all = Viewers::join(&server, viewers as usize);
    all.churn(2);
    let random = RandomState::new();
    let (mut done, mut more) = (0, Vec::new());
    for turn in 0..number_of("ONLOOKERS_KEEP_UPGRADES", 10) {
        let old = server.server();
        std::thread::scope(|scope| {
            let order = scope.spawn(|| server.order_upgrade());
            let new = new_process_of(old);
            sleep(Duration::from_millis(random.hash_one((turn, "delay")) % 150));
            let victim = if turn % 2 == 0 { old } else { new };
            let is_there = is_running(victim);
            kill(victim, Signal::KILL);
            let output = order.join().unwrap();
            done += u32::from(output.status.success());
            println!("{turn}: victim {}, running {is_there}, {output:?}", ["old", "new"][turn as usize % 2]);
        });
        // More come or go than the pages that do so all the time: everybody sees another number.
        match more.is_empty() {
            true => more.extend((0..5).map(|_| Viewer::join(server.plain))),
            false => more.clear(),
        }
        let least = viewers + more.len() as u64;
        all.wait_for_count_in(least..least + 5, SOON);
        let started = std::time::Instant::now();
        while server.children().into_iter().filter(|pid| is_running(*pid)).count() != 1 {
            assert!(started.elapsed() < DEADLINE, "two servers");
            sleep(Duration::from_millis(5));
        }
    }
    more.clear();
    println!("{done} upgrades were done");
    let old = server.server();
    std::thread::scope(|scope| {
        let order = scope.spawn(|| server.order_upgrade());
        new_process_of(old);
        sleep(Duration::from_millis(random.hash_one("keeper") % 200));
        kill(server.program.id(), Signal::KILL);
        println!("{:?}", order.join().unwrap());
        all.calm();
        all.wait_for_count(viewers);
    });
}

/// The memory of the keeper itself, in KiB, with its share of what other processes have, too. Not the program's: that is the less, the
/// more processes run it.
fn memory_of(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let of = |name: &str| {
        let line = rollup.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    of("Pss_Anon:") + of("Pss_Shmem:")
}

#[test]
fn a_viewer_costs_the_keeper_at_most_half_a_kibibyte() {
    const MANY: usize = 1000;
    let server = Kept::start(&[]);
    let keeper = server.program.id();
    let few = Viewers::join(&server, 20);
    few.calm();
    few.wait_for_count(20);
    let before = memory_of(keeper);
    let many = Viewers::join(&server, MANY);
    many.calm();
    many.wait_for_count(MANY as u64 + 20);
    let after = memory_of(keeper);
    println!("the keeper: {before} KiB with 20 viewers, {after} KiB with {MANY} more");
    assert!(after.saturating_sub(before) <= MANY as u64 / 2, "{before} KiB, then {after} KiB");
}
