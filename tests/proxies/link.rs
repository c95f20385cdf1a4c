//! Connections of pages to a proxy, plain or by TLS, and what comes over them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::DEADLINE;

/// How long a proxy may take to start. Varnish compiles its file with a C compiler.
pub(crate) const START: Duration = Duration::from_secs(40);

/// Where a page connects to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Door {
    /// To the server itself.
    Direct,
    Plain(u16),
    Tls(u16),
    /// After TLS was taken off: another program has accepted the connection on port 443 and says so by the PROXY protocol.
    AfterTls(u16),
}

/// A connection to a proxy.
pub(crate) enum Link {
    Plain(TcpStream),
    Tls(Child),
}

impl Link {
    /// Connects as soon as the proxy accepts, and sends a request, whose first and last line `head` lacks.
    pub(crate) fn ask(visitor: Ipv4Addr, door: Door, head: &str) -> Self {
        let mut link = Self::connect(visitor, door);
        link.send(format!("GET {head}\r\n\r\n").as_bytes());
        link
    }

    pub(crate) fn connect(visitor: Ipv4Addr, door: Door) -> Self {
        let to = match door {
            Door::Plain(port) | Door::Tls(port) => SocketAddr::from((visitor, port)),
            Door::Direct => SocketAddr::from((Ipv4Addr::LOCALHOST, 9192)),
            Door::AfterTls(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        };
        let begun = Instant::now();
        let socket = loop {
            match TcpStream::connect(to) {
                Ok(socket) => break socket,
                Err(error) => assert!(begun.elapsed() < START, "nothing listens on {to}: {error}"),
            }
            // A busy loop would take the proxy's time to start.
            std::thread::sleep(Duration::from_millis(10));
        };
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut link = if matches!(door, Door::Tls(_)) { Self::Tls(tls(to)) } else { Self::Plain(socket) };
        if matches!(door, Door::AfterTls(_)) {
            link.send(format!("PROXY TCP4 {visitor} {visitor} 50000 443\r\n").as_bytes());
        }
        link
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        match self {
            Self::Plain(socket) => socket.write_all(bytes).unwrap(),
            Self::Tls(client) => client.stdin.as_mut().unwrap().write_all(bytes).unwrap(),
        }
    }
}

impl Read for Link {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(bytes),
            Self::Tls(client) => client.stdout.as_mut().unwrap().read(bytes),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Self::Tls(client) = self {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

fn tls(to: SocketAddr) -> Child {
    Command::new("openssl")
        .args(["s_client", "-quiet", "-servername", "count.example", "-connect", &to.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test needs the program openssl")
}

/// A page, and all that came for it.
pub(crate) struct Page {
    link: Link,
    raw: Vec<u8>,
}

impl Page {
    /// Asks for `path`, as a picture or a script on a page of example.com does.
    pub(crate) fn open(visitor: Ipv4Addr, door: Door, path: &str) -> Self {
        Self::with(visitor, door, path, "Host: count.example")
    }

    /// The same, with these lines in place of the `Host`.
    pub(crate) fn with(visitor: Ipv4Addr, door: Door, path: &str, lines: &str) -> Self {
        let site = "Referer: https://example.com/\r\nOrigin: https://example.com";
        Self { link: Link::ask(visitor, door, &format!("{path} HTTP/1.1\r\n{lines}\r\n{site}")), raw: vec![] }
    }

    /// Opens a WebSocket.
    pub(crate) fn websocket(visitor: Ipv4Addr, door: Door, path: &str) -> Self {
        let handshake = "Host: count.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        Self::with(visitor, door, path, handshake)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.link.send(bytes);
    }

    /// Sends to a proxy that may have closed.
    pub(crate) fn send_anyhow(&mut self, bytes: &[u8]) {
        let Link::Plain(socket) = &mut self.link else { panic!("not by TLS") };
        let _ = socket.write_all(bytes);
    }

    /// Waits for more, and returns whether something came and the stream goes on.
    pub(crate) fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let some = self.link.read(&mut bytes).unwrap_or_else(|error| panic!("{error} after {}", self.text()));
        self.raw.extend_from_slice(&bytes[..some]);
        some > 0 && !body(&self.raw).1
    }

    /// Reads until the body has it.
    pub(crate) fn wait_for(&mut self, wanted: &[u8]) {
        while find(&body(&self.raw).0, wanted).is_none() {
            assert!(self.read(), "the stream ended without it: {}", self.text());
        }
    }

    /// Reads up to the end.
    pub(crate) fn wait_until_end(&mut self) {
        while self.read() {}
    }

    /// Reads until the body has it, or up to the end; for a connection that may also be reset.
    pub(crate) fn wait_until_end_or(&mut self, wanted: &[u8]) {
        let mut bytes = [0; 4096];
        while find(&body(&self.raw).0, wanted).is_none() {
            match self.link.read(&mut bytes) {
                Ok(some) if some > 0 => self.raw.extend_from_slice(&bytes[..some]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    panic!("neither it nor an end: {}", self.text())
                }
                _ => return,
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }
}

/// What has come of the body, without the framing of chunks, and whether the last of these has come.
fn body(raw: &[u8]) -> (Vec<u8>, bool) {
    let Some(end) = find(raw, b"\r\n\r\n") else { return (vec![], false) };
    let (head, mut rest) = (raw[..end].to_ascii_lowercase(), &raw[end + 4..]);
    if find(&head, b"transfer-encoding: chunked").is_none() {
        return (rest.to_vec(), false);
    }
    let mut body = vec![];
    while let Some(line) = find(rest, b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let chunk = &rest[line + 2..];
        body.extend_from_slice(&chunk[..size.min(chunk.len())]);
        rest = chunk.get(size + 2..).unwrap_or_default();
    }
    (body, false)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}
