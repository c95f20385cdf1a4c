//! Viewers held by another process, which can be killed.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::viewer::Viewer;

/// Environment variables that tell the child process where to connect, and how often.
const ADDRESS: &str = "ONLOOKERS_TEST_ADDRESS";
const SIZE: &str = "ONLOOKERS_TEST_SIZE";

/// A process that holds viewers; dropping this kills it.
pub(crate) struct Crowd {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Crowd {
    /// Runs this test program once more, as `size` viewers: its ignored test `child`, with its module path, has to call
    /// [`be_a_crowd`]. `wrap` is a command to run it with, if any.
    pub(crate) fn start(wrap: &[&str], child: &str, address: SocketAddr, size: usize) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut words = wrap.iter().map(std::ffi::OsStr::new).chain([program.as_os_str()]);
        let mut child = Command::new(words.next().unwrap())
            .args(words)
            .args(["--exact", child, "--ignored", "--nocapture"])
            .env(ADDRESS, address.to_string())
            .env(SIZE, size.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// Waits until every viewer has its first picture.
    pub(crate) fn wait_until_in(&mut self) {
        let mut lines = self.output.by_ref().lines();
        assert!(lines.any(|line| line.is_ok_and(|line| line.ends_with("all in"))), "the crowd didn't get in");
    }

    /// Kills it with SIGKILL: only the kernel closes its connections.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's part: views until it is killed or its parent is gone.
pub(crate) fn be_a_crowd() {
    let of = |name| {
        std::env::var(name).unwrap_or_else(|_| panic!("{name}: other tests run this one as their child"))
    };
    let address = of(ADDRESS).parse().unwrap();
    let viewers: Vec<Viewer> = (0..of(SIZE).parse().unwrap()).map(|_| Viewer::join(address)).collect();
    println!("all in");
    // Standard input ends with the parent.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(viewers);
}
