//! The program under test, as a process of its own.

use std::io::{BufRead, BufReader, Lines};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::Outcome;

pub(crate) struct Counter {
    child: Child,
    /// The processes that have taken over from it, by upgrades.
    newer: Vec<OwnedFd>,
    address: SocketAddr,
    /// Where it is with TLS, if it is.
    secure: Option<SocketAddr>,
    _files: Option<TempDir>,
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

    /// Starts the program with and without TLS. Browsers have to be told to accept its certificate.
    pub(crate) fn start_secure(repaint: Duration) -> Outcome<Self> {
        Self::start_secure_with(repaint, &[])
    }

    /// Likewise with more arguments; TLS is at every address of loopback.
    pub(crate) fn start_secure_with(repaint: Duration, more: &[&str]) -> Outcome<Self> {
        let files = tempfile::tempdir()?;
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        std::fs::write(files.path().join("own.crt"), cert.pem())?;
        std::fs::write(files.path().join("own.key"), signing_key.serialize_pem())?;
        let folder = files.path().to_str().ok_or("a folder with an odd name")?;
        let more = [&["--listen", "tls:0.0.0.0:0", "--tls-cert", folder], more].concat();
        let mut counter = Self::start_with((Ipv4Addr::LOCALHOST, 0).into(), repaint, &more)?;
        counter._files = Some(files);
        Ok(counter)
    }

    fn start_at(address: SocketAddr, repaint: Duration) -> Outcome<Self> {
        Self::start_with(address, repaint, &[])
    }

    fn start_with(address: SocketAddr, repaint: Duration, more: &[&str]) -> Outcome<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_onlookers"))
            .args(["--listen", &address.to_string(), "--repaint", &format!("{}s", repaint.as_secs())])
            // Costs those nothing who don't look.
            .arg("--presence")
            .args(more)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
        let address = stdout.by_ref().map_while(Result::ok).find_map(|line| address_in(&line));
        let address = address.ok_or("the program printed no address")?;
        let secure = match more {
            [] => None,
            _ => stdout.by_ref().map_while(Result::ok).find_map(|line| address_in(&line)),
        };
        Ok(Self { child, newer: Vec::new(), address, secure, _files: None, repaint, _stdout: stdout })
    }

    /// The address of `path` (which starts with a slash) with TLS.
    pub(crate) fn secure_url(&self, path: &str) -> Outcome<String> {
        Ok(format!("https://{}{path}", self.secure.ok_or("without TLS")?))
    }

    pub(crate) fn secure_port(&self) -> Outcome<u16> {
        Ok(self.secure.ok_or("without TLS")?.port())
    }

    /// Connections without TLS that send nothing.
    pub(crate) async fn connect(&self, connections: usize) -> Outcome<Vec<TcpStream>> {
        let connecting = (0..connections).map(|_| TcpStream::connect(self.address));
        Ok(futures_util::future::try_join_all(connecting).await?)
    }

    /// How many connections there are with TLS.
    pub(crate) fn secure_connections(&self) -> Outcome<usize> {
        let port = self.secure_port()?;
        let ss = Command::new("ss")
            .args(["-Htn", "state", "established", &format!("sport = :{port}")])
            .output()?;
        Ok(String::from_utf8(ss.stdout)?.lines().count())
    }

    /// How many of these an event loop has taken over from hyper: the runtime, which accepts, doesn't watch them any more.
    pub(crate) fn taken_over(&self) -> Outcome<usize> {
        let descriptors = descriptors(self.child.id())?;
        let [listening, open] = [LISTENING, ESTABLISHED].map(|state| self.secure_inodes(state));
        let (listening, open) = (listening?, open?);
        let with = |inodes: &[String]| -> Vec<_> {
            let socket = |link: &String| inodes.iter().any(|inode| *link == format!("socket:[{inode}]"));
            descriptors.iter().filter(|(_, link)| socket(link)).map(|(number, _)| *number).collect()
        };
        let (listening, open): (Vec<u32>, Vec<u32>) = (with(&listening), with(&open));
        let mut taken_over = 0;
        for (number, link) in &descriptors {
            if link == "anon_inode:[eventpoll]" {
                let watched = watched_by(self.child.id(), *number)?;
                let accepts = listening.iter().any(|listening| watched.contains(listening));
                let of_pictures = open.iter().filter(|open| watched.contains(open)).count();
                taken_over += if accepts { 0 } else { of_pictures };
            }
        }
        Ok(taken_over)
    }

    /// The sockets in that state at the address with TLS.
    fn secure_inodes(&self, state: &str) -> Outcome<Vec<String>> {
        let (port, table) =
            (format!(":{:04X}", self.secure_port()?), std::fs::read_to_string("/proc/net/tcp")?);
        let rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
        let rows = rows.filter(|row| row.len() > 9 && row[1].ends_with(&port) && row[3] == state);
        Ok(rows.map(|row| row[9].to_owned()).collect())
    }

    /// What the program has of memory that is in no file, in bytes.
    pub(crate) fn own_memory(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
        Ok(1024 * line.trim().trim_end_matches(" kB").parse::<u64>()?)
    }

    /// The address of `path` (which starts with a slash) on the program.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Upgrades it, as operators do who have started it with `--control` and this path.
    pub(crate) fn upgrade(&mut self, control: &Path) -> Outcome {
        let output = Command::new(env!("CARGO_BIN_EXE_onlookers"))
            .args(["upgrade", "--control"])
            .arg(control)
            .stderr(Stdio::inherit())
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let pid = said.strip_prefix("process ").and_then(|said| said.split(' ').next()?.parse().ok());
        let pid = pid.and_then(Pid::from_raw).ok_or("there is no upgrade")?;
        self.newer.push(pidfd_open(pid, PidfdFlags::empty())?);
        Ok(())
    }

    /// Whether the process that it began with runs.
    pub(crate) fn first_runs(&mut self) -> Outcome<bool> {
        Ok(self.child.try_wait()?.is_none())
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
        for process in &self.newer {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// States of sockets in /proc/net/tcp.
const LISTENING: &str = "0A";
const ESTABLISHED: &str = "01";

/// The open files of a process, each with what it is.
fn descriptors(process: u32) -> Outcome<Vec<(u32, String)>> {
    let mut descriptors = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{process}/fd"))? {
        let entry = entry?;
        // It may be closed by now.
        let Ok(link) = std::fs::read_link(entry.path()) else { continue };
        let number = entry.file_name().to_string_lossy().parse()?;
        descriptors.push((number, link.to_string_lossy().into_owned()));
    }
    Ok(descriptors)
}

/// The open files that an epoll instance watches.
fn watched_by(process: u32, epoll: u32) -> Outcome<Vec<u32>> {
    let info = std::fs::read_to_string(format!("/proc/{process}/fdinfo/{epoll}"))?;
    let watched = info.lines().filter_map(|line| line.strip_prefix("tfd:"));
    watched.map(|rest| Ok(rest.split_whitespace().next().ok_or("no number")?.parse()?)).collect()
}

/// The first address that the line names, on loopback.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("127.0.0.1:").or_else(|| line.split_once("0.0.0.0:"))?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((Ipv4Addr::LOCALHOST, rest[..digits].parse().ok()?).into())
}
