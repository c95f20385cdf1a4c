//! `onlookers health`: asks the running server whether it is healthy, as a container's health check does.
//!
//! `/healthz` is asked for where operators may ask (`--admin`), otherwise on the first of the server's own listeners that this process
//! can reach. What restarts an unhealthy container must not do so because the server is full, which would drop its viewers, or because
//! Redis is away: only a server that stops or doesn't answer is unhealthy. The server's certificate isn't checked: it may be for any name.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};

use crate::app::{FULL, Unready};
use crate::config::{AdminPlace, Config, Place, Speaks};
use crate::net::proxy_protocol;

mod trust;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 64 * 1024;

/// Why the server isn't healthy, or it isn't known whether it is.
#[derive(Debug)]
pub enum Unhealthy {
    /// No listener can be asked.
    NoListener,
    /// It can't be asked at that place.
    Unreachable(String, io::Error),
    /// It says that it stops, or something else than it should; with its words.
    Answer(String),
}

/// How the server is asked.
struct Question<'c> {
    place: &'c Place,
    is_tls: bool,
    has_header: bool,
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// Asks the server that runs with `config`.
///
/// # Errors
/// [`Unhealthy`].
pub fn check(config: &Config) -> Result<(), Unhealthy> {
    let listeners = config.listeners();
    let question = match &config.admin {
        Some(AdminPlace(place)) if is_reachable(place) => {
            Question { place, is_tls: false, has_header: false }
        }
        _ => {
            let known =
                listeners.iter().filter(|it| it.speaks != Speaks::Redirect && is_reachable(&it.place));
            let easiest = known.min_by_key(|it| (it.proxy, it.speaks == Speaks::Tls));
            let listener = easiest.ok_or(Unhealthy::NoListener)?;
            let is_tls = listener.speaks == Speaks::Tls;
            Question { place: &listener.place, is_tls, has_header: listener.proxy }
        }
    };
    let answer = question.ask().map_err(|error| Unhealthy::Unreachable(question.place.to_string(), error))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some("503") if is_full(body) => Ok(()),
        _ => Err(Unhealthy::Answer(body.trim().replace('\n', "; "))),
    }
}

/// Whether this is all that `/healthz` complains of, on the public side or to operators.
fn is_full(body: &str) -> bool {
    body == FULL || body.trim_end() == Unready::Viewers.to_string()
}

/// Whether another process can connect there.
fn is_reachable(place: &Place) -> bool {
    match place {
        Place::Tcp(address) => address.port() != 0,
        Place::Unix(_) => true,
        Place::Passed(_) | Place::Systemd(_) => false,
    }
}

impl Question<'_> {
    fn ask(&self) -> io::Result<String> {
        let mut stream = self.connect()?;
        if self.has_header {
            stream.write_all(&proxy_protocol::header(None))?;
        }
        match self.is_tls {
            true => exchange(&mut StreamOwned::new(shake_hands()?, stream)),
            false => exchange(&mut stream),
        }
    }

    fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match self.place {
            Place::Tcp(address) => {
                let stream = TcpStream::connect_timeout(&of_this_machine(*address), PATIENCE)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Box::new(stream))
            }
            Place::Unix(file) => {
                let stream = UnixStream::connect(&file.path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Box::new(stream))
            }
            Place::Passed(_) | Place::Systemd(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// A server that listens on all addresses listens on the loopback's.
fn of_this_machine(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn shake_hands() -> io::Result<ClientConnection> {
    let name = IpAddr::from(Ipv4Addr::LOCALHOST).into();
    ClientConnection::new(Arc::new(trust::anybody().map_err(io::Error::other)?), name)
        .map_err(io::Error::other)
}

/// The answer, head and body. The server closes the connection after it.
fn exchange(stream: &mut impl Stream) -> io::Result<String> {
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    match stream.take(MAX_ANSWER).read_to_end(&mut answer) {
        // An end without that of TLS loses nothing that matters here.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

impl fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoListener => f.write_str(
                "no listener of this configuration can be asked; add --admin, or give the server's own flags",
            ),
            Self::Unreachable(place, error) => write!(f, "can't ask the server at {place}: {error}"),
            Self::Answer(why) => write!(f, "the server isn't healthy: {why}"),
        }
    }
}

impl std::error::Error for Unhealthy {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(_, error) => Some(error),
            Self::NoListener | Self::Answer(_) => None,
        }
    }
}
