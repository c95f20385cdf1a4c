//! Many frames into as many sockets: by io_uring where the kernel allows it, by a write each where it doesn't.

use std::io;
use std::ops::Range;
use std::os::fd::AsFd;

use bytes::Bytes;
use mio::Registry;
use onlookers_handover::{Block, Ledger, Piece};
use onlookers_ring::Ring;
use slab::Slab;

use super::Sends;
use super::connection::{Connection, ConnectionId};
use super::socket::{Gone, Registered, Rest, written};
use super::subscriptions::Subscriber;
use crate::wire::record::MAX_TEXT;

/// How many connections are gone through at a time; what is noted about them stays in the processor's cache.
const BATCH: usize = 256;

/// A submission costs a tenth more than a write does: it pays from four sends on (docs/io_uring.md).
const MIN_SENDS: usize = 4;

/// More bytes than this aren't kept for the next batch.
const MAX_ARENA: usize = 1 << 20;

/// Bytes for a connection.
#[derive(Clone, Copy)]
pub(super) struct Delivery<'f> {
    pub(super) to: ConnectionId,
    /// The subscription whose frame it is; none if it is a reply.
    pub(super) slot: Option<u8>,
    pub(super) bytes: &'f Bytes,
}

/// A delivery as it goes out: sealed in a record, or as it is.
struct Outgoing<'f> {
    delivery: Delivery<'f>,
    record: Option<Range<usize>>,
}

/// How much was sent.
#[derive(Default)]
pub(super) struct SentCount {
    /// Frames, and batches of messages.
    pub(super) frames: u64,
    /// Of those, and of replies, before they are sealed.
    pub(super) bytes: u64,
    /// Frames for which there was no room, or that had to wait for the write before them.
    pub(super) skipped: u64,
}

impl SentCount {
    /// A delivery is sent, or had to be left out.
    fn add(&mut self, delivery: &Delivery<'_>, is_sent: bool) {
        let is_frame = u64::from(delivery.slot.is_some());
        if is_sent {
            (self.frames, self.bytes) = (self.frames + is_frame, self.bytes + delivery.bytes.len() as u64);
        } else {
            self.skipped += is_frame;
        }
    }
}

