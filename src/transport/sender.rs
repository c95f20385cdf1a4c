//! Many frames into as many sockets: by io_uring where the kernel allows it, by a write each where it doesn't.

use std::io;
use std::os::fd::AsFd;

use bytes::Bytes;
use mio::Registry;
use onlookers_ring::Ring;
use slab::Slab;

use super::Sends;
use super::connection::{Connection, ConnectionId};
use super::socket::{Gone, Registered, written};
use super::subscriptions::Subscriber;

/// How many connections are gone through at a time; what is noted about them stays in the processor's cache.
const BATCH: usize = 256;

/// A submission costs a tenth more than a write does: it pays from four sends on (docs/io_uring.md).
const MIN_SENDS: usize = 4;

/// Bytes for a connection.
pub(super) struct Delivery<'f> {
    pub(super) to: ConnectionId,
    /// The subscription whose frame it is; none if it is a reply.
    pub(super) slot: Option<u8>,
    pub(super) bytes: &'f Bytes,
}

/// Sends the frames of an event loop.
pub(super) struct Sender {
    ring: Option<Ring>,
    /// How many sends it takes to use the ring.
    min_sends: usize,
}

impl Sender {
    /// The way that was asked for, or the better one that there is.
    ///
    /// # Errors
    /// The system's, if it has to be io_uring and there is none.
    pub(super) fn new(way: Sends) -> io::Result<Self> {
        let (ring, min_sends) = match way {
            Sends::Write => (None, 0),
            Sends::Ring => (Some(Ring::new()?), 1),
            Sends::Auto => {
                (Ring::new().inspect_err(|error| tracing::debug!(%error, "no io_uring here")).ok(), MIN_SENDS)
            }
        };
        Ok(Self { ring, min_sends })
    }

    /// Sends each subscriber its frame, if there is one for it, and returns the connections that have gone.
    pub(super) fn send<'f>(
        &mut self,
        subscribers: &[Subscriber],
        connections: &mut Slab<Connection>,
        registry: &Registry,
        frame_of: impl Fn(&Connection, u8) -> Option<&'f Bytes>,
    ) -> Vec<ConnectionId> {
        let mut gone = Vec::new();
        for subscribers in subscribers.chunks(BATCH) {
            let deliveries = ready(subscribers, connections, &frame_of);
            gone.extend(self.deliver(&deliveries, connections, registry));
        }
        gone
    }

    /// Carries out deliveries to connections that are all there, and returns those that have gone.
    pub(super) fn deliver(
        &mut self,
        deliveries: &[Delivery<'_>],
        connections: &mut Slab<Connection>,
        registry: &Registry,
    ) -> Vec<ConnectionId> {
        let mut gone = Vec::new();
        let (sent, partly) = self.send_by_ring(deliveries, connections);
        for (number, result) in partly {
            let Delivery { to: id, slot, bytes } = deliveries[number];
            let sent = |connection: &mut Connection| {
                connection.sent(slot, bytes, written(result)?, Registered { registry, id })
            };
            gone.extend(failed(id, connections, sent));
        }
        for &Delivery { to: id, slot, bytes } in &deliveries[sent..] {
            let send =
                |connection: &mut Connection| connection.send(slot, bytes, Registered { registry, id });
            gone.extend(failed(id, connections, send));
        }
        gone
    }

    /// How many of `deliveries` were carried out, and the result of each of those that were not taken whole.
    fn send_by_ring(
        &mut self,
        deliveries: &[Delivery<'_>],
        connections: &Slab<Connection>,
    ) -> (usize, Vec<(usize, io::Result<usize>)>) {
        let (mut sent, mut partly) = (0, Vec::new());
        let Some(ring) = self.ring.as_mut().filter(|_| deliveries.len() >= self.min_sends) else {
            return (sent, partly);
        };
        let sends = deliveries
            .iter()
            .map(|Delivery { to, bytes, .. }| (connections[to.index()].socket.as_fd(), &bytes[..]));
        let finished = ring.send_all(sends, |number, result| {
            sent = number + 1;
            if !matches!(result, Ok(bytes) if bytes == deliveries[number].bytes.len()) {
                partly.push((number, result));
            }
        });
        if let Err(error) = finished {
            tracing::warn!(%error, "io_uring has failed: each frame is a write of its own from now on");
            self.ring = None;
        }
        (sent, partly)
    }
}

/// The connection's id, if `send` finds it gone.
fn failed(
    id: ConnectionId,
    connections: &mut Slab<Connection>,
    send: impl FnOnce(&mut Connection) -> Result<(), Gone>,
) -> Option<ConnectionId> {
    let connection = connections.get_mut(id.index())?;
    send(connection).is_err().then_some(id)
}

/// The frames that can be sent at once. A connection with an unsent rest gets the newest after it.
fn ready<'f>(
    subscribers: &[Subscriber],
    connections: &mut Slab<Connection>,
    frame_of: impl Fn(&Connection, u8) -> Option<&'f Bytes>,
) -> Vec<Delivery<'f>> {
    let deliver = |&Subscriber { connection: to, slot }: &Subscriber| {
        let connection = connections.get_mut(to.index())?;
        let bytes = frame_of(connection, slot)?;
        (!connection.has_to_wait(slot)).then_some(Delivery { to, slot: Some(slot), bytes })
    };
    subscribers.iter().filter_map(deliver).collect()
}
