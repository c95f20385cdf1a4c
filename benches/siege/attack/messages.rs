//! Senders of messages in the rooms of ordinary viewers. They only look, so that they change no count.

use super::{
    BESIEGED,
    attacker::Attacker,
    websockets::{open, text},
};
use crate::rooms::STEADY;
use std::io::{self, Write};

/// About as long as a message may be.
const LENGTH: usize = 4_000;

/// Each attacker has a connection to each room, and sends twenty messages a second.
pub(super) fn loud(attacker: &mut Attacker) -> io::Result<()> {
    let rooms = STEADY.len() + 1;
    attacker.drain();
    if attacker.held.len() < rooms {
        let room = attacker.serial() as usize % rooms;
        let (site, page) = STEADY.get(room).copied().unwrap_or(BESIEGED);
        let socket = open(attacker, &format!("{site}{page}?peek=1"), site)?;
        attacker.hold(socket, rooms)?;
    }
    let message = text(&format!(r#"{{"type":"message","data":"{}"}}"#, "x".repeat(LENGTH)));
    for socket in &mut attacker.held {
        let _ = socket.write(&message);
    }
    Ok(())
}
