//! Takes a socket over from hyper once its request has been judged.
//!
//! The service puts what it wants the socket for into a slot and returns a future that is never ready. Whoever drives
//! the connection sees the slot filled and takes the socket out. hyper reads the next head of a connection only after
//! the answer before was flushed, so nothing of an earlier answer is lost. hyper documents `into_parts` for connections
//! that are done; so its version is pinned, and `tests/takeover.rs` holds the behaviour.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use door::Door;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioTimer;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

mod door;

/// The longest request head, in bytes; hyper answers a longer one with 431.
const LONGEST_HEAD: usize = 16 * 1024;

/// How long a head may take to arrive, and a connection may idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long hyper may be at it, from the first byte of a request to the last of its answer. A browser on the slowest line
/// has taken the largest page by then; who reads a byte a second would hold an open file for good otherwise.
const TALK_TIMEOUT: Duration = Duration::from_secs(60);

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
    /// What was read already of what came behind the request's head; nearly always nothing.
    pub(crate) behind: Box<[u8]>,
}

/// Serves the requests of a connection until it ends or one of them wants the socket, which `take` gets then.
///
/// A task for each connection of a burst is in memory at once, so what it keeps is held short: an async function would keep
/// its arguments twice, and with `take` no other future needs to be around this one.
pub(crate) fn serve<T: Send + 'static>(
    mut socket: TcpStream,
    answer: impl Fn(Request<Incoming>) -> Answer<T> + Send + Sync,
    take: impl FnOnce(Taken<T>) + Send,
) -> impl Future<Output = ()> + Send {
    let mut before = Bytes::new();
    async move {
        while !before.is_empty() || has_something(&socket).await {
            // Boxed, so that what hyper needs is gone with it.
            let talk = Box::pin(talk((before, socket), &answer));
            match tokio::time::timeout(TALK_TIMEOUT, talk).await {
                Ok(Some(Outcome::Taken(taken))) => return take(taken),
                Ok(Some(Outcome::Waits(rest, waiting))) => (before, socket) = (rest, waiting),
                Ok(None) | Err(_) => return,
            }
        }
    }
}

/// Waits until there is something to read, or the end. hyper takes 8 KiB to read into as soon as it is asked to read; so
/// it is asked only then, and thousands of connections that have nothing to say cost next to nothing. By a look, not by
/// `TcpStream::readable`, whose future is 150 bytes longer: a task for each connection of a burst is in memory at once.
async fn has_something(socket: &TcpStream) -> bool {
    let look = poll_fn(|cx| socket.poll_peek(cx, &mut ReadBuf::new(&mut [0])));
    tokio::time::timeout(HEAD_TIMEOUT, look).await.is_ok()
}

/// How a talk with hyper ends, if not with the connection.
enum Outcome<T> {
    Taken(Taken<T>),
    /// All that was asked is answered. The bytes are the beginning of a next head, if some of it came along.
    Waits(Bytes, TcpStream),
}

async fn talk<T: Send + 'static>(
    (before, socket): (Bytes, TcpStream),
    answer: impl Fn(Request<Incoming>) -> Answer<T>,
) -> Option<Outcome<T>> {
    let slot = Arc::new(Mutex::new(None));
    let service = service_fn(|request| match answer(request) {
        Answer::Respond(response) => Reply(Some(response)),
        Answer::TakeOver(purpose) => {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(purpose);
            Reply(None)
        }
    });
    let (door, waits) = Door::new(before, socket);
    let mut connection = builder().serve_connection(door, service);
    let purpose = poll_fn(|cx| {
        let end = Pin::new(&mut connection).poll(cx);
        match slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(purpose) => Poll::Ready(Some(Some(purpose))),
            None if end.is_pending() && waits.load(Ordering::Relaxed) => Poll::Ready(Some(None)),
            None => end.map(log_end),
        }
    })
    .await?;
    let parts = connection.into_parts();
    let socket = parts.io.into_inner();
    match purpose {
        None => Some(Outcome::Waits(parts.read_buf, socket)),
        Some(purpose) => {
            // A copy: the bytes themselves would pin hyper's buffer of 8 KiB, even if they are none.
            let (socket, behind) = (socket.into_std().ok()?, parts.read_buf[..].into());
            Some(Outcome::Taken(Taken { socket, purpose, behind }))
        }
    }
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_doesnt_take_an_answer_is_let_go() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: counter.example\r\n\r\n").unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        let more_than_sockets_hold = Bytes::from(vec![0; 16 << 20]);
        let answer = |_| Answer::<()>::Respond(Response::new(Full::new(more_than_sockets_hold.clone())));
        let started = tokio::time::Instant::now();
        serve(socket, answer, |_| panic!("nobody wanted the socket")).await;
        assert!(started.elapsed() >= TALK_TIMEOUT);
    }
}
