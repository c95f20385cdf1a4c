//! Attackers: each asks for pictures that are as expensive as they get, and that nobody has asked for before.

use crate::{
    Outcome,
    load::{attack::be_attackers, heavy},
};
use std::{
    io::Read,
    net::{SocketAddr, TcpStream},
    thread,
};

/// How many streams an attacker holds open, each in a style of its own.
const STREAMS: usize = 20;

/// Attacks until the bench ends it.
pub(crate) fn run(address: SocketAddr, attackers: usize) -> Outcome<()> {
    be_attackers(|| ())?;
    for attacker in 0..attackers as u32 {
        thread::spawn(move || attack(address, attacker));
    }
    loop {
        thread::park();
    }
}

fn attack(address: SocketAddr, attacker: u32) {
    let mut serial = 0;
    let mut streams: Vec<TcpStream> = Vec::new();
    loop {
        serial += 1;
        // A server that refuses a connection is tried again; what else goes wrong is what an attacker has to expect.
        let _ = heavy::stills(address, attacker, serial);
        if streams.len() < STREAMS {
            streams.extend(heavy::stream(address, attacker, serial, "example.org"));
        }
        for stream in &mut streams {
            while matches!(stream.read(&mut [0; 16 * 1024]), Ok(1..)) {}
        }
    }
}
