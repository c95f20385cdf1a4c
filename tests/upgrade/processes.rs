//! A server that is upgraded: the program, and each process that it has been.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tempfile::TempDir;

use crate::common::client::Client;
use crate::common::program::{Program, onlookers};
use crate::common::tls::{self, Version};
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, view_of};

/// A server with a control socket. All of its processes are killed when this is dropped.
pub(crate) struct Processes {
    program: Program,
    pub(crate) address: SocketAddr,
    /// The newest is the last.
    all: Vec<Process>,
    folder: TempDir,
}

struct Process {
    pid: u32,
    handle: OwnedFd,
}

impl Process {
    fn of(pid: u32) -> Self {
        let pid_of = Pid::from_raw(pid.try_into().unwrap()).unwrap();
        Self { pid, handle: pidfd_open(pid_of, PidfdFlags::empty()).unwrap() }
    }

    /// Whether it runs. One that has ended may still be waited for by nobody.
    fn is_running(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    }
}

impl Processes {
    /// Starts it on a port that the system chooses, unless `args` name one. It repaints nothing unless they say so: then each frame
    /// shows a change, or comes from another process.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(onlookers(), args)
    }

    /// The same with a `command` of one's own.
    pub(crate) fn spawn(command: Command, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::spawn(configured(command, args, Some(folder.path())));
        Self::of(program, folder)
    }

    /// The same; the log goes to the file that [`Self::log`] reads.
    pub(crate) fn spawn_logging(command: Command, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let command = configured(command, args, Some(folder.path()));
        let program = Program::spawn_logging(command, log_in(&folder));
        Self::of(program, folder)
    }

    /// The same without a control socket.
    pub(crate) fn without_control(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::spawn_logging(configured(onlookers(), args, None), log_in(&folder));
        Self::of(program, folder)
    }

    fn of(program: Program, folder: TempDir) -> Self {
        Self { address: program.address, all: vec![Process::of(program.id())], program, folder }
    }

    /// Where its control socket is.
    pub(crate) fn control(&self) -> PathBuf {
        control(self.folder.path())
    }

    /// What it has printed before it was ready.
    pub(crate) fn greeting(&self) -> &[String] {
        &self.program.greeting
    }

    /// The address without TLS, if it is the second.
    pub(crate) fn plain(&self) -> SocketAddr {
        let address = |line: &String| line.split_once("http://")?.1.strip_suffix('/')?.parse().ok();
        self.greeting().iter().find_map(address).expect("an address without TLS")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Upgrades it, which has to succeed. Returns the number of the new process, counted from 0.
    pub(crate) fn upgrade(&mut self) -> usize {
        let output = self.order();
        assert!(output.status.success(), "{output:?}");
        self.has_become(pid_in(&output))
    }

    /// Notes that another process is the newest now.
    pub(crate) fn has_become(&mut self, pid: u32) -> usize {
        assert!(self.all.iter().all(|process| process.pid != pid));
        self.all.push(Process::of(pid));
        self.all.len() - 1
    }

    /// Orders an upgrade, whatever becomes of it.
    pub(crate) fn order(&self) -> Output {
        onlookers().args(["upgrade", "--control"]).arg(self.control()).output().unwrap()
    }

    pub(crate) fn pid(&self, process: usize) -> u32 {
        self.all[process].pid
    }

    pub(crate) fn signal(&self, process: usize, signal: Signal) {
        pidfd_send_signal(&self.all[process].handle, signal).unwrap();
    }

    pub(crate) fn is_running(&self, process: usize) -> bool {
        self.all[process].is_running()
    }

    /// Waits until that one has ended.
    pub(crate) fn wait_for_end(&mut self, process: usize) {
        let started = Instant::now();
        while self.is_running(process) {
            assert!(started.elapsed() < DEADLINE, "process {process} doesn't end");
            std::thread::yield_now();
        }
        if process == 0 {
            assert_eq!(self.program.wait().code(), Some(0));
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // The newest first: none of them is a zombie's child then.
        for process in self.all.iter().rev() {
            let _ = pidfd_send_signal(&process.handle, Signal::KILL);
        }
    }
}

fn configured(mut command: Command, args: &[&str], folder: Option<&Path>) -> Command {
    for (flag, value) in [("--listen", "127.0.0.1:0"), ("--repaint", "1h")] {
        if !args.contains(&flag) {
            command.args([flag, value]);
        }
    }
    if let Some(folder) = folder.filter(|_| !args.contains(&"--control")) {
        command.arg("--control").arg(control(folder));
    }
    command.args(args);
    command
}

fn log_in(folder: &TempDir) -> Stdio {
    File::options().create(true).append(true).open(folder.path().join("log")).unwrap().into()
}

fn control(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

/// A viewer over that version of TLS.
pub(crate) fn join(server: &Processes, version: Version) -> Viewer {
    let mut client = Client::connect_tls(server.address, tls::client(version));
    client.send(view_of("example.com"));
    Viewer::opened(client)
}

/// The number of the new process, as `onlookers upgrade` prints it.
pub(crate) fn pid_in(output: &Output) -> u32 {
    let text = String::from_utf8_lossy(&output.stdout);
    let pid = text.strip_prefix("process ").and_then(|rest| rest.strip_suffix(" has taken over\n"));
    pid.and_then(|pid| pid.parse().ok()).unwrap_or_else(|| panic!("{output:?}"))
}

/// Waits until that is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < DEADLINE, "not so: {what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Whether nobody listens at that path.
pub(crate) fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}
