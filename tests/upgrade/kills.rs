//! kill -9 of the old or the new process, at any moment of an upgrade: nobody is served or counted twice, and nobody is lost but those whose
//! process was killed.

use std::collections::HashSet;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::process::Output;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::churn::server;
use crate::common::DEADLINE;
use crate::common::program::onlookers;
use crate::crowd::Crowd;
use crate::processes::{Processes, pid_in, wait_until};
use crate::truth::Truth;

/// How many upgrades there are, if not as many as the environment variable says.
const UPGRADES: u64 = 20;
const VARIABLE: &str = "ONLOOKERS_UPGRADE_KILLS";

const VIEWERS: usize = 1000;

/// How many pages come and go beside them.
const OTHERS: u32 = 5;

/// Of the time that an upgrade takes, a kill comes after no more than so many hundredths.
const LATEST: u64 = 130;

/// How long it takes at most to give all connections away: half of the kills come in that time.
const GIVING: Duration = Duration::from_millis(40);

/// When the new process has so many files open, it is being given connections.
const TAKES: usize = 100;

/// The process that is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Victim {
    Old,
    New,
}

#[test]
fn a_kill_amid_an_upgrade_serves_and_counts_nobody_twice() {
    let upgrades = std::env::var(VARIABLE).map_or(UPGRADES, |number| number.parse().unwrap());
    let random = RandomState::new();
    let (mut processes, places) = server();
    // Those that are lost are counted no more, so only too many are wrong.
    let crowd = Crowd::new(places, VIEWERS, Truth::between(0, VIEWERS as u64));
    crowd.fill(VIEWERS, true);
    let started = Instant::now();
    let mut current = processes.upgrade();
    let usual = started.elapsed();
    println!("an upgrade takes {usual:?}");
    for turn in 0..upgrades {
        let victim = if random.hash_one((turn, "victim")) % 2 == 0 { Victim::Old } else { Victim::New };
        let part = (random.hash_one((turn, "delay")) % LATEST) as u32;
        let moment = match turn % 2 {
            0 => Moment::AfterOrder(usual * part / 100),
            _ => Moment::AfterFirstBatch(GIVING * part / 100),
        };
        let before = Before { old: current, victim, moment };
        current = match kill(&mut processes, &crowd, before) {
            Some(survivor) => survivor,
            None => {
                let (again, places) = server();
                crowd.move_to(places);
                processes = again;
                0
            }
        };
        crowd.fill(VIEWERS, true);
        crowd.seen().assert_faultless();
    }
}

#[derive(Clone, Copy, Debug)]
struct Before {
    /// The number of the old process.
    old: usize,
    victim: Victim,
    moment: Moment,
}

/// When the kill comes.
#[derive(Clone, Copy, Debug)]
enum Moment {
    AfterOrder(Duration),
    AfterFirstBatch(Duration),
}

impl Moment {
    /// Waits for it, from the order on, that has started the new process `pid`.
    fn wait(self, ordered: Instant, pid: u32, is_done: impl Fn() -> bool) {
        match self {
            Self::AfterOrder(delay) => sleep(delay.saturating_sub(ordered.elapsed())),
            Self::AfterFirstBatch(delay) => {
                // Until it runs its program it has all files of the old one.
                while !is_done() && sockets_of(pid).len() >= TAKES {}
                while !is_done() && sockets_of(pid).len() < TAKES {}
                sleep(delay);
            }
        }
    }
}

