//! What is known of an HTTP/2 connection, beside what hyper keeps to itself.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use atomic_waker::AtomicWaker;
use hyper::rt::Executor;
use onlookers_rooms::sync::{Arc, Mutex};
use slab::Slab;

use super::super::bodies::Bodies;
use super::Exchange;
use crate::metrics::Metered;
use crate::net::connections::Phase;

/// An HTTP/2 connection.
pub(crate) struct Session {
    /// Wakes the connection's task.
    pub(super) waker: AtomicWaker,
    viewers: AtomicU32,
    /// How many exchanges have begun.
    begun: AtomicU32,
    is_ending: AtomicBool,
    exchanges: Mutex<Exchanges>,
    write_timeout: Duration,
}

#[derive(Default)]
struct Exchanges {
    open: Slab<Arc<Exchange>>,
    /// The place of one whose task isn't there yet.
    begun: Option<usize>,
}

impl Session {
    fn new(write_timeout: Duration) -> Self {
        Self {
            waker: AtomicWaker::new(),
            viewers: AtomicU32::new(0),
            begun: AtomicU32::new(0),
            is_ending: AtomicBool::new(false),
            exchanges: Mutex::default(),
            write_timeout,
        }
    }

    /// A request has come, of that client if it is to be noted what it costs.
    pub(in crate::transport) fn begin(self: &Arc<Self>, client: Option<IpAddr>) -> Arc<Exchange> {
        let exchange = Arc::new(Exchange::new(Arc::clone(self), client));
        self.begun.fetch_add(1, Ordering::Relaxed);
        let mut exchanges = self.exchanges.lock();
        let place = exchanges.open.insert(Arc::clone(&exchange));
        exchanges.begun = Some(place);
        exchange
    }

    /// The exchange that has begun, for its task, and its place.
    fn take_begun(&self) -> Option<(Arc<Exchange>, usize)> {
        let mut exchanges = self.exchanges.lock();
        let place = exchanges.begun.take()?;
        exchanges.open.get(place).map(|exchange| (Arc::clone(exchange), place))
    }

    fn end(&self, place: usize) {
        let mut exchanges = self.exchanges.lock();
        let ended = exchanges.open.try_remove(place);
        let is_empty = exchanges.open.is_empty();
        if is_empty {
            exchanges.open = Slab::new();
        }
        drop(exchanges);
        let was_last_viewer = ended.is_some_and(|exchange| exchange.is_live())
            && self.viewers.fetch_sub(1, Ordering::SeqCst) == 1;
        if is_empty || was_last_viewer {
            self.waker.wake();
        }
    }

    pub(super) fn begun(&self) -> u32 {
        self.begun.load(Ordering::Relaxed)
    }

    pub(super) fn add_viewer(&self) {
        self.viewers.fetch_add(1, Ordering::SeqCst);
    }

    /// What the connection waits for; none while it has a viewer.
    pub(super) fn phase(&self) -> Option<Phase> {
        if self.viewers.load(Ordering::SeqCst) > 0 {
            return None;
        }
        Some(if self.exchanges.lock().open.is_empty() { Phase::Idle } else { Phase::Answer })
    }

    /// Ends the streams of which nothing has gone out for too long.
    pub(super) fn cut_stalled(&self) {
        let exchanges = self.exchanges.lock();
        exchanges.open.iter().for_each(|(_, exchange)| exchange.cut_if_stalled(self.write_timeout));
    }

    /// Ends the connection in order.
    pub(crate) fn end_in_order(&self) {
        self.is_ending.store(true, Ordering::SeqCst);
        self.waker.wake();
    }

    pub(super) fn ends(&self) -> bool {
        self.is_ending.load(Ordering::SeqCst)
    }
}

/// An open connection, which the server waits for when it stops.
pub(in crate::transport) struct Open {
    pub(in crate::transport) session: Arc<Session>,
    bodies: Arc<Bodies>,
    place: usize,
}

impl Open {
    pub(in crate::transport) fn new(bodies: Arc<Bodies>) -> Self {
        let session = Arc::new(Session::new(bodies.write_timeout()));
        let place = bodies.add_session(&session);
        Self { session, bodies, place }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.bodies.remove_session(self.place);
        // One whose task never came would hold the session, which holds it.
        let exchanges = std::mem::take(&mut *self.session.exchanges.lock());
        drop(exchanges);
    }
}

/// Starts the tasks of a connection's streams.
#[derive(Clone)]
pub(super) struct Streams(pub(super) Arc<Session>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    /// hyper calls this at once when the service was called for the stream.
    fn execute(&self, stream: F) {
        let Some((exchange, place)) = self.0.take_begun() else { return };
        let client = exchange.client;
        let stream = Stream { stream: Box::pin(stream), exchange, session: Arc::clone(&self.0), place };
        tokio::spawn(Metered::begun_here(client, stream));
    }
}

/// The task of a stream.
struct Stream<F> {
    stream: Pin<Box<F>>,
    exchange: Arc<Exchange>,
    session: Arc<Session>,
    place: usize,
}

impl<F: Future<Output = ()>> Future for Stream<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.exchange.waker.register(cx.waker());
        if self.exchange.is_cut() {
            // hyper resets the stream.
            return Poll::Ready(());
        }
        self.stream.as_mut().poll(cx)
    }
}

impl<F> Drop for Stream<F> {
    fn drop(&mut self) {
        self.session.end(self.place);
    }
}
