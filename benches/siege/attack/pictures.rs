//! Pictures: as expensive as they get, or never read.

use super::{BESIEGED, attacker::Attacker};
use crate::load::{attack::request, heavy};
use std::io::{self, Write};

/// How many streams one attacker has open at once.
const STREAMS: usize = 100;

pub(super) fn stills(attacker: &mut Attacker) -> io::Result<()> {
    let serial = attacker.serial();
    heavy::stills(attacker.address, attacker.number, serial)
}

/// Each in a style of its own, in the besieged room and elsewhere.
pub(super) fn styles(attacker: &mut Attacker) -> io::Result<()> {
    let serial = attacker.serial();
    let site = if serial.is_multiple_of(2) { BESIEGED.0 } else { "styles.example" };
    let stream = heavy::stream(attacker.address, attacker.number, serial, site)?;
    attacker.hold(stream, STREAMS)?;
    attacker.drain();
    Ok(())
}

/// Pictures and events of a room that changes all the time.
pub(super) fn unread(attacker: &mut Attacker) -> io::Result<()> {
    let mut socket = attacker.connect_narrow()?;
    let site = BESIEGED.0;
    let request = match attacker.random(2) {
        0 => request("/online.png?u=1", site),
        _ => {
            format!("GET /events/{site} HTTP/1.1\r\nHost: counter.example\r\nOrigin: https://{site}\r\n\r\n")
        }
    };
    socket.write_all(request.as_bytes())?;
    attacker.hold(socket, STREAMS)
}
