//! Attackers: each asks for pictures that are as expensive as they get, and that nobody has asked for before.

use crate::Outcome;
use rustix::process::setpriority_process;
use socket2::{Domain, Socket, Type};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread,
    time::Duration,
};

/// The attackers share the server's cores, which real ones would not.
const NICE: i32 = 19;

/// How many requests are sent on a connection, all at once.
const REQUESTS: u32 = 16;

/// How many streams an attacker holds open, each in a style of its own.
const STREAMS: u32 = 20;

/// The widest letter.
const LABEL: usize = 58;

/// Attacks until killed.
pub(crate) fn run(address: SocketAddr, attackers: usize) -> Outcome<()> {
    setpriority_process(None, NICE)?;
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
        let _ = stills(address, attacker, serial);
        if streams.len() < STREAMS as usize {
            streams.extend(stream(address, attacker, serial));
        }
        for stream in &mut streams {
            while matches!(stream.read(&mut [0; 16 * 1024]), Ok(1..)) {}
        }
    }
}

/// Pipelined requests for stills on one connection.
fn stills(address: SocketAddr, attacker: u32, serial: u32) -> std::io::Result<()> {
    let mut socket = connect(address, attacker, serial)?;
    let still = |number| {
        let path = match number % 3 {
            0 => "/sample/1234567.png?",
            1 => "/badge/example.org.png?",
            _ => "/online.png?live=0&site=example.org&",
        };
        request(&format!("{path}{}", style(attacker, serial * REQUESTS + number)))
    };
    socket.write_all((0..REQUESTS).map(still).collect::<String>().as_bytes())?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
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

fn stream(address: SocketAddr, attacker: u32, serial: u32) -> std::io::Result<TcpStream> {
    let mut socket = connect(address, attacker, serial)?;
    socket.write_all(request(&format!("/online.png?u=1&{}", style(attacker, serial))).as_bytes())?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: counter.example\r\nReferer: https://example.org/\r\n\r\n")
}

fn style(attacker: u32, serial: u32) -> String {
    let label = "W".repeat(LABEL);
    format!("style=plastic&scale=4&peak=1&format=1,234&color={serial:06x}&label={label}{attacker}x{serial}")
}

/// From another address each time.
fn connect(address: SocketAddr, attacker: u32, serial: u32) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let source = Ipv4Addr::from(0x7f00_0000 | (attacker + 1) << 16 | serial & 0xffff);
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    socket.connect_timeout(&address.into(), Duration::from_secs(2))?;
    Ok(socket.into())
}
