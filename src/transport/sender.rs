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

/// A frame for a subscriber.
struct Delivery<'f> {
    to: Subscriber,
    frame: &'f Bytes,
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
            let (sent, partly) = self.send_by_ring(&deliveries, connections);
            for (number, result) in partly {
                let Delivery { to: Subscriber { connection: id, slot }, frame } = deliveries[number];
                let sent = |connection: &mut Connection| {
                    connection.sent(slot, frame, written(result)?, Registered { registry, id })
                };
                gone.extend(failed(id, connections, sent));
            }
            for &Delivery { to: Subscriber { connection: id, slot }, frame } in &deliveries[sent..] {
                let send =
                    |connection: &mut Connection| connection.send(slot, frame, Registered { registry, id });
                gone.extend(failed(id, connections, send));
            }
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
            .map(|Delivery { to, frame }| (connections[to.connection.index()].socket.as_fd(), &frame[..]));
        let finished = ring.send_all(sends, |number, result| {
            sent = number + 1;
            if !matches!(result, Ok(bytes) if bytes == deliveries[number].frame.len()) {
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
    let deliver = |&to: &Subscriber| {
        let connection = connections.get_mut(to.connection.index())?;
        let frame = frame_of(connection, to.slot)?;
        (!connection.has_to_wait(to.slot)).then_some(Delivery { to, frame })
    };
    subscribers.iter().filter_map(deliver).collect()
}
