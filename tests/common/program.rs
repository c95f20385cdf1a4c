//! The program as users run it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::log;

/// A running server, killed when dropped.
pub(crate) struct Program {
    child: Child,
    /// The lines it printed before it was ready.
    pub(crate) greeting: Vec<String>,
    pub(crate) address: SocketAddr,
}

/// The program, without the tests' environment variables for it.
pub(crate) fn onlookers() -> Command {
    bare(Command::new(env!("CARGO_BIN_EXE_onlookers")))
}

/// `command` without the environment variables that configure the program.
pub(crate) fn bare(mut command: Command) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ONLOOKERS_")) {
        command.env_remove(name);
    }
    command
}

impl Program {
    /// Starts it on a port that the system chooses, unless `args` name one.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = onlookers();
        command.args(["--listen", "127.0.0.1:0"]).args(args);
        Self::spawn(command)
    }

    /// Starts it on that address.
    pub(crate) fn start_at(address: SocketAddr, args: &[&str]) -> Self {
        let mut command = onlookers();
        command.args(["--listen", &address.to_string()]).args(args);
        Self::spawn(command)
    }

    /// Starts it and waits until it listens. Its log goes where the tests' logs do.
    pub(crate) fn spawn(mut command: Command) -> Self {
        match log::destination() {
            Some(file) => {
                command.arg("-v");
                Self::spawn_logging(command, file.into())
            }
            None => Self::spawn_logging(command, Stdio::null()),
        }
    }

    /// Like [`Self::spawn`], for a test that reads the log: it goes there.
    pub(crate) fn spawn_logging(mut command: Command, log: Stdio) -> Self {
        Self::of(command.stdout(Stdio::piped()).stderr(log).spawn().unwrap())
    }

    /// Waits until `child` listens, whose output is piped.
    pub(crate) fn of(mut child: Child) -> Self {
        let mut greeting: Vec<String> = Vec::new();
        // The demo page's address comes last.
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            greeting.push(line);
            if greeting.last().is_some_and(|line| line.starts_with("    http")) {
                break;
            }
        }
        let address = greeting.iter().find_map(|line| address_in(line)).expect("it says where it listens");
        Self { child, greeting, address }
    }

    /// Its log, once, if it was piped.
    pub(crate) fn log(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let url = line.strip_prefix("onlookers listens on ")?.strip_suffix('/')?;
    url.split_once("://")?.1.parse().ok()
}
