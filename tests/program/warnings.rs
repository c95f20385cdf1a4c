//! Settings that can be parsed and can't be meant: the log says so at the start.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::common::client::Client;
use crate::common::program::{Program, onlookers};
use crate::common::request;

/// The lines that a server with `args` logs up to its end.
fn log(args: &[&str]) -> String {
    let mut command = onlookers();
    command.args(["--listen", "127.0.0.1:0"]).args(args);
    let mut program = Program::spawn_logging(command, Stdio::piped());
    let log = BufReader::new(program.log().unwrap());
    program.signal(rustix::process::Signal::TERM);
    log.lines().map_while(Result::ok).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_header_without_a_trusted_proxy_is_warned_of() {
    let warning = "--client-address has no effect";
    assert!(log(&["--client-address", "cf-connecting-ip"]).contains(warning));
    let fine = log(&["--client-address", "cf-connecting-ip", "--trust-proxy", "127.0.0.0/8"]);
    assert!(!fine.contains(warning), "{fine}");
    assert!(!log(&[]).contains(warning));
}

#[test]
fn a_site_whose_page_is_missing_is_warned_of_once() {
    let mut command = onlookers();
    command.args(["--listen", "127.0.0.1:0"]);
    let mut program = Program::spawn_logging(command, Stdio::piped());
    let log = BufReader::new(program.log().unwrap());
    let ask = |path: &str, referer: &str| {
        let line = format!("GET {path} HTTP/1.1");
        Client::ask(program.address, request(&line, &[&format!("Referer: {referer}")])).status
    };
    for referer in ["https://a.example/", "https://a.example/", "https://b.example", "https://c.example/page"]
    {
        assert_eq!(ask("/online.png?page=auto", referer), 302);
    }
    assert_eq!(ask("/embed?page=auto", "https://d.example/"), 200);
    program.signal(rustix::process::Signal::TERM);
    let lines: Vec<_> = log.lines().map_while(Result::ok).filter(|line| line.contains("page=auto")).collect();
    let named = ["a.example", "b.example", "d.example"].map(|site| format!("only the origin of {site}, "));
    assert_eq!(lines.len(), named.len(), "{lines:?}");
    for (line, site) in lines.iter().zip(named) {
        let says = ["page=/posts/1", "referrerpolicy=\"no-referrer-when-downgrade\"", &site];
        assert!(says.iter().all(|words| line.contains(words)), "{line}");
    }
}

/// Two thousand requests of one peer: a proxy, or somebody in a hurry.
#[test]
fn a_peer_with_most_requests_is_warned_of() {
    let log_after_requests = |args: &[&str]| {
        let mut command = onlookers();
        command.args(["--listen", "127.0.0.1:0"]).args(args);
        let mut program = Program::spawn_logging(command, Stdio::piped());
        let log = BufReader::new(program.log().unwrap());
        let mut client = Client::connect(program.address);
        for _ in 0..2_001 {
            client.send(request("GET /nowhere HTTP/1.1", &[]));
            assert_eq!(client.response().status, 404);
        }
        program.signal(rustix::process::Signal::TERM);
        log.lines().map_while(Result::ok).collect::<Vec<_>>().join("\n")
    };
    let warning =
        "most requests come from 127.0.0.1: if that is a proxy, name it with --trust-proxy 127.0.0.1/32";
    assert!(log_after_requests(&[]).contains(warning));
    assert!(!log_after_requests(&["--trust-proxy", "127.0.0.0/8"]).contains("most requests"));
}
