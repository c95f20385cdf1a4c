//! The program under test, as a process of its own.

use std::io::{BufRead, BufReader, Lines};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;

pub(crate) struct Counter {
    child: Child,
    address: SocketAddr,
    repaint: Duration,
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Counter {
    /// Starts the program on a port of the system's choice, resending each picture every `repaint`.
    pub(crate) fn start(repaint: Duration) -> Outcome<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), repaint)
    }

    /// Starts the program anew where it was.
    pub(crate) fn restart(&mut self) -> Outcome {
        *self = Self::start_at(self.address, self.repaint)?;
        Ok(())
    }

    fn start_at(address: SocketAddr, repaint: Duration) -> Outcome<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_onlookers"))
            .args(["--listen", &address.to_string(), "--repaint", &format!("{}s", repaint.as_secs())])
            // Costs those nothing who don't look.
            .arg("--presence")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
        let address = stdout.by_ref().map_while(Result::ok).find_map(|line| address_in(&line));
        let address = address.ok_or("the program printed no address")?;
        Ok(Self { child, address, repaint, _stdout: stdout })
    }

    /// The address of `path` (which starts with a slash) on the program.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks the program to stop, as a service manager does, and waits until it has.
    pub(crate) async fn terminate(&mut self, within: Duration) -> Outcome<ExitStatus> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let deadline = Instant::now() + within;
        loop {
            match self.child.try_wait()? {
                Some(status) => return Ok(status),
                None if Instant::now() > deadline => return Err("still running after SIGTERM".into()),
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first address on loopback that the line names.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("127.0.0.1:")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((Ipv4Addr::LOCALHOST, rest[..digits].parse().ok()?).into())
}
