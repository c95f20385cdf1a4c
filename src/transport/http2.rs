//! HTTP/2: one connection carries many streams, so it can't be taken over from hyper, which keeps it to its end.
//!
//! A grant becomes the body of a response (`body`), which the feed wakes. `session` has what is known of a connection: how many
//! streams it has, which of them have stalled, and when it is to end.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, UPGRADE};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep};

use super::bodies::Bodies;
use super::body::Body;
use super::takeover::MAX_HEAD;
use super::{Answer, Grant};
use crate::metrics::{Failed, metered};
use crate::net::connections::{ConnectionPermit, Phase};
use crate::wire::Opening;
pub(super) use exchange::{Exchange, due};
use io::Io;
use session::{Open, Session};

mod exchange;
mod io;
pub(super) mod session;
#[cfg(test)]
mod tests;

/// A connection begins with these bytes (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Its first line, which is no request's.
const FIRST_LINE: usize = b"PRI * HTTP/2.0\r\n".len();

/// How long a connection may be without a stream. A browser's next tab then begins with a connection that can be taken over.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection without a stream may take to close when it was told to.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a connection is sent a PING, and how long its answer may take: then its peer has vanished.
const PING: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How many streams a connection may have at a time.
pub(super) const MAX_STREAMS: u32 = 100;

/// How many bytes a client may send before they are read, as is the default: its requests have no bodies that matter.
const WINDOW: u32 = 65_535;

/// How many streams that their client has reset may wait for hyper, before the connection ends.
const MAX_RESETS: usize = 20;

/// How many requests of a connection may be malformed, or too many at a time, before it ends. They are counted for as long as it
/// is open.
const MAX_ERRORS: usize = 1000;

/// How many times as many a proxy's may have: what one of its visitors sends must not end the streams of all others.
const PROXY: usize = 100;

/// Whether a connection that begins with these bytes, up to the end of a line at least, speaks HTTP/2 without having said so
/// in a TLS handshake.
pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.len() >= FIRST_LINE && bytes.iter().zip(PREFACE).all(|(byte, wanted)| byte == wanted)
}

/// Serves a connection that speaks HTTP/2, of which the bytes `unread` were read already, until it ends.
pub(super) async fn serve<S>(
    unread: Bytes,
    stream: S,
    permit: ConnectionPermit,
    (answer, report): (
        impl Fn(Request<Incoming>, &ConnectionPermit) -> Answer + Send + Sync,
        impl Fn(Failed) + Send + Sync,
    ),
    bodies: &Arc<Bodies>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let permit = permit.shared();
    let open = Open::new(Arc::clone(bodies));
    let session = &open.session;
    let service = service_fn(|request: Request<Incoming>| {
        let is_head = *request.method() == Method::HEAD;
        // With each request it begins to wait anew, if it waits.
        permit.begin_answer();
        // The connection has other requests, too, perhaps of other clients.
        let (answer, client) = metered::for_once(|| answer(request, &permit));
        respond(answer, is_head, session.begin(client), Arc::clone(bodies))
    });
    let io = TokioIo::new(Io::new(unread, stream, permit.is_of_client()));
    let mut http = pin!(builder(Arc::clone(session), permit.is_of_client()).serve_connection(io, service));
    let mut course = Course::Open;
    let mut timer = pin!(sleep(IDLE_TIMEOUT));
    let end = poll_fn(|cx| {
        session.waker.register(cx.waker());
        loop {
            if let Poll::Ready(end) = http.as_mut().poll(cx) {
                return Poll::Ready(end);
            }
            match course.next(session, &permit, timer.as_mut(), cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Step::GoAway) => http.as_mut().graceful_shutdown(),
                Poll::Ready(Step::Drop) => return Poll::Ready(Ok(())),
            }
        }
    })
    .await;
    if let Err(error) = end {
        tracing::debug!(%error, "an HTTP/2 connection ended");
        if !is_of_network(&error) {
            report(Failed::Http2);
        }
    }
}

/// Whether an error is the network's, or says that the client has gone.
fn is_of_network(error: &hyper::Error) -> bool {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    error.is_closed() || error.is_timeout() || causes.into_iter().any(|error| error.is::<std::io::Error>())
}

