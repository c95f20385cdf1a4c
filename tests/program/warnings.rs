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
