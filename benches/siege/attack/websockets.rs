//! WebSockets that join many rooms, come and go, or break the protocol.

use super::{BESIEGED, attacker::Attacker};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

/// How many WebSockets join rooms together.
const TOGETHER: usize = 10;

/// How many of them one attacker has open at once.
const OPEN: usize = 100;

/// How many messages the server takes from a connection at once, with some left over.
const AT_ONCE: usize = 18;

/// Sites that the rooms are of; ordinary viewers are on pages of the first.
const SITES: [&str; 2] = ["news.example", "rooms.example"];

/// Each is in 32 rooms that nobody else is in.
pub(super) fn rooms(attacker: &mut Attacker) -> io::Result<()> {
    let mut sockets = Vec::new();
    for _ in 0..TOGETHER {
        let (serial, number) = (attacker.serial(), attacker.number);
        let site = SITES[serial as usize % SITES.len()];
        let page = format!("/{number}/{serial}");
        sockets.push((open(attacker, &format!("{site}{page}"), site)?, page));
    }
    for joins in [0..AT_ONCE, AT_ONCE..31] {
        for (socket, page) in &mut sockets {
            let join = |room| text(&format!(r#"{{"type":"join","room":"{page}/{room}"}}"#));
            socket.write_all(&joins.clone().flat_map(join).collect::<Vec<_>>())?;
        }
        thread::sleep(Duration::from_secs(1));
    }
    sockets.into_iter().try_for_each(|(socket, _)| attacker.hold(socket, OPEN))?;
    attacker.drain();
    Ok(())
}

/// Comes, is somewhere in the page, and goes.
pub(super) fn positions(attacker: &mut Attacker) -> io::Result<()> {
    let mut socket = open(attacker, BESIEGED.0, BESIEGED.0)?;
    let at = attacker.random(1000);
    socket.write_all(&text(&format!(r#"{{"type":"presence","position":0.{at:03},"name":"{at}"}}"#)))
}

/// Bytes that are no frames, or frames that are no messages.
pub(super) fn garbage(attacker: &mut Attacker) -> io::Result<()> {
    let mut socket = open(attacker, "garbage.example", "garbage.example")?;
    let bytes = attacker.random_bytes(8192);
    match attacker.random(2) {
        0 => socket.write_all(&bytes)?,
        _ => socket.write_all(&text(&String::from_utf8_lossy(&bytes[..bytes.len() / 4])))?,
    }
    socket.read(&mut [0; 1024]).map(drop)
}

/// A WebSocket, once the server has answered.
pub(super) fn open(attacker: &mut Attacker, path: &str, site: &str) -> io::Result<TcpStream> {
    let opening = format!(
        "GET /ws/{path} HTTP/1.1\r\nHost: counter.example\r\nOrigin: https://{site}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut socket = attacker.send(opening.as_bytes())?;
    let mut answer = [0; 4096];
    let bytes = socket.read(&mut answer)?;
    if answer[..bytes].starts_with(b"HTTP/1.1 101 ") { Ok(socket) } else { Err(io::ErrorKind::Other.into()) }
}

/// A text frame, masked with nothing.
pub(super) fn text(text: &str) -> Vec<u8> {
    let length = text.len() as u16;
    let mut frame = vec![0x81];
    match length {
        0..=125 => frame.push(0x80 | length as u8),
        _ => frame.extend([&[0x80 | 126], &length.to_be_bytes()[..]].concat()),
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
