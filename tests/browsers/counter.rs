//! The program under test, as a process of its own.

use std::io::{BufRead, BufReader, Lines};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::Outcome;

pub(crate) struct Counter {
    child: Child,
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
        let files = tempfile::tempdir()?;
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        std::fs::write(files.path().join("own.crt"), cert.pem())?;
        std::fs::write(files.path().join("own.key"), signing_key.serialize_pem())?;
        let folder = files.path().to_str().ok_or("a folder with an odd name")?;
        let more = ["--listen", "tls:127.0.0.1:0", "--tls-cert", folder];
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
        Ok(Self { child, address, secure, _files: None, repaint, _stdout: stdout })
    }

    /// The address of `path` (which starts with a slash) with TLS.
    pub(crate) fn secure_url(&self, path: &str) -> Outcome<String> {
        Ok(format!("https://{}{path}", self.secure.ok_or("without TLS")?))
    }

    /// How many connections there are with TLS.
    pub(crate) fn secure_connections(&self) -> Outcome<usize> {
        let port = self.secure.ok_or("without TLS")?.port();
        let ss = Command::new("ss")
            .args(["-Htn", "state", "established", &format!("sport = :{port}")])
            .output()?;
        Ok(String::from_utf8(ss.stdout)?.lines().count())
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
