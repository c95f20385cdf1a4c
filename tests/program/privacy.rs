//! What docs/privacy.md says that the program doesn't do.

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::process::Stdio;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::common::client::{Client, get};
use crate::common::program::{Program, onlookers};
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request, view_of};

/// An address of loopback that nothing else has.
const VISITOR: &str = "127.83.61.7";

/// A client at that address.
fn visitor(server: SocketAddr) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&format!("{VISITOR}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut client = Client::connect(server);
    client.socket = socket.into();
    client
}

/// A viewer at that address.
fn viewer(server: SocketAddr) -> Viewer {
    let mut client = visitor(server);
    client.send(view_of("example.com"));
    Viewer::opened(client)
}

/// With all that can be logged: a viewer comes and goes, one is refused, one sends what isn't HTTP, and the server stops.
#[test]
fn no_address_is_logged() {
    let mut command = onlookers();
    command.args([
        "--listen",
        "127.0.0.1:0",
        "-vv",
        "--max-per-address",
        "1",
        "--trust-proxy",
        "127.0.0.1/32",
    ]);
    let mut program = Program::spawn_logging(command, Stdio::piped());
    let mut log = program.log().unwrap();
    let forwarded = format!("X-Forwarded-For: {VISITOR}");
    let mut stays = viewer(program.address);
    stays.picture();
    for path in ["/online.png?u=1", "/online.png?style=nothing", "/nowhere", "/embed?page=auto"] {
        let headers = ["Referer: https://example.com", forwarded.as_str(), "Sec-Fetch-Dest: image"];
        assert_ne!(
            Client::ask(program.address, request(&format!("GET {path} HTTP/1.1"), &headers)).status,
            302
        );
    }
    let mut odd = visitor(program.address);
    odd.send_anyhow(b"\0\x01\x02 no request\r\n\r\n");
    drop(odd);
    drop(stays);
    program.signal(Signal::TERM);
    let mut lines = String::new();
    log.read_to_string(&mut lines).unwrap();
    assert!(lines.contains("DEBUG") && lines.lines().count() > 5, "too little to judge by: {lines}");
    assert!(!lines.contains(VISITOR), "{lines}");
}

/// Neither does a picture to a browser that has one already.
#[test]
fn only_the_ignore_page_sets_a_cookie() {
    let server = TestServer::quiet(&["--presence"]);
    for path in [
        "/",
        "/live",
        "/embed",
        "/ignore",
        "/onlookers.js",
        "/online.png",
        "/online.png?u=1",
        "/online.png?live=0",
        "/top.json?site=example.com",
        "/count/example.com.json",
        "/badge/example.com.svg",
        "/reading.png?page=/a&u=1",
        "/mark.png?page=/a&at=1",
        "/events/example.com",
        "/nowhere",
    ] {
        let mut client = Client::connect(server.address);
        let headers = ["Referer: https://example.com/", "Origin: https://example.com", "Cookie: a=1"];
        client.send(request(&format!("GET {path} HTTP/1.1"), &headers));
        let head = client.response_to_head().head.to_lowercase();
        assert!(!head.contains("set-cookie"), "{path}: {head}");
    }
    let posted = Client::ask(server.address, request("POST /ignore HTTP/1.1", &["Content-Length: 0"]));
    assert!(posted.header("set-cookie").is_some());
}

/// Files that are open for writing, and what was written to a device, as the kernel counts it.
#[cfg(target_os = "linux")]
#[test]
fn nothing_is_written_to_a_disk() {
    let home = tempfile::tempdir().unwrap();
    let mut command = onlookers();
    command.args(["--listen", "127.0.0.1:0", "-vv", "--presence", "--messages"]).current_dir(&home);
    for variable in ["HOME", "TMPDIR", "STATE_DIRECTORY", "XDG_DATA_HOME", "XDG_CACHE_HOME"] {
        command.env(variable, home.path());
    }
    let mut program = Program::spawn_logging(command, Stdio::null());
    let mut viewers: Vec<_> = (0..20).map(|_| viewer(program.address)).collect();
    viewers[0].wait_for(20);
    for path in ["/", "/badge/example.com.png", "/top.json?site=example.com", "/nowhere"] {
        get(program.address, path, &[]);
    }
    let of_process = |name: &str| format!("/proc/{}/{name}", program.id());
    for entry in fs::read_dir(of_process("fd")).unwrap() {
        let file = fs::read_link(entry.unwrap().path()).unwrap_or_default();
        assert!(
            !file.is_absolute() || file.starts_with("/dev") || file.starts_with("/proc"),
            "{file:?} is open"
        );
    }
    let written = fs::read_to_string(of_process("io")).unwrap();
    assert!(written.contains("\nwrite_bytes: 0\n"), "{written}");
    drop(viewers);
    program.signal(Signal::TERM);
    assert!(program.wait().success());
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
}
