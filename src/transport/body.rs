//! The body of a response over HTTP/2: whole, or a feed's frames for as long as its reader wants them.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use onlookers_rooms::CountGuard;

use super::bodies::Bodies;
use super::http2::Exchange;
use super::http2::due;
use crate::feeds::FeedRef;
use crate::metrics::{Leave, Sent, Transport};
use crate::net::capacity::Permit;
use crate::wire::Opening;

/// The body of a response.
pub(super) enum Body {
    Whole(Whole),
    Live(Live),
}

/// A body that is there. It ends when it has gone into the connection, so that its exchange isn't over before.
pub(super) struct Whole {
    body: Full<Bytes>,
    /// None of a body without bytes.
    exchange: Option<Arc<Exchange>>,
    is_sent: bool,
}

/// A feed's frames. Dropping it leaves the room. The permit is dropped before the guard: a client that is told of somebody's
/// leave finds the permit free.
pub(super) struct Live {
    pub(super) exchange: Arc<Exchange>,
    pub(super) feed: FeedRef,
    /// Its place in the registry.
    pub(super) place: u32,
    /// Until it has gone out.
    pub(super) opening: Option<Opening>,
    pub(super) has_ended: bool,
    pub(super) bodies: Arc<Bodies>,
    pub(super) is_denied: bool,
    pub(super) permit: Permit,
    pub(super) _guard: Option<CountGuard>,
}

/// Some bytes of a body, and how its exchange learns that they have gone into the connection: when this is dropped.
pub(super) struct Chunk {
    bytes: Bytes,
    exchange: Option<Arc<Exchange>>,
    /// What a frame counts as when it has gone, and where.
    counted: Option<(Sent, Arc<Bodies>)>,
}

impl Body {
    pub(super) fn empty() -> Self {
        Self::Whole(Whole { body: Full::default(), exchange: None, is_sent: false })
    }

    pub(super) fn whole(body: Full<Bytes>, exchange: Arc<Exchange>) -> Self {
        let exchange = (!body.is_end_stream()).then_some(exchange);
        Self::Whole(Whole { body, exchange, is_sent: false })
    }
}

impl HttpBody for Body {
    type Data = Chunk;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, Infallible>>> {
        // The task's waker is the exchange's, which has it already.
        match self.get_mut() {
            Self::Whole(whole) => whole.poll_frame(cx),
            Self::Live(live) if live.has_ended => end_of(&live.exchange),
            Self::Live(live) => match live.next() {
                Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
                None => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.exchange.is_none() && whole.body.is_end_stream(),
            Self::Live(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.body.size_hint(),
            Self::Live(_) => SizeHint::default(),
        }
    }
}

/// The end of a body, once its last frame has gone.
fn end_of(exchange: &Exchange) -> Poll<Option<Result<Frame<Chunk>, Infallible>>> {
    if exchange.waits_until_gone() { Poll::Pending } else { Poll::Ready(None) }
}

impl Whole {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Chunk>, Infallible>>> {
        let Some(exchange) = &self.exchange else { return Poll::Ready(None) };
        if self.is_sent {
            return end_of(exchange);
        }
        self.is_sent = true;
        exchange.frame_begins();
        let chunk = |bytes| Chunk { bytes, exchange: Some(Arc::clone(exchange)), counted: None };
        Pin::new(&mut self.body).poll_frame(cx).map_ok(|frame| frame.map_data(chunk))
    }
}

impl Live {
    /// What is to be sent now, if anything is and the frame before has gone.
    fn next(&mut self) -> Option<Chunk> {
        let due = self.exchange.take_due();
        let opening = self.opening.take();
        if due.is_none() && opening.is_none() {
            return None;
        }
        let due = due.unwrap_or_default();
        self.is_denied = due & due::DENIED != 0 && self.denies();
        if due == due::DENIED && !self.is_denied && opening.is_none() {
            return None;
        }
        self.has_ended = due & due::LAST != 0 || self.is_denied;
        let frame = if self.has_ended { self.feed.closing() } else { self.feed.newest() };
        let is_first = opening.is_some();
        let bytes = match opening {
            Some(opening) => {
                let mut bytes = Vec::new();
                opening.write_start(&mut bytes);
                bytes.extend_from_slice(&frame);
                bytes.into()
            }
            None if due & (due::LAST | due::NEWEST) == 0 => self.feed.resend(&frame).clone(),
            None => frame,
        };
        let sent = if is_first { Sent::First } else { Sent::of(due & (due::LAST | due::NEWEST) != 0) };
        self.exchange.frame_begins();
        let counted = Some((sent, Arc::clone(&self.bodies)));
        Some(Chunk { bytes, exchange: Some(Arc::clone(&self.exchange)), counted })
    }
}

impl Live {
    fn denies(&self) -> bool {
        self.bodies.denied().denies(self.permit.remote(), self.feed.site())
    }

    /// Why it ends.
    fn reason(&self) -> Leave {
        match self.has_ended {
            true if self.is_denied => Leave::Denied,
            true => Leave::Stopped,
            false if self.exchange.is_cut() => Leave::TimedOut,
            false => Leave::Closed,
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let metrics = &self.bodies.metrics;
        metrics.disappear(self.feed.kind(), Transport::Http2);
        metrics.leaves.of(self.reason()).count();
        self.bodies.close(self.place);
    }
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, some: usize) {
        self.bytes.advance(some);
        if let Some((_, bodies)) = &self.counted {
            bodies.metrics.bytes.add(some as u64);
        }
        if let Some(exchange) = &self.exchange {
            exchange.frame_goes();
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some((sent, bodies)) = self.counted.take().filter(|_| self.bytes.is_empty()) {
            bodies.metrics.frames(sent, 1, 0);
        }
        if let Some(exchange) = &self.exchange {
            exchange.frame_has_gone();
        }
    }
}