/// Sends the frames of an event loop.
pub(super) struct Sender {
    ring: Option<Ring>,
    /// How many sends it takes to use the ring.
    min_sends: usize,
    /// The records of a batch.
    records: Vec<u8>,
    /// Where what is sent is noted before, with a keeper.
    ledger: Option<Ledger>,
    /// The frame that was noted last, and its block.
    noted: Option<(Bytes, Block)>,
    /// Since it was taken last.
    count: SentCount,
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
        Ok(Self {
            ring,
            min_sends,
            records: Vec::new(),
            ledger: None,
            noted: None,
            count: SentCount::default(),
        })
    }

    /// Notes what is sent there before it is, or nowhere.
    pub(super) fn set_ledger(&mut self, ledger: Option<Ledger>) {
        (self.ledger, self.noted) = (ledger, None);
    }

    /// How much was sent since this was called last.
    pub(super) fn take_count(&mut self) -> SentCount {
        std::mem::take(&mut self.count)
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
            let deliveries = ready(subscribers, connections, &frame_of, &mut self.count.skipped);
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
        let outgoing = self.seal(deliveries, connections, registry, &mut gone);
        let _noted = self.note(&outgoing, connections);
        let (tried, partly) = self.send_by_ring(&outgoing, connections);
        let mut partly = partly.into_iter().peekable();
        for (number, Outgoing { delivery, record }) in outgoing.iter().enumerate() {
            let Delivery { to: id, slot, bytes } = *delivery;
            let by_ring = partly.next_if(|(partly, _)| *partly == number).map(|(_, result)| result);
            let poll = Registered { registry, id };
            let record = record.clone().map(|record| &self.records[record]);
            let connection = connections.get_mut(id.index()).ok_or(Gone);
            let sent = match (by_ring, record) {
                (None, _) if number < tried => Ok(true),
                (None, Some(record)) => connection.and_then(|it| it.send_record(record, poll)).map(|()| true),
                (None, None) => connection.and_then(|it| it.send_noted(slot, bytes, poll)),
                (Some(result), Some(record)) => {
                    connection.and_then(|it| it.sent_record(record, written(result)?, poll)).map(|()| true)
                }
                (Some(result), None) => {
                    connection.and_then(|it| it.sent(slot, Rest::of_text(bytes, written(result)?), poll))
                }
            };
            self.count.add(delivery, sent.as_ref().copied().unwrap_or_default());
            gone.extend(sent.is_err().then_some(id));
        }
        if self.records.capacity() > MAX_ARENA {
            self.records = Vec::new();
        }
        gone
    }

    /// Seals what needs it. A text that is longer than a record is sent at once, record by record.
    fn seal<'f>(
        &mut self,
        deliveries: &[Delivery<'f>],
        connections: &mut Slab<Connection>,
        registry: &Registry,
        gone: &mut Vec<ConnectionId>,
    ) -> Vec<Outgoing<'f>> {
        self.records.clear();
        let mut outgoing = Vec::with_capacity(deliveries.len());
        for &delivery in deliveries {
            let Delivery { to: id, slot, bytes } = delivery;
            let connection = &mut connections[id.index()];
            let start = self.records.len();
            let sealed = match connection.socket.seals() {
                false => Ok(Some(None)),
                true if bytes.len() > MAX_TEXT => {
                    let sent = connection.send(slot, bytes, Registered { registry, id });
                    sent.map(|is_sent| self.count.add(&delivery, is_sent)).map(|()| None)
                }
                true => connection
                    .socket
                    .seal(bytes, &mut self.records)
                    .map(|()| Some(Some(start..self.records.len()))),
            };
            match sealed {
                Ok(Some(record)) => outgoing.push(Outgoing { delivery, record }),
                Ok(None) => {}
                Err(Gone) => gone.push(id),
            }
        }
        outgoing
    }

    /// Notes what is about to be sent on connections that are in the ledger. The records stay there as long as the result.
    fn note(&mut self, outgoing: &[Outgoing<'_>], connections: &mut Slab<Connection>) -> Option<Block> {
        let ledger = self.ledger.clone()?;
        let records = (!self.records.is_empty()).then(|| ledger.store(&self.records)).flatten();
        for Outgoing { delivery, record } in outgoing {
            let connection = &mut connections[delivery.to.index()];
            if connection.is_stalled() {
                continue;
            }
            let sequence = connection.socket.sequence();
            let Some(entry) = connection.socket.entry() else { continue };
            let piece = match record {
                Some(range) => records.as_ref().map(|block| block.piece(range.clone())),
                None => self.block_of(&ledger, delivery.bytes).map(|block| block.whole()),
            };
            let length = record.as_ref().map_or(delivery.bytes.len(), |range| range.len());
            entry.begin(piece.unwrap_or_else(|| Piece::unknown(length)), sequence);
        }
        records
    }

    /// A frame goes to many connections, one after the other.
    fn block_of(&mut self, ledger: &Ledger, bytes: &Bytes) -> Option<&Block> {
        let is_noted = |noted: &Bytes| noted.as_ptr() == bytes.as_ptr() && noted.len() == bytes.len();
        if !self.noted.as_ref().is_some_and(|(noted, _)| is_noted(noted)) {
            self.noted = ledger.store(bytes).map(|block| (bytes.clone(), block));
        }
        self.noted.as_ref().map(|(_, block)| block)
    }

    /// How many of `outgoing` were carried out, and the result of each of those that were not taken whole.
    fn send_by_ring(
        &mut self,
        outgoing: &[Outgoing<'_>],
        connections: &Slab<Connection>,
    ) -> (usize, Vec<(usize, io::Result<usize>)>) {
        let (mut sent, mut partly) = (0, Vec::new());
        let Some(ring) = self.ring.as_mut().filter(|_| outgoing.len() >= self.min_sends) else {
            return (sent, partly);
        };
        let records = &self.records;
        let bytes = |outgoing: &'_ Outgoing<'_>| match &outgoing.record {
            Some(record) => record.len(),
            None => outgoing.delivery.bytes.len(),
        };
        let sends = outgoing.iter().map(|Outgoing { delivery: Delivery { to, bytes, .. }, record }| {
            let bytes = record.as_ref().map_or(&bytes[..], |record| &records[record.clone()]);
            (connections[to.index()].socket.as_fd(), bytes)
        });
        let finished = ring.send_all(sends, |number, result| {
            sent = number + 1;
            if !matches!(result, Ok(taken) if taken == bytes(&outgoing[number])) {
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

/// The frames that can be sent at once. A connection with an unsent rest gets the newest after it.
fn ready<'f>(
    subscribers: &[Subscriber],
    connections: &mut Slab<Connection>,
    frame_of: impl Fn(&Connection, u8) -> Option<&'f Bytes>,
    skipped: &mut u64,
) -> Vec<Delivery<'f>> {
    let deliver = |&Subscriber { connection: to, slot }: &Subscriber| {
        let connection = connections.get_mut(to.index())?;
        let bytes = frame_of(connection, slot)?;
        let waits = connection.has_to_wait(slot);
        *skipped += u64::from(waits);
        (!waits).then_some(Delivery { to, slot: Some(slot), bytes })
    };
    subscribers.iter().filter_map(deliver).collect()
}
