//! How viewers connect and what they ask.

use super::{
    Outcome,
    stream::{EVENTS, Marks, PICTURES},
};
use mio::net::TcpStream;
use rustls::ClientConfig;
use socket2::{Domain, Socket, Type};
use std::{
    io::Write,
    net::{self, Ipv4Addr, SocketAddr},
    sync::Arc,
};

/// Source addresses, so that neither ports nor a limit per address run out.
const SOURCES: usize = 64;

const PICTURE: &str = "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n\
    Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image";
const MULTIPART: &str = "Accept: multipart/mixed\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image";
const WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";
const SCRIPT: &str = "Accept: text/event-stream\r\nCache-Control: no-store\r\n\
    Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty";

/// How viewers ask for the count.
#[derive(Clone)]
pub(crate) struct Asker {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    /// Of the page.
    pub(crate) site: String,
    /// The path of the page, if it is to have a picture of its own count.
    pub(crate) page: Option<String>,
    /// What a browser sends with such a request.
    pub(crate) headers: &'static str,
    /// A script asks, whose site the browser names.
    pub(crate) has_origin: bool,
    pub(crate) marks: &'static Marks,
    /// Ask for the bare picture first and be redirected, as browsers do.
    pub(crate) browser: bool,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

impl Asker {
    /// For pictures, as a page does.
    pub(crate) fn picture(address: SocketAddr) -> Self {
        Self::new(address, "/online.png", PICTURE, &PICTURES)
    }

    /// For pictures from Nchan, which chooses its answer by `Accept`.
    pub(crate) fn multipart(address: SocketAddr) -> Self {
        Self { headers: MULTIPART, ..Self::picture(address) }
    }

    pub(crate) fn events(address: SocketAddr) -> Self {
        Self { has_origin: true, ..Self::new(address, "/events/example.com", SCRIPT, &EVENTS) }
    }

    /// `marks` says which messages matter.
    pub(crate) fn websocket(address: SocketAddr, marks: &'static Marks) -> Self {
        Self { has_origin: true, ..Self::new(address, "/ws/example.com", WEBSOCKET, marks) }
    }

    fn new(address: SocketAddr, path: &str, headers: &'static str, marks: &'static Marks) -> Self {
        let (path, site) = (path.into(), "example.com".into());
        Self { address, path, site, page: None, headers, has_origin: false, marks, browser: false, tls: None }
    }

    /// The same for a page of another site than example.com, or for the site itself if `page` is empty.
    pub(crate) fn on(self, site: &str, page: &str) -> Self {
        let path = self.path.replace("example.com", &format!("{site}{page}"));
        let page = (self.path == path && !page.is_empty()).then(|| page.into());
        Self { path, site: site.into(), page, ..self }
    }

    pub(crate) fn path(&self, key: usize) -> String {
        match &self.page {
            _ if self.browser => self.path.clone(),
            Some(page) => format!("{}?u={key:08x}&page={page}", self.path),
            None => format!("{}?u={key:08x}", self.path),
        }
    }

    pub(crate) fn is_websocket(&self) -> bool {
        self.path.starts_with("/ws/")
    }

    /// As long as a browser's, since reading it is part of the price of a join.
    pub(crate) fn request(&self, path: &str) -> String {
        let Self { address, headers, site, .. } = self;
        let origin = if self.has_origin { format!("Origin: https://{site}\r\n") } else { String::new() };
        format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: keep-alive\r\n\
             User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/156.0.0.0 Safari/537.36\r\n{headers}\r\n{origin}Sec-Fetch-Site: cross-site\r\n\
             Referer: https://{site}/\r\n\
             Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n\r\n"
        )
    }

    /// A connection on its way.
    pub(crate) fn connect(&self, serial: usize) -> Outcome<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let source = Ipv4Addr::new(127, 0, 0, 1 + (serial % SOURCES) as u8);
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        match socket.connect(&self.address.into()) {
            // EINPROGRESS, which std has no name for: the socket becomes writable.
            Err(error) if error.raw_os_error() != Some(115) => Err(error.into()),
            _ => Ok(TcpStream::from_std(socket.into())),
        }
    }

    /// A viewer that has asked and will not read. The smallest segments and window make the server's own buffer
    /// for it small too: with its own it holds 13 kB, where it would hold 2 MB otherwise.
    pub(crate) fn deaf(&self) -> Outcome<net::TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_recv_buffer_size(1)?;
        socket.set_tcp_mss(88)?;
        socket.connect(&self.address.into())?;
        let mut socket: net::TcpStream = socket.into();
        socket.write_all(self.request("/online.png?u=deaf").as_bytes())?;
        Ok(socket)
    }
}
