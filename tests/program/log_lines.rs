//! The format of the log: JSON, lines for systemd's journal, and none with a visitor's address.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{ChildStderr, Stdio};
use std::thread;

use hyper::Method;
use rustix::fs::fstat;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::common::client::{Client, get};
use crate::common::h2::Connection;
use crate::common::program::{Program, onlookers};
use crate::common::{request, tls};

/// An address of a documentation network, as a proxy names a visitor's.
const VISITOR: &str = "203.0.113.7";
/// That of one whom the configuration denies.
const DENIED: &str = "203.0.113.99";

/// Reads lines up to one that contains `words`, which is the last of them.
fn lines_up_to(log: &mut BufReader<ChildStderr>, words: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in log.lines().map_while(Result::ok) {
        lines.push(line);
        if lines[lines.len() - 1].contains(words) {
            return lines;
        }
    }
    panic!("no line has {words:?}: {lines:#?}");
}

#[test]
fn every_line_of_a_json_log_is_one_object() {
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, "label = \"First\"\n").unwrap();
    let mut command = onlookers();
    command.args(["--listen", "127.0.0.1:0", "--log", "json", "-vv", "--config"]).arg(file.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut lines = lines_up_to(&mut log, "onlookers listens on ");
    let place = lines[lines.len() - 1].split("http://").nth(1).unwrap();
    let address: SocketAddr = place.split('/').next().unwrap().parse().unwrap();
    assert_eq!(get(address, "/nothing/%22quoted%22", &[]).status, 404);
    lines.extend(lines_up_to(&mut log, "refused"));
    // An error of several lines.
    fs::write(&file, "label = \n\"x\"").unwrap();
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    lines.extend(lines_up_to(&mut log, "stays as it was"));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    lines.extend(log.lines().map_while(Result::ok));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let events: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    for event in &events {
        let has = ["timestamp", "level", "message", "target"].iter().all(|key| event[key].is_string());
        assert!(
            has || event["target"].as_str().is_some_and(|target| !target.starts_with("onlookers")),
            "{event}"
        );
    }
    let find =
        |words: &str| events.iter().find(|event| event["message"].as_str().unwrap_or("").contains(words));
    let refused = find("refused").unwrap();
    assert_eq!((&refused["level"], &refused["path"]), (&"DEBUG".into(), &"/nothing/%22quoted%22".into()));
    assert_eq!(find("stays as it was").unwrap()["level"], "ERROR");
    assert_eq!(find("stopping").unwrap()["target"], "onlookers::server::run");
}

/// The lines of a server with `args` up to its end. Its standard error is a pipe, and the environment says that the journal reads
/// one with this number more than the pipe's.
fn journal(args: &[&str], number: u64) -> Vec<String> {
    let (reader, writer) = std::io::pipe().unwrap();
    let pipe = fstat(&writer).unwrap();
    let mut command = onlookers();
    command.args(args).env("JOURNAL_STREAM", format!("{}:{}", pipe.st_dev, pipe.st_ino + number));
    let mut child = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    drop(command);
    let mut lines = Vec::new();
    for line in BufReader::new(reader).lines().map(Result::unwrap) {
        lines.push(line);
        // Once: a second one would end it at once.
        if lines.len() == 1 {
            kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        }
    }
    child.wait().unwrap();
    lines
}

/// A server that logs a line at its start.
const WARNED: [&str; 4] = ["--listen", "127.0.0.1:0", "--client-address", "x-real-ip"];

#[test]
fn the_journal_of_systemd_gets_priorities_and_no_time() {
    let lines = journal(&WARNED, 0);
    assert!(lines[0].starts_with("<4>WARN onlookers::server: --client-address has no effect"), "{lines:?}");
    assert!(lines[1].starts_with("<6>INFO onlookers: onlookers listens on http://127.0.0.1:"), "{lines:?}");
    assert!(lines[2].starts_with("<6>INFO onlookers::server::run: stopping"), "{lines:?}");
    let json = journal(&[&WARNED[..], &["--log", "json"]].concat(), 0);
    assert_eq!(json.len(), 3);
    for line in &json {
        let object = line.strip_prefix("<4>").or_else(|| line.strip_prefix("<6>")).expect(line);
        assert!(
            serde_json::from_str::<Value>(object).is_ok_and(|event| event["timestamp"].is_string()),
            "{line}"
        );
    }
    // Standard error is another file than the one that the journal reads.
    let lines = journal(&WARNED, 1);
    assert!(lines[0].contains("Z  WARN onlookers::server: "), "{lines:?}");
}

