//! Takes a socket over from hyper once its request has been judged.
//!
//! The service puts what it wants the socket for into a slot and returns a future that is never ready. Whoever drives
//! the connection sees the slot filled and takes the socket out. hyper reads the next head of a connection only after
//! the answer before was flushed, so nothing of an earlier answer is lost. hyper documents `into_parts` for connections
//! that are done; so its version is pinned, and `tests/takeover.rs` holds the behaviour.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

/// The longest request head, in bytes; hyper answers a longer one with 431.
const LONGEST_HEAD: usize = 16 * 1024;

/// How long a head may take to arrive, and a connection may idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What becomes of a request.
pub(crate) enum Answer<T> {
    /// hyper sends this, and reads the next request.
    Respond(Response<Full<Bytes>>),
    /// The socket is taken over, for this.
    TakeOver(T),
}

/// A socket that has left hyper.
pub(crate) struct Taken<T> {
    /// The socket, non-blocking, no longer known to tokio.
    pub(crate) socket: std::net::TcpStream,
    /// What it was taken over for.
    pub(crate) purpose: T,
    /// How many bytes behind the request's head were read already, and dropped.
    pub(crate) junk: usize,
}

/// Serves the requests of a connection until it ends (`None`) or one of them wants the socket.
pub(crate) async fn serve<T: Send + 'static>(
    socket: TcpStream,
    answer: impl Fn(Request<Incoming>) -> Answer<T>,
) -> Option<Taken<T>> {
    let slot = Arc::new(Mutex::new(None));
    let service = service_fn(|request| match answer(request) {
        Answer::Respond(response) => Reply(Some(response)),
        Answer::TakeOver(purpose) => {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(purpose);
            Reply(None)
        }
    });
    let mut connection = builder().serve_connection(TokioIo::new(socket), service);
    let purpose = poll_fn(|cx| {
        let end = Pin::new(&mut connection).poll(cx);
        match slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(purpose) => Poll::Ready(Some(purpose)),
            None => end.map(log_end),
        }
    })
    .await?;
    let parts = connection.into_parts();
    let socket = parts.io.into_inner().into_std().ok()?;
    Some(Taken { socket, purpose, junk: parts.read_buf.len() })
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(LONGEST_HEAD);
    builder
}

fn log_end<T>(end: hyper::Result<()>) -> Option<T> {
    if let Err(error) = end {
        tracing::debug!(%error, "a connection ended");
    }
    None
}

/// The response, at once; or nothing ever.
struct Reply(Option<Response<Full<Bytes>>>);

impl Future for Reply {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
    }
}
