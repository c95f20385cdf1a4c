//! Connections and requests.

use super::{Counter, Counters, Label, labels};

labels! {
    /// Why a connection could not be accepted.
    AcceptError {
        /// There was no open file left for it.
        Files = "files",
        /// Anything else.
        Other = "other",
    }
}

labels! {
    /// Why a connection has ended before it had the answer to a request.
    Failed {
        /// Its header of the PROXY protocol is bad or missing, or its peer no trusted proxy.
        Proxy = "proxy_header",
        /// It is no TLS handshake, or both ends have nothing in common.
        Handshake = "handshake",
        /// The handshake takes too long.
        SlowHandshake = "slow_handshake",
        /// Nothing has come for too long.
        Idle = "idle",
        /// The head of a request has begun, and takes too long.
        SlowHead = "slow_head",
        /// Its client has closed it before the head of its first request was there.
        Closed = "closed",
        /// What has come is no request of HTTP.
        Malformed = "malformed",
        /// Its client takes too long to take an answer, or to send what it has announced.
        SlowAnswer = "slow_answer",
        /// It breaks the rules of HTTP/2, or floods it.
        Http2 = "http2",
        /// It is for another server, and too many are.
        Passed = "pass",
        /// It is for another server, and its client is denied.
        Denied = "denied",
    }
}

labels! {
    /// Why a request was refused.
    Refused {
        /// A parameter has a bad value.
        Query = "query",
        /// The path doesn't name a room.
        Name = "name",
        /// The request is malformed.
        Malformed = "malformed",
        /// The site or the page isn't allowed, or isn't said.
        NotAllowed = "not_allowed",
        /// The configuration denies the client.
        Denied = "denied",
        /// There is nothing at the path.
        NotFound = "not_found",
        /// The method isn't supported.
        Method = "method",
        /// It doesn't open a WebSocket, or not with that version of HTTP.
        Upgrade = "upgrade",
        /// The server has as many viewers as it may have.
        Viewers = "viewers",
        /// The client has as many places, or has opened as many pages, as it may.
        Client = "client",
        /// There are as many sites as there may be.
        Sites = "sites",
        /// The site has as many pages as it may have.
        Pages = "pages",
        /// Too much waits to be painted.
        Painting = "painting",
    }
}

/// What all listeners count.
#[derive(Debug, Default)]
pub(crate) struct ServerMetrics {
    pub(crate) accepted: Counter,
    pub(crate) accept_errors: Counters<{ AcceptError::ALL.len() }>,
    /// TLS handshakes that were finished.
    pub(crate) handshakes: Counter,
    /// And those that weren't.
    pub(crate) failed_handshakes: Counter,
    pub(crate) failed: Counters<{ Failed::ALL.len() }>,
    pub(crate) requests: Counter,
    pub(crate) refusals: Counters<{ Refused::ALL.len() }>,
}

impl ServerMetrics {
    /// A connection has failed, if that is for one of these reasons.
    pub(crate) fn fail(&self, reason: Option<Failed>) {
        if let Some(reason) = reason {
            self.failed.of(reason).count();
        }
    }
}