#[test]
fn what_ends_the_start_is_an_error_in_the_journal() {
    for args in [["--config", "/nowhere"], ["--listen", "fd:web"]] {
        let lines = journal(&args, 0);
        assert!(lines.len() == 1 && lines[0].starts_with("<3>"), "{args:?}: {lines:?}");
    }
}

/// The log of a server that has refused requests of a visitor by HTTP/1.1 and HTTP/2, and a handshake, at the highest level.
async fn log_of_refusals(args: &[&str]) -> String {
    let mut command = onlookers();
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--listen",
        "proxy+127.0.0.1:0",
        "--listen",
        "proxy+tls:127.0.0.1:0",
    ]);
    command
        .args(["--trust-proxy", "127.0.0.1", "--deny-address", DENIED, "-vv"])
        .args(tls::files(tls::pair()))
        .args(args);
    let mut program = Program::spawn_logging(command, Stdio::piped());
    let log = BufReader::new(program.log().unwrap());
    let reading = thread::spawn(move || log.lines().map_while(Result::ok).collect::<Vec<_>>().join("\n"));
    let places = program.greeting.iter().filter_map(|line| line.strip_prefix("onlookers listens on "));
    let address = |place: &str| place.split('/').nth(2).unwrap().parse::<SocketAddr>().unwrap();
    let places: Vec<_> = places.map(address).collect();
    let forwarded = format!("X-Forwarded-For: {VISITOR}");
    assert_eq!(get(places[0], "/nothing/1", &[&forwarded]).status, 404);
    let denied = format!("X-Forwarded-For: {DENIED}");
    assert_eq!(get(places[0], "/nothing/denied", &[&denied]).status, 403);
    let mut http2 = Connection::open(places[0]).await;
    assert_eq!(http2.ask(Method::GET, "/nothing/2", &[("x-forwarded-for", VISITOR)]).await.status, 404);
    let header = format!("PROXY TCP4 {VISITOR} 192.0.2.1 4711 80\r\n");
    let mut peer = Client::connect(places[1]);
    peer.send(&header);
    // So many that they are most of all requests.
    for _ in 0..2_001 {
        peer.send(request("GET /nothing/3 HTTP/1.1", &[]));
        assert_eq!(peer.response().status, 404);
    }
    let mut handshake = Client::connect(places[2]);
    handshake.send(header + "no handshake at all");
    handshake.read_until_any_end();
    program.signal(Signal::TERM);
    assert!(program.wait().success());
    reading.join().unwrap()
}

#[tokio::test]
async fn a_visitors_address_is_in_no_line_unless_it_is_asked_for() {
    let log = log_of_refusals(&[]).await;
    let found = log.lines().find(|line| [VISITOR, DENIED].iter().any(|address| line.contains(address)));
    assert_eq!(found, None);
    for words in [
        "/nothing/1",
        "/nothing/2",
        "/nothing/3",
        "/nothing/denied",
        "before its first request",
        "most requests come from one address",
    ] {
        assert!(log.contains(words), "{words:?} is missing");
    }
    let log = log_of_refusals(&["--log-addresses"]).await;
    let lines =
        ["/nothing/1", "/nothing/2", "/nothing/3", "before its first request"].map(|words| (words, VISITOR));
    for (words, address) in lines.into_iter().chain([("/nothing/denied", DENIED)]) {
        let address = format!("address={address}");
        assert!(
            log.lines().any(|line| line.contains(words) && line.contains(&address)),
            "{words:?} is missing"
        );
    }
    assert!(log.contains(&format!("most requests come from {VISITOR}: ")));
}
