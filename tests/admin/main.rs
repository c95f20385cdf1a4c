//! What operators ask: `/metrics`, `/livez`, `/readyz` and `/status`, the deny list, and `onlookers health`.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;

mod attacks;
mod deny;
mod documents;
mod health;
mod ready;
mod scrape;
mod status;

use std::net::SocketAddr;

use common::program::Program;

/// The program, which operators may ask.
fn program(args: &[&str]) -> Program {
    Program::start(&[&["--repaint", "1h"], args].concat())
}

/// Where operators ask it.
fn admin_of(program: &Program) -> SocketAddr {
    let place = program.greeting.iter().find_map(|line| line.strip_prefix("Operators ask at http://"));
    place.and_then(|place| place.strip_suffix('/')).expect("it says where operators ask").parse().unwrap()
}