/// Kills one of the two and returns the other, if that serves.
fn kill(processes: &mut Processes, crowd: &Crowd, before: Before) -> Option<usize> {
    let churn = crowd.churn(OTHERS, true);
    let (old, started, control) = (processes.pid(before.old), Instant::now(), processes.control());
    let order = std::thread::spawn(move || onlookers().args(["upgrade", "--control"]).arg(control).output());
    let pid = new_process_of(old);
    let new = processes.has_become(pid);
    before.moment.wait(started, pid, || order.is_finished());
    kill_process(if before.victim == Victim::Old { old } else { pid });
    let output = order.join().unwrap().unwrap();
    let (victim, other) = match before.victim {
        Victim::Old => (before.old, new),
        Victim::New => (new, before.old),
    };
    wait_until("the killed process is gone", || !processes.is_running(victim));
    let is_done = output.status.success();
    churn.stop();
    let survivor = settle(processes, crowd, other);
    let left = crowd.seen().open_viewers();
    println!("{before:?}: done {is_done}, survivor {survivor:?}, {left} left");
    assert!(!is_done || pid_in(&output) == pid, "{output:?}");
    let keeps_all = match before.victim {
        // What has moved was its own.
        Victim::New => !is_done && survivor.is_some() && goes_on(&output),
        Victim::Old => is_done,
    };
    assert!(
        !keeps_all || left == VIEWERS as u64,
        "{} are lost: {before:?} {output:?}",
        VIEWERS as u64 - left
    );
    crowd.seen().assert_faultless();
    survivor
}

/// Whether the old process says that it goes on as it was.
fn goes_on(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stderr).contains("goes on as it was")
}

/// Waits until the process that is left serves all who are left, or has ended because nobody is.
fn settle(processes: &Processes, crowd: &Crowd, other: usize) -> Option<usize> {
    let started = Instant::now();
    loop {
        let (left, is_running) = (crowd.seen().open_viewers(), processes.is_running(other));
        if !is_running {
            wait_until("viewers of no process are told so", || crowd.seen().open_viewers() == 0);
            return None;
        }
        let wrong = crowd.seen().others(|_, count| count == Some(left));
        // A process without a listener, which lingers for nobody, is about to end.
        if wrong.is_empty() && (left > 0 || serves(processes)) {
            return Some(other);
        }
        crowd.seen().assert_faultless();
        assert!(
            started.elapsed() < DEADLINE,
            "{left} are left, and {} of them see another number",
            wrong.len()
        );
        sleep(Duration::from_millis(5));
    }
}

fn serves(processes: &Processes) -> bool {
    std::net::TcpStream::connect(processes.address).is_ok()
}

/// The process that the old one starts.
fn new_process_of(old: u32) -> u32 {
    let started = Instant::now();
    loop {
        let tasks = fs::read_dir(format!("/proc/{old}/task")).unwrap();
        let children = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
        let found = children.collect::<String>();
        if let Some(pid) = found.split_whitespace().find_map(|pid| pid.parse().ok()) {
            return pid;
        }
        assert!(started.elapsed() < DEADLINE, "no new process");
    }
}

fn kill_process(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    // It may have ended by itself.
    let _ = rustix::process::kill_process(pid, Signal::KILL);
}

/// The sockets that a process has open, by their inodes.
fn sockets_of(pid: u32) -> HashSet<String> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    let targets =
        files.filter_map(|file| fs::read_link(file.ok()?.path()).ok()?.into_os_string().into_string().ok());
    targets.filter(|target| target.starts_with("socket:")).collect()
}

/// After an upgrade, no connection is open in both processes.
#[test]
fn after_an_upgrade_no_process_holds_a_socket_of_the_other() {
    let (mut processes, places) = server();
    let crowd = Crowd::new(places, 100, Truth::between(100, 100));
    crowd.fill(100, false);
    // It keeps the old process.
    let _idle = std::net::TcpStream::connect(places.plain).unwrap();
    let before = sockets_of(processes.pid(0));
    assert_eq!(processes.upgrade(), 1);
    let new = sockets_of(processes.pid(1));
    assert!(before.intersection(&new).count() >= 100, "they are the same sockets");
    wait_until("each socket has one owner", || {
        sockets_of(processes.pid(0)).intersection(&sockets_of(processes.pid(1))).next().is_none()
    });
    crowd.wait_for_frames(Instant::now() - Duration::from_secs(60), DEADLINE);
    crowd.seen().assert_faultless();
}
