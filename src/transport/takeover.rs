//! Takes a connection over from hyper once its request has been judged.
//!
//! The service puts what it grants into a slot and returns a future that is never ready. The task that drives the
//! connection sees the slot filled and takes the stream out. hyper reads the next head of a connection only after the
//! response before was flushed, so nothing of an earlier response is lost. hyper documents `into_parts` for connections
//! that are done; so its version is pinned, and `tests/wire/takeover.rs` holds the behaviour.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioTimer;
use onlookers_rooms::sync::Mutex;
use tokio::io::AsyncWriteExt;

use super::socket::Socket;
use super::{Grant, Loops, http2};
use crate::metrics::Failed;
use crate::net::connections::{ConnectionPermit, Phase};
use crate::wire::Opening;
use head::{HEAD_TIMEOUT, Head};
pub(crate) use stream::Stream;
use watched::{Progress, Watched};

mod head;
mod stream;
mod watched;

/// The longest request head, in bytes; hyper answers a longer one with 431.
pub(super) const MAX_HEAD: usize = 16 * 1024;

/// How long hyper may have a connection, from the head of a request to the last byte of its response. A browser on the
/// slowest line has loaded the largest page by then; a client that reads a byte a second would hold an open file for good
/// otherwise.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);

/// The answer to a request.
pub(crate) enum Answer<T> {
    /// hyper sends this, and reads the next request.
    Respond(Response<Full<Bytes>>),
    /// One of the others, once this is ready.
    Later(Pin<Box<dyn Future<Output = Self> + Send>>),
    /// The head of a stream goes out, for HEAD. With HTTP/1.1 the connection ends then.
    Head(Opening),
    /// The connection is taken over, for this.
    TakeOver(T),
}

/// A connection that has left hyper.
pub(crate) struct Taken<T> {
    pub(crate) socket: Socket,
    /// The purpose it was taken over for.
    pub(crate) grant: T,
    /// The bytes after the request's head that were read already; nearly always none.
    pub(crate) unread: Box<[u8]>,
}

/// Serves the requests of a connection until it ends or one of them takes it over, and then gives it to one of `loops`. The
/// bytes in `unread` were read from it already. It ends when there are too many connections and `permit` says so. A connection
/// that speaks HTTP/2 from its first byte stays with hyper. `report` is told why it has ended, if not in order.
///
/// A task for each connection of a burst is in memory at once, so its size matters: an async function would keep its
/// arguments twice, and with `take` no other future needs to be around this one.
pub(crate) fn serve<S: Stream>(
    mut stream: S,
    unread: Vec<u8>,
    permit: ConnectionPermit,
    (answer, report): (
        impl Fn(Request<Incoming>, &ConnectionPermit) -> Answer<Grant> + Send + Sync,
        impl Fn(Failed) + Send + Sync,
    ),
    loops: Arc<Loops>,
) -> impl Future<Output = ()> + Send {
    let mut head = Head::begun(&unread);
    drop(unread);
    async move {
        let mut is_first = true;
        loop {
            let bytes = match head::read(&mut stream, &mut head, &permit).await {
                Ok(bytes) => bytes,
                Err(why) => {
                    // After a request, that is how a connection ends.
                    let is_usual = !is_first && matches!(why, Some(Failed::Idle | Failed::Closed));
                    why.filter(|_| !is_usual).map(&report);
                    break;
                }
            };
            if !permit.begin_answer() {
                return;
            }
            if std::mem::take(&mut is_first) && http2::begins(&bytes) {
                return Box::pin(http2::serve(bytes, stream, permit, (&answer, &report), loops.bodies()))
                    .await;
            }
            // Boxed, so that what hyper needs is gone with it.
            let exchange = Box::pin(exchange((bytes, stream), &permit, &answer));
            match tokio::time::timeout(EXCHANGE_TIMEOUT, exchange).await {
                Ok(Ok(Outcome::Taken(taken))) => {
                    permit.become_viewer();
                    return loops.admit(taken);
                }
                Ok(Ok(Outcome::Idle(rest, idle))) => (head, stream) = (Head::begun(&rest), idle),
                Ok(Err(why)) => return why.map_or((), &report),
                Err(_) => return report(Failed::SlowAnswer),
            }
        }
        // With TLS, the last record says that nothing is missing. The client may not take it at once; then it hasn't it.
        let _ = poll_fn(|cx| Poll::Ready(Pin::new(&mut stream).poll_shutdown(cx))).await;
    }
}

/// How an exchange with hyper ends, if not with the connection.
enum Outcome<S, T> {
    Taken(Taken<T>),
    /// Every request is answered. The bytes are the beginning of a next head, if some of it came along.
    Idle(Bytes, S),
}

