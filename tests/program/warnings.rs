//! Settings that can be parsed and can't be meant: the log says so at the start.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::common::program::{Program, onlookers};

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
