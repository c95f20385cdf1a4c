//! Signals while the program starts.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::common::DEADLINE;
use crate::common::program::{Program, onlookers};
use crate::common::viewer::Viewer;

/// Starts a server that is caught before it has read its configuration: SIGTERM is the last signal that it catches.
fn start() -> Child {
    let mut command = onlookers();
    command
        .args(["--listen", "127.0.0.1:0", "--repaint", "1h"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let started = Instant::now();
    while !catches(&child, Signal::TERM) {
        assert!(started.elapsed() < DEADLINE, "it catches no SIGTERM");
    }
    child
}

/// Whether the process has a handler for that signal.
fn catches(child: &Child, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (signal.as_raw() - 1)) != 0
}

#[test]
fn sighup_while_it_starts_is_obeyed_afterwards() {
    let mut child = start();
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    let log = child.stderr.take().unwrap();
    let program = Program::of(child);
    let mut lines = BufReader::new(log).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("was read again")));
    assert_eq!(Viewer::join(program.address).count(), 1);
}

#[test]
fn sigterm_or_sigint_while_it_starts_ends_it_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut child = start();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
