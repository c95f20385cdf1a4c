//! Viewers, and what they are sent.

use std::sync::atomic::{AtomicI64, Ordering};

use super::{Counter, Counters, Label, Times, labels};

labels! {
    /// What a viewer receives.
    Kind {
        /// A number as a picture.
        Picture = "picture",
        /// A ranking as a picture.
        Ranking = "ranking",
        /// The readers' positions as a picture.
        Reading = "reading",
        /// Server-sent events.
        Events = "events",
        /// Messages of a WebSocket.
        WebSocket = "websocket",
    }
}

labels! {
    /// How it gets to the viewer.
    Transport {
        /// HTTP/1.1 without TLS.
        Http1 = "http1",
        /// HTTP/1.1 with TLS.
        Https1 = "https1",
        /// HTTP/2, with or without TLS.
        Http2 = "http2",
    }
}

labels! {
    /// Why a viewer is one no more.
    Leave {
        /// Its client has closed the connection, or the network has.
        Closed = "closed",
        /// It has taken nothing, or answered no ping, for too long.
        TimedOut = "timed_out",
        /// It has broken the WebSocket protocol.
        Protocol = "protocol",
        /// It has sent more messages than it may.
        TooFast = "too_fast",
        /// Slow clients had to go: they kept too much memory.
        Memory = "memory",
        /// The keys of its TLS connection were used up.
        Keys = "keys",
        /// The server stops.
        Stopped = "stopped",
        /// The configuration denies it.
        Denied = "denied",
    }
}

labels! {
    /// Why a message of a WebSocket isn't obeyed.
    Disobeyed {
        /// It is none.
        Message = "message",
        /// It names no room.
        Name = "name",
        /// It isn't allowed to this page.
        NotAllowed = "not_allowed",
        /// It is switched off for the site.
        NotEnabled = "not_enabled",
        /// The viewer isn't counted, and so says nothing.
        OnlyLooking = "only_looking",
        /// The viewer isn't in that room.
        NotThere = "not_there",
        /// The viewer is in as many rooms as it may be.
        Rooms = "rooms",
        /// There are as many viewers or rooms as there may be.
        Full = "full",
        /// Too many messages wait.
        Busy = "busy",
        /// The viewer sends too many, and is closed.
        TooFast = "too_fast",
    }
}

labels! {
    /// Why a frame is sent.
    Sent {
        /// A viewer has come.
        First = "first",
        /// It shows something new.
        Update = "update",
        /// Nothing has changed for a while.
        Repaint = "repaint",
    }
}

impl Sent {
    /// To a viewer that has had one before.
    pub(crate) fn of(is_new: bool) -> Self {
        if is_new { Self::Update } else { Self::Repaint }
    }
}

const KINDS: usize = Kind::ALL.len();
const TRANSPORTS: usize = Transport::ALL.len();

/// What one event loop counts of its viewers, or all of HTTP/2. Aligned, so that no two share a line of the processor's cache.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ViewerMetrics {
    viewers: [[AtomicI64; KINDS]; TRANSPORTS],
    joins: [[Counter; KINDS]; TRANSPORTS],
    pub(crate) leaves: Counters<{ Leave::ALL.len() }>,
    pub(crate) disobeyed: Counters<{ Disobeyed::ALL.len() }>,
    pub(crate) frames: Counters<{ Sent::ALL.len() }>,
    /// Of what viewers are sent, before TLS and the framing of HTTP/2.
    pub(crate) bytes: Counter,
    /// Updates that a viewer wasn't sent, because it had yet to take the one before.
    pub(crate) skipped: Counter,
    /// How long it takes to send an update to all viewers of a feed or a group here.
    pub(crate) fanout: Times,
}

impl ViewerMetrics {
    /// A viewer has come.
    pub(crate) fn join(&self, kind: Kind, transport: Transport) {
        self.joins[transport.index()][kind.index()].count();
        self.appear(kind, transport);
    }

    /// A viewer is here from now on: it may have come from another loop.
    pub(crate) fn appear(&self, kind: Kind, transport: Transport) {
        self.viewers[transport.index()][kind.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// A viewer isn't here any more.
    pub(crate) fn disappear(&self, kind: Kind, transport: Transport) {
        self.viewers[transport.index()][kind.index()].fetch_sub(1, Ordering::Relaxed);
    }

    /// A viewer was sent so many frames of so many bytes together.
    pub(crate) fn frames(&self, sent: Sent, frames: u64, bytes: usize) {
        self.frames.of(sent).add(frames);
        self.bytes.add(bytes as u64);
    }

    pub(crate) fn viewers(&self, kind: Kind, transport: Transport) -> i64 {
        self.viewers[transport.index()][kind.index()].load(Ordering::Relaxed)
    }

    pub(crate) fn joins(&self, kind: Kind, transport: Transport) -> u64 {
        self.joins[transport.index()][kind.index()].value()
    }
}