/// How far a connection is on its way to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Course {
    Open,
    /// It has no stream, since the timer was set; so many have begun before.
    Idle(u32),
    /// It was told that it gets no more streams.
    Closing,
}

/// What is to be done with a connection.
enum Step {
    GoAway,
    Drop,
}

impl Course {
    /// What is to be done next; pending if nothing is.
    fn next(
        &mut self,
        session: &Session,
        permit: &ConnectionPermit,
        mut timer: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<Step> {
        session.cut_stalled();
        let must_close = match session.phase() {
            // With a viewer, it isn't closed to make room for others.
            None => !permit.begin_answer(),
            Some(phase) => permit.poll_closed(phase, cx).is_ready(),
        };
        if must_close {
            return Poll::Ready(Step::Drop);
        }
        let is_idle = session.phase() == Some(Phase::Idle);
        if session.ends() && *self != Self::Closing {
            *self = Self::Closing;
            timer.as_mut().reset(Instant::now() + CLOSE_TIMEOUT);
            return Poll::Ready(Step::GoAway);
        }
        let begun = session.begun();
        match self {
            Self::Idle(before) if *before != begun => *self = Self::Open,
            Self::Idle(_) if !is_idle => *self = Self::Open,
            _ => {}
        }
        match self {
            Self::Open if is_idle => {
                *self = Self::Idle(begun);
                timer.as_mut().reset(Instant::now() + IDLE_TIMEOUT);
                timer.poll(cx).map(|()| Step::Drop)
            }
            Self::Open => Poll::Pending,
            Self::Idle(_) => timer.as_mut().poll(cx).map(|()| {
                *self = Self::Closing;
                timer.reset(Instant::now() + CLOSE_TIMEOUT);
                Step::GoAway
            }),
            // Only a stream that came before its client had heard of the end keeps it from that.
            Self::Closing if !is_idle => {
                timer.reset(Instant::now() + CLOSE_TIMEOUT);
                Poll::Pending
            }
            Self::Closing => timer.poll(cx).map(|()| Step::Drop),
        }
    }
}

fn builder(session: Arc<Session>, is_of_client: bool) -> http2::Builder<session::Streams> {
    let times = if is_of_client { 1 } else { PROXY };
    let mut builder = http2::Builder::new(session::Streams(session));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        .max_pending_accept_reset_streams(MAX_RESETS * times)
        .max_local_error_reset_streams(MAX_ERRORS * times)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        // A stream has the next frame taken only when the one before has gone out, so that a slow reader gets the newest.
        .max_send_buf_size(1)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// The response to a request, once its answer is there.
async fn respond(
    mut answer: Answer,
    is_head: bool,
    exchange: Arc<Exchange>,
    bodies: Arc<Bodies>,
) -> Result<Response<Body>, Infallible> {
    loop {
        answer = match answer {
            Answer::Later(later) => later.await,
            Answer::Respond(response) => return Ok(whole(response, is_head, exchange)),
            Answer::Head(opening) => return Ok(response(&opening, Body::empty())),
            Answer::TakeOver(Grant::Stream(grant)) => {
                let mut response = response(&grant.opening, Body::empty());
                *response.body_mut() = Body::Live(bodies.open(grant, exchange));
                return Ok(response);
            }
            // Its request is malformed: one that opens a WebSocket has HTTP/1.1's fields.
            Answer::TakeOver(Grant::WebSocket(_)) => {
                let mut refusal = Response::new(Body::empty());
                *refusal.status_mut() = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
                return Ok(refusal);
            }
        }
    }
}

/// A response that isn't a stream.
fn whole(mut response: Response<Full<Bytes>>, is_head: bool, exchange: Arc<Exchange>) -> Response<Body> {
    for name in [CONNECTION, UPGRADE] {
        response.headers_mut().remove(name);
    }
    if !is_head {
        return response.map(|body| Body::whole(body, exchange));
    }
    // hyper would send it. An answer that has no body to a GET either has no length of one.
    let length = response.body().size_hint().exact().unwrap_or_default();
    if length > 0 {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response.map(|_| Body::empty())
}

fn response(opening: &Opening, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let field = |(name, value): (&str, &[u8])| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?))
    };
    response.headers_mut().extend(opening.fields().into_iter().filter_map(field));
    response
}
