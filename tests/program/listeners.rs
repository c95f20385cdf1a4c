//! Sockets that a supervisor opens, and what the program tells it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::common::DEADLINE;
use crate::common::client::get;
use crate::common::program::{Program, bare, onlookers};

/// A command that runs the program with `socket` as the only socket that is passed, named `web`.
fn activated(socket: OwnedFd, args: &[&str]) -> Command {
    let mut command = bare(Command::new("sh"));
    // Standard input becomes descriptor 3, where passed sockets begin.
    let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" \"$@\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_onlookers")]).args(args).stdin(Stdio::from(socket));
    command
}

fn refused(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn sockets_that_systemd_has_opened_are_served() {
    for listen in ["systemd", "fd:web"] {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let program = Program::spawn(activated(socket.into(), &["--listen", listen]));
        assert_eq!(program.address, address);
        assert_eq!(get(address, "/robots.txt", &[]).status, 200);
    }
}

#[test]
fn a_passed_socket_that_can_not_be_served_is_refused() {
    let listening = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
    let error = refused(activated(listening(), &["--listen", "fd:other"]));
    assert!(error.contains("can't listen on fd:other: systemd has passed no such socket"), "{error}");
    let connected = UnixStream::pair().unwrap().0;
    let error = refused(activated(connected.into(), &["--listen", "systemd"]));
    assert!(error.contains("not a socket that listens"), "{error}");
    let mut without = onlookers();
    without.args(["--listen", "systemd"]);
    let error = refused(without);
    assert!(error.contains("systemd has passed no such socket"), "{error}");
}

/// Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until_connected(path: &Path) -> UnixStream {
    let begun = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return stream,
            Err(error) => assert!(begun.elapsed() < DEADLINE, "nothing listens: {error}"),
        }
        std::thread::yield_now();
    }
}

#[test]
fn systemd_socket_activate_starts_the_program_for_a_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let child = bare(Command::new("systemd-socket-activate"))
        .arg("-l")
        .arg(&path)
        .args(["--fdname=web", env!("CARGO_BIN_EXE_onlookers"), "--listen", "fd:web"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test needs the program systemd-socket-activate (Debian and Ubuntu: systemd)");
    let _running = Running(child);
    let mut stream = wait_until_connected(&path);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
        .write_all(b"GET /robots.txt HTTP/1.1\r\nHost: count.example\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn the_supervisor_hears_that_the_server_is_ready_alive_and_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(DEADLINE)).unwrap();
    let hear = || {
        let mut bytes = [0; 100];
        let length = supervisor.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let mut command = onlookers();
    command.args(["--listen", "127.0.0.1:0"]).env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let mut program = Program::spawn(command);
    assert_eq!(hear(), "READY=1\n");
    let begun = Instant::now();
    for _ in 0..4 {
        assert_eq!(hear(), "WATCHDOG=1\n");
    }
    // At once, and then after each half of the time.
    assert!(begun.elapsed() > Duration::from_millis(100), "{:?}", begun.elapsed());
    program.signal(Signal::TERM);
    while hear() != "STOPPING=1\n" {}
    assert!(program.wait().success());
}

#[test]
fn a_unix_socket_that_is_in_use_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let place = format!("unix:{}", folder.path().join("socket").display());
    let _first = Program::start(&["--listen", &place]);
    let mut second = onlookers();
    second.args(["--listen", &place]);
    let error = refused(second);
    assert!(error.contains("another program listens there"), "{error}");
}
