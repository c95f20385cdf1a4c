//! A new process that can't take over: the old one goes on, and every page with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::common::client::Client;
use crate::common::listener::Listener;
use crate::common::page::{Page, counts};
use crate::common::program::{bare, onlookers};
use crate::common::tls::{self, Version};
use crate::common::view_of;
use crate::common::viewer::Viewer;
use crate::processes::{Processes, wait_until};

/// Pages of each kind.
struct Open {
    plain: Viewer,
    secure: Option<Viewer>,
    listener: Listener,
    page: Page,
}

impl Open {
    /// At an address without TLS, and another with it if there is one.
    fn at(plain: std::net::SocketAddr, secure: Option<std::net::SocketAddr>) -> Self {
        let secure = secure.map(|address| {
            let mut client = Client::connect_tls(address, tls::client(Version::V1_3));
            client.send(view_of("example.com"));
            Viewer::opened(client)
        });
        let listener = Listener::join(plain, "/events/example.com");
        Self { plain: Viewer::join(plain), secure, listener, page: Page::open(plain, "") }
    }

    /// One more page comes and goes, and all are told.
    fn go_on(&mut self, plain: std::net::SocketAddr) {
        let all = 3 + u64::from(self.secure.is_some());
        let newcomer = Viewer::join(plain);
        self.show(all + 1);
        drop(newcomer);
        self.show(all);
    }

    fn show(&mut self, count: u64) {
        self.plain.wait_for(count);
        self.secure.iter_mut().for_each(|viewer| _ = viewer.wait_for(count));
        self.listener.wait_for(count);
        self.page.wait_until(|message| *message == counts("example.com", count, 1), "a count");
    }
}

/// The program in a folder of its own, where it can be replaced.
struct Installed(TempDir);

impl Installed {
    fn new() -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        this.install();
        this
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("onlookers")
    }

    /// Puts the program there.
    fn install(&self) {
        self.replace(|path| {
            fs::copy(env!("CARGO_BIN_EXE_onlookers"), path).unwrap();
        });
    }

    fn install_script(&self, script: &str) {
        self.replace(|path| {
            fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        });
    }

    /// As package managers do.
    fn replace(&self, make: impl FnOnce(&Path)) {
        let new = self.0.path().join("new");
        make(&new);
        fs::rename(new, self.path()).unwrap();
    }
}

fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_bad_file_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("onlookers.toml");
    fs::write(&file, "").unwrap();
    let more = ["--config", file.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let args = [&tls::listen(tls::pair())[..], &more].concat();
    let mut server = Processes::spawn_logging(onlookers(), &args);
    let plain = server.plain();
    let mut open = Open::at(plain, Some(server.address));
    open.go_on(plain);
    fs::write(&file, "there_is_no_such_key = 1\n").unwrap();
    for _ in 0..2 {
        let refusal = refusal(&server.order());
        assert!(refusal.contains("the server goes on as it was: the new process has ended"), "{refusal}");
        open.go_on(plain);
    }
    let log = server.log();
    assert!(log.contains("there_is_no_such_key") && log.contains("this process goes on"), "{log}");
    fs::write(&file, "").unwrap();
    server.upgrade();
    server.wait_for_end(0);
    open.go_on(plain);
}

#[test]
fn a_program_that_can_not_be_started_leaves_everything_as_it_was() {
    let installed = Installed::new();
    let mut server = Processes::spawn(bare(Command::new(installed.path())), &[]);
    let address = server.address;
    let mut open = Open::at(address, None);
    open.go_on(address);

    installed.install_script("exit 3");
    let ended = refusal(&server.order());
    assert!(ended.contains("has ended (exit status: 3)"), "{ended}");
    open.go_on(address);

    // It says something else than it should.
    installed.install_script("echo hello >&0; exec sleep 60 <&-");
    let misunderstood = refusal(&server.order());
    assert!(misunderstood.contains("the new process"), "{misunderstood}");
    open.go_on(address);

    fs::set_permissions(installed.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let forbidden = refusal(&server.order());
    assert!(forbidden.contains("can't be started"), "{forbidden}");
    open.go_on(address);

    fs::remove_file(installed.path()).unwrap();
    let missing = refusal(&server.order());
    assert!(missing.contains("can't be started"), "{missing}");
    open.go_on(address);

    installed.install();
    server.upgrade();
    server.wait_for_end(0);
    open.go_on(address);
}

/// The new process waits before it is the program, until the file `go` is there.
fn slowly(installed: &Installed) -> (PathBuf, PathBuf) {
    let (started, go) = (installed.0.path().join("started"), installed.0.path().join("go"));
    let [started_at, go_at] = [&started, &go].map(|path| path.display().to_string());
    let program = env!("CARGO_BIN_EXE_onlookers");
    let wait = format!("while ! [ -e {go_at} ]; do sleep 0.05; done");
    installed.install_script(&format!(
        "echo $$ >{started_at}.new; mv {started_at}.new {started_at}; {wait}; exec {program} \"$@\""
    ));
    (started, go)
}

fn number_in(path: &Path) -> u32 {
    wait_until("it has started", || path.exists());
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

#[test]
fn sigterm_while_the_new_process_starts_ends_both() {
    let installed = Installed::new();
    let mut server = Processes::spawn(bare(Command::new(installed.path())), &["--drain", "0s"]);
    let viewer = Viewer::join(server.address);
    let (started, go) = slowly(&installed);
    let asking = server.asking();
    let new = server.has_become(number_in(&started));
    server.signal(0, Signal::TERM);
    server.wait_for_end(0);
    refusal(&asking.join().unwrap());
    let mut client = viewer.client;
    client.read_to_end();
    fs::write(go, "").unwrap();
    server.wait_for_end(new);
}

#[test]
fn a_second_order_meanwhile_is_refused() {
    let installed = Installed::new();
    let mut server = Processes::spawn(bare(Command::new(installed.path())), &[]);
    let mut viewer = Viewer::join(server.address);
    let (started, go) = slowly(&installed);
    let first = server.asking();
    let new = server.has_become(number_in(&started));
    let second = server.asking();
    fs::write(go, "").unwrap();
    let done = first.join().unwrap();
    assert!(done.status.success(), "{done:?}");
    refusal(&second.join().unwrap());
    server.wait_for_end(0);
    assert!(server.is_running(new));
    viewer.wait_for(1);
}

/// The old process dies while the new one starts: nothing is left that waits for it.
#[test]
fn a_new_process_ends_when_the_old_one_has_been_killed_before() {
    let installed = Installed::new();
    let mut server = Processes::spawn(bare(Command::new(installed.path())), &[]);
    let (started, go) = slowly(&installed);
    let asking = server.asking();
    let new = server.has_become(number_in(&started));
    server.signal(0, Signal::KILL);
    wait_until("it is no more", || !server.is_running(0));
    let refusal = refusal(&asking.join().unwrap());
    assert!(refusal.contains("without an answer"), "{refusal}");
    fs::write(go, "").unwrap();
    server.wait_for_end(new);
}

impl Processes {
    /// Orders an upgrade, and doesn't wait for the answer.
    fn asking(&self) -> thread::JoinHandle<Output> {
        let control = self.control();
        thread::spawn(move || onlookers().args(["upgrade", "--control"]).arg(control).output().unwrap())
    }
}
