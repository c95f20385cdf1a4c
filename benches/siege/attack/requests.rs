//! Short connections: what is no request, and requests that have the server keep something.

use super::attacker::Attacker;
use crate::{load::attack::request, rooms::STEADY};
use socket2::SockRef;
use std::{
    io::{self, Read},
    net::TcpStream,
    time::Duration,
};

/// How many requests are sent at once.
const AT_ONCE: usize = 50;

/// How long an answer is waited for that may never come.
const MOMENT: Duration = Duration::from_millis(20);

/// How many viewers on pages of random sites one attacker has at once.
const VIEWERS: usize = 100;

/// Half of a request, and a reset.
pub(super) fn halves(attacker: &mut Attacker) -> io::Result<()> {
    let whole = request("/online.png?u=1", "halves.example");
    let half = attacker.random(whole.len() as u64) as usize;
    let socket = attacker.send(&whole.as_bytes()[..half])?;
    SockRef::from(&socket).set_linger(Some(Duration::ZERO))
}

pub(super) fn garbage(attacker: &mut Attacker) -> io::Result<()> {
    let mut bytes = attacker.random_bytes(4096);
    if attacker.random(2) == 0 {
        bytes.splice(..0, *b"GET /");
    }
    let socket = attacker.send(&bytes)?;
    answer(socket)
}

/// Marks of pages that ordinary viewers have open, and of others, each of another visitor.
pub(super) fn marks(attacker: &mut Attacker) -> io::Result<()> {
    let mut requests = String::new();
    for _ in 0..AT_ONCE {
        let (serial, at) = (attacker.serial(), attacker.random(101));
        let random = format!("marks-{}.example", attacker.random(100));
        let place = attacker.random(2 * STEADY.len() as u64) as usize;
        let (site, page) = STEADY.get(place).copied().unwrap_or((&random, "/page"));
        let page = if page.is_empty() { "/" } else { page };
        requests.push_str(&format!(
            "GET /mark.png?page={page}&at={at} HTTP/1.1\r\nHost: counter.example\r\n\
             Referer: https://{site}/\r\nUser-Agent: {serial}-{}\r\n\r\n",
            attacker.number
        ));
    }
    let socket = attacker.send(requests.as_bytes())?;
    answer(socket)
}

/// A viewer on a page that nobody has heard of, or with a Referer that is no URL.
pub(super) fn sites(attacker: &mut Attacker) -> io::Result<()> {
    let (site, page) = (attacker.random(1 << 40), attacker.random(1 << 40));
    let request = match attacker.random(4) {
        0 => {
            let referer: String =
                attacker.random_bytes(500).iter().map(|byte| char::from(byte % 95 + 32)).collect();
            format!("GET /online.png?u=1 HTTP/1.1\r\nHost: counter.example\r\nReferer: {referer}\r\n\r\n")
        }
        _ => request(&format!("/online.png?u=1&page=/{page:x}"), &format!("x{site:x}.example")),
    };
    let socket = attacker.send(request.as_bytes())?;
    attacker.hold(socket, VIEWERS)?;
    attacker.drain();
    Ok(())
}

/// Reads some of an answer.
fn answer(mut socket: TcpStream) -> io::Result<()> {
    socket.set_read_timeout(Some(MOMENT))?;
    let mut buffer = [0; 16 * 1024];
    match socket.read(&mut buffer) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}