/// # Errors
/// If the connection is to be closed, and why, if that isn't in order.
async fn exchange<S: Stream, T: Send + 'static>(
    (head, stream): (Bytes, S),
    permit: &ConnectionPermit,
    answer: impl Fn(Request<Incoming>, &ConnectionPermit) -> Answer<T>,
) -> Result<Outcome<S, T>, Option<Failed>> {
    let slot = Arc::new(Mutex::new(Slot::Empty));
    let progress = Arc::new(Progress::default());
    let service = service_fn(|request| {
        progress.request_came();
        let is_last = request.headers().contains_key(UPGRADE) || permit.is_leaving();
        Reply { answer: Some(answer(request, permit)), slot: Arc::clone(&slot), is_last }
    });
    let watched = Watched::new(head, stream, Arc::clone(&progress));
    let mut connection = builder().serve_connection(watched, service);
    let answer = poll_fn(|cx| {
        let end = Pin::new(&mut connection).poll(cx);
        let is_over = {
            let mut slot = slot.lock();
            match std::mem::replace(&mut *slot, Slot::Empty) {
                Slot::Taken(taken) => return Poll::Ready(Ok(Some(taken))),
                Slot::Empty => progress.waits_for_request(),
                Slot::Waiting => {
                    *slot = Slot::Waiting;
                    false
                }
            }
        };
        match end {
            Poll::Ready(end) => Poll::Ready(Err(failure(end))),
            Poll::Pending if is_over => Poll::Ready(Ok(None)),
            Poll::Pending => permit.poll_closed(Phase::Answer, cx).map(|()| Err(None)),
        }
    })
    .await?;
    let parts = connection.into_parts();
    let (more, stream) = parts.io.into_parts();
    match answer {
        Some(Answer::TakeOver(grant)) => {
            // A copy: the bytes themselves would pin hyper's buffer of 8 KiB, even if there are none.
            let mut unread = [&parts.read_buf[..], &more].concat();
            let socket = stream.into_socket(&mut unread).inspect_err(log_refusal).map_err(|_| None)?;
            Ok(Outcome::Taken(Taken { socket, grant, unread: unread.into() }))
        }
        Some(Answer::Head(head)) => {
            drop(tokio::spawn(send_head(stream, head)));
            Err(None)
        }
        _ if more.is_empty() => Ok(Outcome::Idle(parts.read_buf, stream)),
        _ => Ok(Outcome::Idle([&parts.read_buf[..], &more].concat().into(), stream)),
    }
}

/// Sends the head that a stream would have, to the byte, and ends the connection.
async fn send_head(mut stream: impl Stream, opening: Opening) {
    let mut head = Vec::new();
    opening.write_head(&mut head);
    let sent = async {
        stream.write_all(&head).await?;
        stream.shutdown().await
    };
    if let Err(error) = sent.await {
        tracing::debug!(%error, "a HEAD was not answered");
    }
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD);
    builder
}

fn log_refusal(error: &io::Error) {
    tracing::debug!(%error, "a connection can't be taken over");
}

/// Why hyper has ended a connection, if not in order.
fn failure(end: hyper::Result<()>) -> Option<Failed> {
    let error = end.err()?;
    tracing::debug!(%error, "a connection ended");
    match () {
        () if error.is_parse() => Some(Failed::Malformed),
        () if error.is_timeout() => Some(Failed::SlowHead),
        // The client has closed it amid a head, which hyper has got as there will be no more of it.
        () if error.is_incomplete_message() => Some(Failed::Closed),
        () => None,
    }
}

/// The state of a connection's last request.
enum Slot<T> {
    /// hyper has its response, or there was none yet.
    Empty,
    /// The answer isn't ready; nothing may have come since, but the connection isn't idle.
    Waiting,
    /// The connection leaves hyper, for this.
    Taken(Answer<T>),
}

/// The response that hyper gets for a request; none ever, if the connection is to leave it.
struct Reply<T> {
    answer: Option<Answer<T>>,
    slot: Arc<Mutex<Slot<T>>>,
    /// The connection ends with the response. A proxy may have made a tunnel of it, for an upgrade: it would pass further
    /// requests on as the client wrote them, with any address in them.
    is_last: bool,
}

impl<T> Future for Reply<T> {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while let Some(Answer::Later(later)) = &mut self.answer {
            let Poll::Ready(answer) = later.as_mut().poll(cx) else {
                *self.slot.lock() = Slot::Waiting;
                return Poll::Pending;
            };
            self.answer = Some(answer);
        }
        let answer = self.answer.take();
        let mut slot = self.slot.lock();
        match answer {
            Some(Answer::Respond(mut response)) => {
                *slot = Slot::Empty;
                if self.is_last {
                    response.headers_mut().append(CONNECTION, HeaderValue::from_static("close"));
                }
                return Poll::Ready(Ok(response));
            }
            Some(taken) => *slot = Slot::Taken(taken),
            None => {}
        }
        Poll::Pending
    }
}

impl<T> Unpin for Reply<T> {}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tokio::net::TcpListener;

    use super::*;
    use crate::net::capacity::{Capacity, CapacityLimits};
    use crate::net::connections::{ConnectionLimits, Connections};
    use crate::net::stream::SocketStream;
    use crate::transport::{Options, Sends};

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_loses_its_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: counter.example\r\n\r\n").unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let more_than_sockets_hold = Bytes::from(vec![0; 16 << 20]);
        let answer = |_, _: &_| Answer::Respond(Response::new(Full::new(more_than_sockets_hold.clone())));
        let hour = Duration::from_secs(3600);
        let options =
            Options { loops: 1, resend: hour, write_timeout: hour, ping: hour, sends: Sends::Write };
        let loops = Loops::new(options).unwrap();
        let started = tokio::time::Instant::now();
        let capacity = CapacityLimits { total: 1, places_per_client: None, pages_per_client: 1 };
        let limits = ConnectionLimits { total: 1, others: 1, per_client: 1 };
        let permit = Connections::new(Capacity::new(capacity), limits).open(None);
        let stream = SocketStream::Tcp(stream);
        serve(stream, Vec::new(), permit, (answer, |_| ()), Arc::new(loops)).await;
        assert!(started.elapsed() >= EXCHANGE_TIMEOUT);
    }
}
