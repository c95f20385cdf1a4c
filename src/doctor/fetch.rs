//! One HTTP/1.1 exchange over a connection of its own, bounded in bytes and time.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::upgrade::Upgraded;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::url::Url;

/// How long a connection, with TLS, may take to open.
const CONNECT: Duration = Duration::from_secs(10);

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// How connections are made.
#[derive(Clone)]
pub(super) struct Network {
    pub(super) tls: TlsConnector,
    /// Where to connect, whatever address a name has.
    pub(super) connect: Option<IpAddr>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The name has no address.
    Name(io::Error),
    /// Nothing accepts connections there.
    Connect(SocketAddr, io::Error),
    /// The certificate isn't good, or the other end speaks no TLS.
    Tls(io::Error),
    /// It took too long.
    Slow(&'static str, Duration),
    /// The answer isn't HTTP, or the connection was cut.
    Http(hyper::Error),
}

/// An answer, whose body is still to come.
pub(super) struct Answer {
    response: Response<Incoming>,
    /// The address of this end, and of the other.
    pub(super) ends: (IpAddr, IpAddr),
    link: Link,
}

/// Keeps a connection open; it is closed at once when this is dropped.
pub(super) struct Link {
    driver: AbortHandle,
    _sender: SendRequest<Empty<Bytes>>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Network {
    /// Asks for `url`, and waits for the head of the answer for at most `patience`.
    ///
    /// # Errors
    /// [`Trouble`].
    pub(super) async fn get(
        &self,
        url: &Url,
        headers: HeaderMap,
        patience: Duration,
    ) -> Result<Answer, Trouble> {
        self.ask(url, headers, patience, |_| {}).await
    }

    /// The same; `sent` is told when the request goes out.
    ///
    /// # Errors
    /// [`Trouble`].
    pub(super) async fn ask(
        &self,
        url: &Url,
        headers: HeaderMap,
        patience: Duration,
        sent: impl FnOnce(Instant),
    ) -> Result<Answer, Trouble> {
        let connected = timeout(CONNECT, self.connect(url)).await;
        let (stream, ends) = connected.map_err(|_| Trouble::Slow("no connection", CONNECT))??;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD);
        let (mut sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(Trouble::Http)?;
        let driver: JoinHandle<_> = tokio::spawn(connection.with_upgrades());
        let driver = driver.abort_handle();
        let request = request(url, headers);
        sent(Instant::now());
        let answer = timeout(patience, sender.send_request(request)).await;
        // From here on a drop closes the connection.
        let link = Link { driver, _sender: sender };
        let response = answer.map_err(|_| Trouble::Slow("no answer", patience))?.map_err(Trouble::Http)?;
        Ok(Answer { response, ends, link })
    }

    async fn connect(&self, url: &Url) -> Result<(Pin<Box<dyn Stream>>, (IpAddr, IpAddr)), Trouble> {
        let addresses: Vec<SocketAddr> = match self.connect {
            Some(address) => vec![(address, url.port()).into()],
            None => {
                let found = tokio::net::lookup_host((url.host(), url.port())).await;
                found.map_err(Trouble::Name)?.collect()
            }
        };
        let socket = open(&addresses).await?;
        let end =
            |address: io::Result<SocketAddr>| address.map(|it| it.ip().to_canonical()).map_err(Trouble::Name);
        let ends = (end(socket.local_addr())?, end(socket.peer_addr())?);
        let _ = socket.set_nodelay(true);
        if !url.is_https {
            return Ok((Box::pin(socket), ends));
        }
        let name = ServerName::try_from(url.host().to_owned());
        let name = name.map_err(|error| Trouble::Tls(io::Error::other(error)))?;
        let stream = self.tls.connect(name, socket).await.map_err(Trouble::Tls)?;
        Ok((Box::pin(stream), ends))
    }
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The lines of a header, joined by commas.
    pub(super) fn header(&self, name: &str) -> String {
        joined(self.headers(), name)
    }

    /// The next bytes of the body; none at its end.
    ///
    /// # Errors
    /// [`Trouble::Http`], if the connection is cut.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Trouble> {
        loop {
            match self.response.body_mut().frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(_) => continue,
                },
                Some(Err(error)) => return Err(Trouble::Http(error)),
            }
        }
    }

    /// The body as text: at most `most` bytes of it, and what has come in `patience`.
    pub(super) async fn text(mut self, most: usize, patience: Duration) -> String {
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(chunk)) = self.chunk().await {
                body.extend_from_slice(&chunk[..chunk.len().min(most - body.len())]);
                if body.len() == most {
                    break;
                }
            }
        };
        // What has come is enough.
        let _ = timeout(patience, read).await;
        String::from_utf8_lossy(&body).into_owned()
    }

    /// The connection itself, after 101.
    ///
    /// # Errors
    /// [`Trouble::Http`].
    pub(super) async fn upgrade(self) -> Result<(TokioIo<Upgraded>, Link), Trouble> {
        let upgraded = hyper::upgrade::on(self.response).await.map_err(Trouble::Http)?;
        Ok((TokioIo::new(upgraded), self.link))
    }
}

/// The lines of a header, joined by commas.
pub(super) fn joined(headers: &HeaderMap, name: &str) -> String {
    let lines = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines.collect::<Vec<_>>().join(", ")
}

/// The first of the addresses that accepts.
async fn open(addresses: &[SocketAddr]) -> Result<TcpStream, Trouble> {
    let mut trouble = Trouble::Name(io::Error::other("the name has no address"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => trouble = Trouble::Connect(*address, error),
        }
    }
    Err(trouble)
}

fn request(url: &Url, headers: HeaderMap) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    // An address that was parsed has a target that a request's line can have.
    *request.uri_mut() = url.target().parse().unwrap_or_default();
    *request.headers_mut() = headers;
    request.headers_mut().insert(HOST, url.host_header());
    request
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => write!(f, "the name can't be resolved: {error}"),
            Self::Connect(address, error) => write!(f, "nothing accepts connections at {address}: {error}"),
            Self::Tls(error) => write!(f, "no TLS connection: {error}"),
            Self::Slow(what, time) => write!(f, "{what} within {} s", time.as_secs()),
            Self::Http(error) => match error.source() {
                Some(source) => write!(f, "{error}: {source}"),
                None => write!(f, "{error}"),
            },
        }
    }
}
