//! Counts, asked of the server.

use crate::Outcome;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

/// How many pages of `room` are open.
pub(crate) fn count(address: SocketAddr, room: &str) -> Outcome<usize> {
    let mut socket = TcpStream::connect(address)?;
    let request =
        format!("GET /count/{room}.txt HTTP/1.1\r\nHost: counter.example\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes())?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").filter(|_| answer.starts_with("HTTP/1.1 200 "));
    Ok(body.ok_or_else(|| format!("no count of {room}: {answer}"))?.1.trim().parse()?)
}
