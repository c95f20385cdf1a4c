//! Requests for pictures that are as expensive as they get, and that nobody has asked for before.

use super::attack::{connect, request};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

/// How many requests are sent on a connection, all at once.
const REQUESTS: u32 = 16;

/// The widest letter, so often.
const LABEL: usize = 58;

/// Pipelined requests for stills on one connection.
pub(crate) fn stills(address: SocketAddr, attacker: u32, serial: u32) -> io::Result<()> {
    let mut socket = connect(address, attacker, serial)?;
    let still = |number| {
        let path = match number % 3 {
            0 => "/sample/1234567.png?",
            1 => "/badge/example.org.png?",
            _ => "/online.png?live=0&site=example.org&",
        };
        request(&format!("{path}{}", style(attacker, serial * REQUESTS + number)), "example.org")
    };
    socket.write_all((0..REQUESTS).map(still).collect::<String>().as_bytes())?;
    let mut answers = [0; 64 * 1024];
    let mut answered = 0;
    while answered < REQUESTS {
        let bytes = socket.read(&mut answers)?;
        if bytes == 0 {
            break;
        }
        answered += answers[..bytes].windows(9).filter(|head| head == b"HTTP/1.1 ").count() as u32;
    }
    Ok(())
}

/// A stream in a style of its own, which doesn't block.
pub(crate) fn stream(address: SocketAddr, attacker: u32, serial: u32, site: &str) -> io::Result<TcpStream> {
    let mut socket = connect(address, attacker, serial)?;
    let path = format!("/online.png?u=1&{}", style(attacker, serial));
    socket.write_all(request(&path, site).as_bytes())?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn style(attacker: u32, serial: u32) -> String {
    let label = "W".repeat(LABEL);
    let color = serial & 0xff_ffff;
    format!("style=plastic&scale=4&peak=1&format=1,234&color={color:06x}&label={label}{attacker}x{serial}")
}
