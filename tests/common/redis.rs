//! Debian's redis-server, which tests start, stop and freeze.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A server that keeps nothing on disk, killed when dropped.
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    options: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    /// Starts it on a free port, and waits until it takes connections.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same with more options: `["--requirepass", "secret"]`.
    pub(crate) fn with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
        // Somebody else may take the port first.
        let mut ports = (0..10).map(|_| free_port());
        let started = ports.find_map(|port| Some((port, spawn(port, &options, folder.path())?)));
        let (port, child) = started.expect("redis-server doesn't start");
        Self { child, port, options, folder }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The same server by its Unix socket.
    pub(crate) fn socket_url(&self) -> String {
        format!("unix://{}", self.folder.path().join(SOCKET).display())
    }

    /// Has it write what it has to disk, from where it is read after a restart.
    #[allow(dead_code, reason = "not all tests that share this need it")]
    pub(crate) fn save(&self) {
        let mut answer = [0; 5];
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        connection.write_all(b"SAVE\r\n").unwrap();
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+OK\r\n");
    }

    /// Kills it (`kill -9`): all that it had is lost, unless it was [saved](Self::save).
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same address, once it was killed.
    pub(crate) fn restart(&mut self) {
        let child = spawn(self.port, &self.options, self.folder.path());
        self.child = child.expect("redis-server doesn't start again");
    }

    /// Stops it as it is (SIGSTOP): connections stay open, and nothing is answered.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Has it go on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SOCKET: &str = "redis.sock";

/// A port that nobody listens on at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// None if it ends before it takes connections.
fn spawn(port: u16, options: &[String], folder: &Path) -> Option<Child> {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--unixsocket"]);
    command.arg(folder.join(SOCKET)).arg("--dir").arg(folder);
    command.args(["--save", "", "--appendonly", "no"]).args(options);
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child =
        command.spawn().expect("this test needs the program redis-server (Debian and Ubuntu: redis-server)");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    if !lines.any(|line| line.contains("Ready to accept connections")) {
        child.wait().unwrap();
        return None;
    }
    // A full pipe would stop it.
    thread::spawn(move || lines.for_each(drop));
    Some(child)
}
