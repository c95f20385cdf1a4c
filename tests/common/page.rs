//! A page with a WebSocket, which sees the frames byte by byte.

use std::net::SocketAddr;
use std::time::Instant;

use serde_json::Value;

use super::DEADLINE;
use super::client::{Client, Response};
use super::request;

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The headers of a WebSocket handshake; the key is the example of RFC 6455.
pub(crate) const OPENING: [&str; 4] = [
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// An open WebSocket.
pub(crate) struct Page {
    pub(crate) client: Client,
}

/// The handshake of a page of `site` at `path`.
pub(crate) fn opening(path: &str, site: &str, more: &[&str]) -> String {
    let origin = format!("Origin: https://{site}");
    request(&format!("GET {path} HTTP/1.1"), &[&OPENING[..], &[&origin], more].concat())
}

/// The server's answer to that.
pub(crate) fn ask(address: SocketAddr, path: &str, site: &str) -> Response {
    Client::ask(address, opening(path, site, &[]))
}

impl Page {
    /// A page of example.com that joins the room at `/ws/example.com` followed by `path`.
    pub(crate) fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, path, &[])
    }

    pub(crate) fn open_with(address: SocketAddr, path: &str, headers: &[&str]) -> Self {
        let mut client = Client::connect(address);
        client.send(opening(&format!("/ws/example.com{path}"), "example.com", headers));
        Self::opened(client)
    }

    /// Reads the answer to the handshake that `client` has sent.
    pub(crate) fn opened(mut client: Client) -> Self {
        let response = client.response_to_head();
        assert_eq!(response.status, 101, "{}", response.head);
        assert_eq!(response.header("upgrade"), Some("websocket"));
        assert_eq!(response.header("connection"), Some("Upgrade"));
        assert_eq!(response.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        Self { client }
    }

    pub(crate) fn send(&mut self, message: &str) {
        self.client.send(frame(0x80 | TEXT, message.as_bytes()));
    }

    /// The next message.
    pub(crate) fn receive(&mut self) -> Value {
        let (opcode, payload) = self.frame();
        assert_eq!(opcode, TEXT, "{payload:?}");
        serde_json::from_slice(&payload).unwrap()
    }

    /// The next frame except for pings, which may come at any time and are answered.
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        loop {
            match self.any_frame() {
                (PING, payload) => self.client.send_anyhow(frame(0x80 | PONG, &payload)),
                other => return other,
            }
        }
    }

    /// Frames from a server are complete and not masked.
    fn any_frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.client.take(2);
        assert_eq!(head[0] & 0xf0, 0x80, "{head:?}");
        let length = match head[1] {
            short @ 0..=125 => usize::from(short),
            126 => usize::from(u16::from_be_bytes(self.client.take(2).try_into().unwrap())),
            _ => panic!("a frame of {head:?}"),
        };
        (head[0] & 0x0f, self.client.take(length))
    }

    /// Reads up to the message with these counts of `room`. Returns the messages before it.
    pub(crate) fn wait_for(&mut self, room: &str, count: u64, visitors: u64) -> Vec<Value> {
        let wanted = counts(room, count, visitors);
        self.wait_until(|message| *message == wanted, &wanted.to_string())
    }

    /// Reads up to the first message of this type, and returns it.
    pub(crate) fn wait_for_type(&mut self, name: &str) -> Value {
        let mut found = None;
        self.wait_until(
            |message| {
                let is_it = message["type"] == name;
                found = is_it.then(|| message.clone());
                is_it
            },
            name,
        );
        found.unwrap()
    }

    pub(crate) fn wait_until(&mut self, mut is_it: impl FnMut(&Value) -> bool, what: &str) -> Vec<Value> {
        let (started, mut before) = (Instant::now(), Vec::new());
        loop {
            let message = self.receive();
            if is_it(&message) {
                return before;
            }
            before.push(message);
            assert!(started.elapsed() < DEADLINE, "{what} is not among {before:?}");
        }
    }

    /// Reads up to the first error. Returns how many answers came before it.
    pub(crate) fn wait_until_error(&mut self) -> usize {
        let mut answers = 0;
        loop {
            match self.frame() {
                (TEXT, payload) if payload.starts_with(br#"{"type":"error""#) => return answers,
                (TEXT | PONG, _) => answers += 1,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Reads up to the server's close frame and the end after it. Returns the close code.
    pub(crate) fn read_close(mut self) -> u16 {
        let code = loop {
            match self.frame() {
                (CLOSE, payload) => break u16::from_be_bytes(payload[..2].try_into().unwrap()),
                (TEXT | PONG, _) => {}
                other => panic!("{other:?}"),
            }
        };
        self.client.send_anyhow(frame(0x80 | CLOSE, &code.to_be_bytes()));
        self.client.half_close();
        assert_eq!(self.client.read_to_end(), (Vec::new(), super::client::End::Fin));
        code
    }
}

/// The message with the counts of a room.
pub(crate) fn counts(room: &str, count: u64, visitors: u64) -> Value {
    serde_json::json!({"type": "update/count", "room": room, "count": count, "visitors": visitors})
}

/// A frame as a page sends it, masked; `first` is its first byte.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend((long as u16).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
