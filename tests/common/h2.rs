//! Clients that speak HTTP/2 from the first byte: one that knows the protocol, and one that writes frames as it likes.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use hyper::{HeaderMap, Method, Request, StatusCode};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::DEADLINE;
use super::parts::{BETWEEN, count_on};

/// A connection.
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    /// Ends with the connection.
    pub(crate) driver: JoinHandle<Result<(), h2::Error>>,
}

/// A response, and what has come of its body.
pub(crate) struct Stream {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: RecvStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::with_window(address, 1 << 20).await
    }

    /// Whose streams take so many bytes that nobody reads.
    pub(crate) async fn with_window(address: SocketAddr, bytes: u32) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(bytes).initial_connection_window_size(16 << 20);
        let (requests, connection) = builder.handshake(socket).await.unwrap();
        Self { requests, driver: tokio::spawn(connection) }
    }

    /// Asks for a path with headers; `http://counter.example` is the server's name.
    pub(crate) async fn ask(&mut self, method: Method, path: &str, headers: &[(&str, &str)]) -> Stream {
        let mut request = Request::builder().method(method).uri(format!("http://counter.example{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut requests = self.requests.clone().ready().await.unwrap();
        let (response, _) = requests.send_request(request.body(()).unwrap(), true).unwrap();
        let response = timeout(DEADLINE, response).await.expect("an answer in time").unwrap();
        let (head, body) = response.into_parts();
        Stream { status: head.status, headers: head.headers, body, buffer: Vec::new() }
    }

    pub(crate) async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Stream {
        self.ask(Method::GET, path, headers).await
    }

    /// Waits until the server takes no more requests on this connection.
    pub(crate) async fn refuses(&mut self) {
        let waited = async {
            loop {
                let Ok(mut requests) = self.requests.clone().ready().await else { return };
                let request = Request::builder().uri("http://counter.example/count/example.com.txt");
                let Ok((response, _)) = requests.send_request(request.body(()).unwrap(), true) else {
                    return;
                };
                if response.await.is_err() {
                    return;
                }
            }
        };
        timeout(DEADLINE, waited).await.expect("a connection that takes no more requests");
    }

    /// A page of example.com with the picture, of which the start was read.
    pub(crate) async fn view(&mut self) -> Stream {
        let mut stream = self.get("/online.png?u=1", &[("referer", "https://example.com/")]).await;
        assert_eq!(stream.status, StatusCode::OK, "{:?}", stream.headers);
        let part = stream.take_through(b"\r\n\r\n").await;
        assert!(part.starts_with(b"--frame\r\nContent-Type: image/png\r\nX-Pad: "));
        stream
    }
}

impl Stream {
    /// The next picture. The head of the next part must come with it.
    pub(crate) async fn picture(&mut self) -> Vec<u8> {
        let mut png = self.take_through(BETWEEN).await;
        png.truncate(png.len() - BETWEEN.len());
        png
    }

    pub(crate) async fn count(&mut self) -> u64 {
        count_on(&self.picture().await)
    }

    pub(crate) async fn wait_for(&mut self, count: u64) {
        while self.count().await != count {}
    }

    /// Reads until the picture shows `count`; those before show one of `others`.
    pub(crate) async fn reaches(&mut self, count: u64, others: &[u64]) {
        loop {
            match self.count().await {
                shown if shown == count => return,
                other => assert!(others.contains(&other), "{other} was never true"),
            }
        }
    }

    /// Everything up to the end of the stream.
    pub(crate) async fn read_to_end(&mut self) -> Result<Vec<u8>, h2::Error> {
        while let Some(bytes) = self.data().await {
            self.buffer.extend(bytes?);
        }
        Ok(std::mem::take(&mut self.buffer))
    }

    /// What comes next, from `start` through `end`, as text.
    pub(crate) async fn text_through(&mut self, start: &str, end: &str) -> String {
        let text = String::from_utf8(self.take_through(end.as_bytes()).await).unwrap();
        assert!(text.starts_with(start), "{text}");
        text
    }

    pub(crate) async fn take_through(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|bytes| bytes == end) {
                return self.buffer.drain(..at + end.len()).collect();
            }
            let bytes = self.data().await.expect("more of the stream").unwrap();
            self.buffer.extend(bytes);
        }
    }

    async fn data(&mut self) -> Option<Result<Bytes, h2::Error>> {
        let data = timeout(DEADLINE, self.body.data()).await.expect("bytes in time")?;
        if let Ok(bytes) = &data {
            let _ = self.body.flow_control().release_capacity(bytes.len());
        }
        Some(data)
    }
}

/// A frame (RFC 9113, section 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What a connection begins with: the preface, and settings that change nothing.
pub(crate) fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, b"")[..]].concat()
}

/// A request for the picture, in one HEADERS frame: its fields as literals without indexing (RFC 7541, section 6.2.2).
pub(crate) fn view(stream: u32, flags: u8) -> Vec<u8> {
    let literal = |name: &str, value: &str| {
        [&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
    };
    let fields = [
        literal(":method", "GET"),
        literal(":scheme", "http"),
        literal(":authority", "counter.example"),
        literal(":path", "/online.png?u=1"),
        literal("referer", "https://example.com/"),
    ];
    frame(HEADERS, flags, stream, &fields.concat())
}

pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const CONTINUATION: u8 = 9;

/// Flags of HEADERS.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
