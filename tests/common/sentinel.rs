//! A sentinel of Debian's redis-server.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

/// It listens on a port, and watches a master called `main`. Killed when dropped.
pub(crate) struct Sentinel {
    child: Child,
    port: u16,
    log: Lines<BufReader<ChildStdout>>,
    _folder: tempfile::TempDir,
}

impl Sentinel {
    /// Watches the server on port `master`, and listens on `port`, which has to be free.
    pub(crate) fn watching(master: u16, port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("sentinel.conf");
        let watch = format!("sentinel monitor main 127.0.0.1 {master} 1\n");
        let patience = "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n";
        let place = format!("port {port}\nbind 127.0.0.1\ndir {}\n", folder.path().display());
        std::fs::write(&config, place + &watch + patience).unwrap();
        let mut command = Command::new("redis-server");
        command.arg(&config).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, port, log, _folder: folder }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Waits until the sentinel logs that.
    pub(crate) fn until(&mut self, event: &str) {
        assert!(self.log.by_ref().map_while(Result::ok).any(|line| line.contains(event)), "no {event}");
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
