//! How a server with a keeper ends, and what becomes of the one without the other.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::server::{Kept, is_running, kill};
use crate::common::program::{bare, onlookers};
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, view_of};

#[test]
fn both_end_in_order() {
    let mut server = Kept::start(&["--drain", "1s"]);
    let viewers: Vec<_> = (0..5).map(|_| Viewer::join(server.plain)).collect();
    let pid = server.server();
    server.program.signal(Signal::TERM);
    viewers.into_iter().for_each(Viewer::read_orderly_end);
    assert_eq!(server.program.wait().code(), Some(0));
    assert!(!is_running(pid));
}

#[test]
fn streams_that_went_on_after_a_crash_end_in_order() {
    let mut server = Kept::start(&["--drain", "1s"]);
    let mut viewers: Vec<_> = (0..5).map(|_| Viewer::join(server.plain)).collect();
    viewers.iter_mut().for_each(|viewer| _ = viewer.wait_for(5));
    server.wait_until_kept(5);
    server.kill_server();
    viewers.iter_mut().for_each(|viewer| assert_eq!(viewer.count(), 5));
    server.program.signal(Signal::TERM);
    viewers.into_iter().for_each(Viewer::read_orderly_end);
    assert_eq!(server.program.wait().code(), Some(0));
}

/// A terminal, and systemd, tell all processes.
#[test]
fn a_signal_to_both_is_one() {
    let mut server = Kept::start(&["--drain", "1s"]);
    let viewers: Vec<_> = (0..5).map(|_| Viewer::join(server.plain)).collect();
    kill(server.server(), Signal::TERM);
    server.program.signal(Signal::TERM);
    viewers.into_iter().for_each(Viewer::read_orderly_end);
    assert_eq!(server.program.wait().code(), Some(0));
}

#[test]
fn a_second_signal_ends_both_at_once() {
    let mut server = Kept::start(&["--drain", "60s"]);
    let _viewers: Vec<_> = (0..50).map(|_| Viewer::join(server.plain)).collect();
    server.program.signal(Signal::TERM);
    let pid = server.server();
    sleep(Duration::from_millis(100));
    let started = Instant::now();
    server.program.signal(Signal::TERM);
    server.program.wait();
    assert!(started.elapsed() < DEADLINE);
    assert!(!is_running(pid));
}

#[test]
fn signals_are_passed_on() {
    let server = Kept::start(&[]);
    let mut viewer = Viewer::join(server.plain);
    viewer.wait_for(1);
    server.wait_until_kept(1);
    let pid = server.server();
    server.program.signal(Signal::HUP);
    wait_for_log(&server, "the configuration was read again");
    server.program.signal(Signal::USR2);
    assert_ne!(server.other_than(pid), pid);
    assert_eq!(viewer.count(), 1, "a frame of the new process");
    wait_for_log(&server, "has taken over");
    // And that one is kept, too.
    let started = Instant::now();
    while is_running(pid) {
        assert!(started.elapsed() < DEADLINE, "the old process stays");
        sleep(Duration::from_millis(5));
    }
    server.kill_server();
    assert_eq!(viewer.count(), 1);
}

pub(super) fn wait_for_log(server: &Kept, text: &str) {
    let started = Instant::now();
    while !server.log().contains(text) {
        assert!(started.elapsed() < DEADLINE, "{}", server.log());
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_can_not_start_is_not_started_again() {
    // Only the server finds out about the second and the third.
    let cases = [("--redis", "nonsense", 2), ("--font", "/nowhere", 2), ("--listen", "192.0.2.1:1", 1)];
    for (flag, value, code) in cases {
        let output = onlookers().args(["--keep", flag, value]).output().unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{flag} {log}");
        assert!(log.matches("onlookers:").count() <= 1, "{log}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "keep = true\nlisten = 7\n").unwrap();
    let output = onlookers().arg("--config").arg(file.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn servers_that_die_at_once_are_started_less_and_less_often() {
    let server = Kept::start(&[]);
    let started = Instant::now();
    let mut starts = 0;
    let mut before = 0;
    while started.elapsed() < Duration::from_secs(4) {
        let pid = server.other_than(before);
        kill(pid, Signal::KILL);
        (starts, before) = (starts + 1, pid);
    }
    assert!(starts <= 12, "{starts} starts in four seconds");
}

#[test]
fn listeners_on_unix_sockets_go_on_without_their_connections() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let server = Kept::start(&["--listen", &format!("unix:{}", path.display())]);
    let join = || {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(view_of("example.com").as_bytes()).unwrap();
        let mut head = [0; 15];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        stream
    };
    let mut unix = join();
    let mut tcp = Viewer::join(server.plain);
    tcp.wait_for(2);
    server.wait_until_kept(1);
    server.kill_server();
    let mut rest = Vec::new();
    // An end or a reset.
    let _ = unix.read_to_end(&mut rest);
    tcp.wait_for(1);
    let _unix = join();
    tcp.wait_for(2);
    assert!(server.folder().join("control.sock").exists());
    let output = server.order_upgrade();
    assert!(output.status.success(), "{output:?}");
    tcp.wait_for(2);
}

/// The new process that couldn't take over has the files of the sockets, too.
#[test]
fn a_failed_upgrade_leaves_the_files_of_sockets() {
    let server = Kept::start(&[]);
    let mut viewer = Viewer::join(server.plain);
    viewer.wait_for(1);
    server.wait_until_kept(1);
    let old = server.server();
    std::thread::scope(|scope| {
        let order = scope.spawn(|| server.order_upgrade());
        wait_for_log(&server, "is getting ready to take over");
        kill(old, Signal::KILL);
        order.join().unwrap();
    });
    assert_eq!(viewer.count(), 1);
    server.kill_server();
    assert_eq!(viewer.count(), 1);
    assert!(server.folder().join("control.sock").exists());
    // A file that has gone is made again.
    std::fs::remove_file(server.folder().join("control.sock")).unwrap();
    server.kill_server();
    assert_eq!(viewer.count(), 1);
    let output = server.order_upgrade();
    assert!(output.status.success(), "{output:?}");
}

/// systemd passes sockets to the main process, which is the keeper.
#[test]
fn sockets_of_systemd_are_the_servers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" \"$@\"";
    let mut command = bare(Command::new("sh"));
    command.args(["-c", script]).arg(onlookers().get_program()).stdin(OwnedFd::from(listener));
    let server = Kept::spawn(command, &["--listen", "fd:web"]);
    let mut viewer = Viewer::join(address);
    viewer.wait_for(1);
    server.wait_until_kept(1);
    server.kill_server();
    assert_eq!(viewer.count(), 1);
    let _other = Viewer::join(address);
    viewer.wait_for(2);
}
