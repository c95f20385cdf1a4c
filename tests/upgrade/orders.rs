//! Who may order an upgrade, and how.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;

use crate::common::client::get;
use crate::common::program::{bare, onlookers};
use crate::common::viewer::Viewer;
use crate::processes::{Processes, is_gone, wait_until};

/// A user without any right, on all systems.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The program in a folder that everybody reaches.
fn for_all() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("onlookers");
    fs::copy(env!("CARGO_BIN_EXE_onlookers"), &program).unwrap();
    (folder, program)
}

fn order_as(user: u32, program: &Path, control: &Path) -> Output {
    let mut command = bare(Command::new(program));
    command.uid(user).args(["upgrade", "--control"]).arg(control).output().unwrap()
}

#[test]
fn another_user_is_not_heard() {
    let mut server = Processes::start(&[]);
    let control = server.control();
    let metadata = fs::metadata(&control).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(metadata.uid(), rustix::process::geteuid().as_raw());
    if !is_root() {
        // There is no other user then.
        server.upgrade();
        return;
    }
    let (_folder, program) = for_all();
    fs::set_permissions(control.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let says = |words: &str| {
        let refused = order_as(NOBODY, &program, &control);
        let sentence = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(sentence.contains(words), "{sentence}");
    };
    says("Permission denied");
    // Even if it could write there.
    fs::set_permissions(&control, fs::Permissions::from_mode(0o666)).unwrap();
    says("only the user of the server may do that, and root");
    assert!(server.is_running(0));
    server.upgrade();
    server.wait_for_end(0);
}

/// Root opens the port, and the server, which may not, keeps it over upgrades.
#[test]
fn a_server_without_rights_keeps_a_passed_port() {
    if !is_root() {
        return a_server_keeps(TcpListener::bind("127.0.0.1:0").unwrap(), None);
    }
    let low = (600..1024).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    a_server_keeps(low.expect("a free port below 1024"), Some(NOBODY));
}

fn a_server_keeps(socket: TcpListener, user: Option<u32>) {
    let address = socket.local_addr().unwrap();
    let (folder, program) = for_all();
    let mut command = bare(Command::new("sh"));
    let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" \"$@\"";
    command.args(["-c", script]).arg(&program).stdin(Stdio::from(OwnedFd::from(socket)));
    if let Some(user) = user {
        chown(folder.path(), Some(user), Some(user)).unwrap();
        command.uid(user).gid(user);
    }
    let control = folder.path().join("control");
    let mut server =
        Processes::spawn(command, &["--listen", "fd:web", "--control", control.to_str().unwrap()]);
    assert_eq!(server.address, address);
    let mut viewer = Viewer::join(address);
    for _ in 0..2 {
        // By the same user, and by root.
        for user in [user.unwrap_or(rustix::process::geteuid().as_raw()), rustix::process::geteuid().as_raw()]
        {
            let done = order_as(user, &program, &control);
            assert!(done.status.success(), "{done:?}");
            let before = server.has_become(crate::processes::pid_in(&done)) - 1;
            server.wait_for_end(before);
            let newcomer = Viewer::join(address);
            viewer.wait_for(2);
            drop(newcomer);
            viewer.wait_for(1);
        }
    }
}

#[test]
fn an_order_needs_a_server() {
    let without = onlookers().arg("upgrade").output().unwrap();
    assert_eq!(without.status.code(), Some(2), "{without:?}");
    assert!(String::from_utf8_lossy(&without.stderr).contains("--control"), "{without:?}");

    let mut server = Processes::start(&["--drain", "0s"]);
    server.signal(0, Signal::TERM);
    server.wait_for_end(0);
    assert!(is_gone(&server.control()), "its file is removed at the end");
    let stopped = server.order();
    assert_eq!(stopped.status.code(), Some(1), "{stopped:?}");
    assert!(String::from_utf8_lossy(&stopped.stderr).contains("can't be asked"), "{stopped:?}");

    // A file that one left which was killed.
    let server = Processes::start(&[]);
    server.signal(0, Signal::KILL);
    wait_until("it is no more", || !server.is_running(0));
    let killed = server.order();
    assert_eq!(killed.status.code(), Some(1), "{killed:?}");
    assert!(String::from_utf8_lossy(&killed.stderr).contains("can't be asked"), "{killed:?}");
}

#[test]
fn the_file_with_the_setting_says_where_the_server_is() {
    let folder = tempfile::tempdir().unwrap();
    let (file, control) = (folder.path().join("onlookers.toml"), folder.path().join("control"));
    fs::write(&file, format!("control = \"{}\"\n", control.display())).unwrap();
    let mut server = Processes::without_control(&["--config", file.to_str().unwrap()]);
    let mut viewer = Viewer::join(server.address);
    let done = onlookers().args(["upgrade", "--config"]).arg(&file).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    server.has_become(crate::processes::pid_in(&done));
    server.wait_for_end(0);
    viewer.wait_for(1);
}

#[test]
fn sigusr2_upgrades_without_a_control_socket() {
    let mut server = Processes::without_control(&[]);
    let mut viewer = Viewer::join(server.address);
    assert_eq!(viewer.count(), 1);
    for upgrade in 1..=2 {
        server.signal(upgrade - 1, Signal::USR2);
        // The first frame of the new process.
        assert_eq!(viewer.count(), 1);
        wait_until("the log says who has taken over", || {
            server.log().matches("has taken over").count() == upgrade
        });
        let log = server.log();
        let line = log.lines().rfind(|line| line.contains("has taken over")).unwrap();
        let pid = line.split("process ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        server.has_become(pid);
        server.wait_for_end(upgrade - 1);
    }
    let _newcomer = Viewer::join(server.address);
    viewer.wait_for(2);
}

#[test]
fn sighup_reads_the_file_and_upgrades_nothing() {
    let mut server = Processes::spawn_logging(onlookers(), &[]);
    let mut viewer = Viewer::join(server.address);
    assert_eq!(viewer.count(), 1);
    server.signal(0, Signal::HUP);
    wait_until("it is read", || server.log().contains("was read again"));
    let _newcomer = Viewer::join(server.address);
    assert_eq!(viewer.count(), 2, "and no frame of another process before");
    assert!(server.is_running(0) && !server.log().contains("take over"), "{}", server.log());
    // The new process obeys it, too.
    let new = server.upgrade();
    server.wait_for_end(0);
    server.signal(new, Signal::HUP);
    wait_until("it is read again", || server.log().matches("was read again").count() == 2);
    assert_eq!(get(server.address, "/robots.txt", &[]).status, 200);
}
