//! A server with a keeper.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::common::program::{Program, onlookers};
use crate::common::{DEADLINE, log, tls};

/// A keeper and its server, both of which are killed when this is dropped.
pub(super) struct Kept {
    pub(super) program: Program,
    pub(super) plain: SocketAddr,
    pub(super) tls: SocketAddr,
    folder: TempDir,
}

impl Kept {
    /// Starts them. Nothing is repainted, so that each frame shows a change, or comes from another process.
    pub(super) fn start(args: &[&str]) -> Self {
        Self::spawn(onlookers(), args)
    }

    /// A server alone.
    pub(super) fn without_keeper(args: &[&str]) -> Self {
        Self::spawn_as(onlookers(), args)
    }

    /// The same with a `command` of one's own.
    pub(super) fn spawn(command: Command, args: &[&str]) -> Self {
        Self::spawn_as(command, &[&["--keep"], args].concat())
    }

    fn spawn_as(mut command: Command, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        command.args(["--listen", "127.0.0.1:0"]).args(tls::listen(tls::pair()));
        command.args(["--repaint", "1h", "--control"]).arg(folder.path().join("control.sock"));
        command.args(args);
        let program = match log::destination() {
            Some(file) => Program::spawn_logging(command, file.into()),
            None => {
                let log = fs::File::create(folder.path().join("log")).unwrap();
                Program::spawn_logging(command, Stdio::from(log))
            }
        };
        let tls = |line: &String| line.split_once("https://")?.1.strip_suffix('/')?.parse().ok();
        let tls = program.greeting.iter().find_map(tls).unwrap();
        Self { plain: program.address, tls, program, folder }
    }

    /// Its log so far, if it goes to no file that tests were told.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(super) fn order_upgrade(&self) -> Output {
        let control = self.folder.path().join("control.sock");
        onlookers().args(["upgrade", "--control"]).arg(control).output().unwrap()
    }

    /// The processes that the keeper has started, or inherited.
    pub(super) fn children(&self) -> Vec<u32> {
        children_of(self.program.id())
    }

    /// All processes, whoever has started them: they have the same arguments.
    pub(super) fn processes(&self) -> Vec<u32> {
        let numbers =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let folder = self.folder.path().to_str().unwrap();
        let is_one = |pid: &u32| {
            fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|args| args.contains(folder))
        };
        numbers.filter(is_one).collect()
    }

    /// The keeper that has taken the place of the first one, besides that server alone.
    pub(super) fn next_keeper(&self, server: u32) -> u32 {
        let started = Instant::now();
        loop {
            match self.processes()[..] {
                [one, two] if one == server && two != self.program.id() => return two,
                [one, two] if two == server && one != self.program.id() => return one,
                _ => {}
            }
            assert!(started.elapsed() < DEADLINE, "there is no other keeper: {}", self.log());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The one that serves, when there is one.
    pub(super) fn server(&self) -> u32 {
        self.other_than(0)
    }

    /// Waits for a server that isn't this one.
    pub(super) fn other_than(&self, before: u32) -> u32 {
        let started = Instant::now();
        loop {
            if let Some(pid) = self.children().into_iter().find(|pid| *pid != before && is_running(*pid)) {
                return pid;
            }
            assert!(started.elapsed() < DEADLINE, "there is no server: {}", self.log());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until the keeper holds so many connections over TCP: those that were opened a moment ago are lost with the server.
    pub(super) fn wait_until_kept(&self, connections: usize) {
        wait_until_held_by(self.program.id(), connections);
    }

    /// Kills the server and waits until another one has been started. Returns when it was killed.
    pub(super) fn kill_server(&self) -> Instant {
        let server = self.server();
        kill(server, Signal::KILL);
        let killed = Instant::now();
        self.other_than(server);
        killed
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the log:\n{}", self.log());
        }
        // Each would start the other anew, while it runs.
        for signal in [Signal::STOP, Signal::KILL] {
            self.processes().into_iter().for_each(|pid| kill(pid, signal));
        }
    }
}

/// Waits until that keeper holds so many connections over TCP.
pub(super) fn wait_until_held_by(keeper: u32, connections: usize) {
    let started = Instant::now();
    while held_by(keeper) < connections {
        assert!(started.elapsed() < DEADLINE, "the keeper holds {} connections", held_by(keeper));
        thread::sleep(Duration::from_millis(2));
    }
}

fn held_by(keeper: u32) -> usize {
    let keeper = format!("/proc/{keeper}");
    let files = fs::read_dir(format!("{keeper}/fd")).into_iter().flatten();
    let links =
        files.filter_map(|file| fs::read_link(file.ok()?.path()).ok()?.into_os_string().into_string().ok());
    let held: HashSet<String> =
        links.filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect();
    let table = fs::read_to_string(format!("{keeper}/net/tcp")).unwrap();
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // The fourth is the state, of which 1 is an open connection, the tenth the number.
    fields.filter(|fields| fields[3] == "01" && held.contains(fields[9])).count()
}

/// The process that an upgrade of this server starts, once it is there.
pub(super) fn new_process_of(old: u32) -> u32 {
    let started = Instant::now();
    loop {
        if let Some(new) = children_of(old).first() {
            return *new;
        }
        assert!(started.elapsed() < DEADLINE, "there is no new process");
    }
}

pub(super) fn children_of(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    children.collect::<Vec<_>>().join(" ").split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

pub(super) fn kill(pid: u32, signal: Signal) {
    // It may have ended by itself.
    let _ = kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal);
}

/// Whether it is neither gone nor dead and waited for by nobody.
pub(super) fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
