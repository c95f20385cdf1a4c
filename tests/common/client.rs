//! A client that is a plain socket with a read buffer.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustls::ClientConnection;

use super::{DEADLINE, request, tls};

/// A connection to the server.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    pub(crate) tls: Option<Box<ClientConnection>>,
    buffer: Vec<u8>,
}

/// A complete answer that isn't a stream.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Status line and headers, without the empty line after them.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Fin,
    Reset,
    /// The end of the connection, and not of its TLS.
    Cut,
}

/// Asks for `path` with `headers`.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &[&str]) -> Response {
    Client::ask(address, request(&format!("GET {path} HTTP/1.1"), headers))
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    /// Connects with a small receive buffer.
    pub(crate) fn connect_narrow(address: SocketAddr) -> Self {
        let socket =
            socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(2048).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::over(socket.into())
    }

    fn over(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        let tls = tls::of_all_tests().map(|version| Box::new(tls::client(version)));
        Self { socket, tls, buffer: Vec::new() }
    }

    /// Connects, and speaks TLS as `tls` does.
    pub(crate) fn connect_tls(address: SocketAddr, tls: ClientConnection) -> Self {
        Self { tls: Some(Box::new(tls)), ..Self::connect(address) }
    }

    /// Does so before anything is sent.
    pub(crate) fn shake_hands(&mut self) {
        while let Some(tls) = self.tls.as_mut().filter(|tls| tls.is_handshaking()) {
            tls.complete_io(&mut self.socket).unwrap();
        }
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(address: SocketAddr, request: impl AsRef<[u8]>) -> Response {
        let mut client = Self::connect(address);
        client.send(request);
        client.response()
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.write(bytes.as_ref()).unwrap();
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls::write_all(tls, &mut self.socket, bytes),
            None => self.socket.write_all(bytes),
        }
    }

    /// Sends pieces of that size, each in a packet of its own.
    pub(crate) fn send_in_pieces(&mut self, bytes: impl AsRef<[u8]>, size: usize) {
        for piece in bytes.as_ref().chunks(size) {
            self.send(piece);
            // Without a pause the kernel would merge them.
            std::thread::yield_now();
        }
    }

    /// Sends as much as it can: the server may close the connection meanwhile.
    pub(crate) fn send_anyhow(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.write(bytes.as_ref());
    }

    /// Ends the sending side.
    pub(crate) fn half_close(&mut self) {
        if let Some(tls) = &mut self.tls {
            while tls.is_handshaking() && tls.complete_io(&mut self.socket).is_ok() {}
            tls.send_close_notify();
            let _ = tls.write_tls(&mut self.socket);
        }
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Reads an answer that has a Content-Length.
    pub(crate) fn response(&mut self) -> Response {
        let mut response = self.response_to_head();
        let length = response.header("content-length").map_or(0, |length| length.parse().unwrap());
        response.body = self.take(length);
        response
    }

    /// Reads an answer without a body, whatever its headers say.
    pub(crate) fn response_to_head(&mut self) -> Response {
        let head = String::from_utf8(self.take_through(b"\r\n\r\n")).unwrap();
        let head = head.trim_end().to_owned();
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or(&head);
        Response { status: status.parse().unwrap(), head, body: Vec::new() }
    }

    /// The next bytes up to and including `end`.
    pub(crate) fn take_through(&mut self, end: &[u8]) -> Vec<u8> {
        let mut looked = 0;
        loop {
            if let Some(at) = self.buffer[looked..].windows(end.len()).position(|bytes| bytes == end) {
                return self.take(looked + at + end.len());
            }
            looked = self.buffer.len().saturating_sub(end.len() - 1);
            self.fill();
        }
    }

    /// The next `length` bytes.
    pub(crate) fn take(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            self.fill();
        }
        self.buffer.drain(..length).collect()
    }

    /// The bytes of one read.
    pub(crate) fn read_once(&mut self) -> Vec<u8> {
        if self.buffer.is_empty() {
            self.fill();
        }
        std::mem::take(&mut self.buffer)
    }

    /// Reads and drops the bytes that have arrived.
    pub(crate) fn forget(&mut self) {
        self.buffer.clear();
        self.socket.set_nonblocking(true).unwrap();
        while self.read_more().is_ok_and(|some| some > 0) {}
        self.socket.set_nonblocking(false).unwrap();
        self.buffer.clear();
    }

    /// Whether nothing comes in that time, after everything that was read.
    pub(crate) fn receives_nothing_for(&mut self, time: Duration) -> bool {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let was_empty = self.buffer.is_empty();
        let read = self.read_more();
        self.socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let timed_out =
            |error: std::io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        was_empty && read.is_err_and(timed_out)
    }

    /// Everything up to the end of the connection, and how it ended.
    pub(crate) fn read_to_end(&mut self) -> (Vec<u8>, End) {
        let end = loop {
            match self.read_more() {
                Ok(0) => break End::Fin,
                Ok(_) => {}
                Err(error) if is_reset(&error) => break End::Reset,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break End::Cut,
                Err(error) => panic!("neither bytes nor an end: {error}"),
            }
        };
        (std::mem::take(&mut self.buffer), end)
    }

    /// What comes up to the end of the connection, or a failure of its TLS.
    pub(crate) fn read_until_any_end(&mut self) -> Vec<u8> {
        while self.read_more().is_ok_and(|some| some > 0) {}
        std::mem::take(&mut self.buffer)
    }

    fn fill(&mut self) {
        match self.read_more() {
            Ok(0) => panic!("the connection ended after {:?}", String::from_utf8_lossy(&self.buffer)),
            Ok(_) => {}
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&self.buffer)),
        }
    }

    fn read_more(&mut self) -> std::io::Result<usize> {
        let mut bytes = [0; 64 * 1024];
        let some = match &mut self.tls {
            Some(tls) => tls::read(tls, &mut self.socket, &mut bytes)?,
            None => self.socket.read(&mut bytes)?,
        };
        self.buffer.extend_from_slice(&bytes[..some]);
        Ok(some)
    }
}

/// With TLS, to read may be to write, too.
fn is_reset(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Asserts that it may be neither cached nor sniffed.
    pub(crate) fn assert_safe(&self) {
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self:?}");
    }

    /// Asserts that it is a picture with that sentence, which any page may show.
    pub(crate) fn assert_says(&self, sentence: &str) {
        self.assert_safe();
        assert_eq!(self.header("content-type"), Some("image/png"), "{self:?}");
        assert_eq!(self.header("cross-origin-resource-policy"), Some("cross-origin"), "{self:?}");
        assert_eq!(self.body, onlookers_picture::notice(sentence), "not the picture that says {sentence:?}");
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} and {} bytes: {:?}",
            self.head,
            self.body.len(),
            String::from_utf8_lossy(&self.body[..self.body.len().min(100)])
        )
    }
}
