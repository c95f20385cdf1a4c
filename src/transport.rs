//! Transport: one event loop per core owns every socket that was taken over from hyper.
//!
//! hyper reads and judges the request of a connection; then the socket leaves it, and an event loop sends it the newest
//! frame of its feed, or as a WebSocket the messages of its groups, and reads what its page sends.
//!
//! In the order of a connection's path:
//!
//! - `takeover`: hands the socket out of hyper once a request is granted a stream or a WebSocket.
//! - `loops`: all event loops as the rest of the program sees them; `inbox`: commands for one of them.
//! - `event_loop`: one thread: a poll, its connections, and the order of a turn.
//! - `subscriptions`: the feeds and groups that this loop's connections receive.
//! - `connection`: a socket, what it speaks, and in `unsent` the rest of one write. `socket` is the seam between bytes and
//!   the network; in `tls` text becomes records, and records text.
//!   `kept` bounds what connections have in memory for themselves.
//! - `record`: a connection as it is written down for another process, which goes on with it.
//! - `entry`: its entry in memory that outlives this process, with `--keep`.
//! - `sender`: many frames to as many sockets, by io_uring where the kernel allows it.
//! - `cursor`: spreads resends and pings evenly over all connections; `turns`: the ends of all of them, as the server stops.
//! - `http2`: a connection of many streams stays with hyper. A stream is a `body` over the same feed, and `bodies` wakes them.
//! - `websocket`: what is particular to a WebSocket; `session`: the rooms it is in; `allowance`: how much it may send.

use std::time::Duration;

use onlookers_rooms::CountGuard;
use serde::{Deserialize, Serialize};

use crate::feeds::{FeedRef, Membership};
use crate::net::capacity::Permit;
use crate::wire::Opening;
use crate::wire::handshake::Key;

pub(crate) use entry::{Book, Keep, ToKeep, recover};
pub(crate) use event_loop::Transfer;
pub(crate) use loops::Loops;
pub use loops::{Options, Sends};
pub(crate) use record::ConnectionRecord;
pub(crate) use session::Session;
pub(crate) use websocket::Format;

mod allowance;
mod base64;
mod bodies;
mod body;
mod connection;
mod cursor;
mod entry;
mod event_loop;
mod http2;
mod inbox;
mod kept;
mod loops;
mod record;
mod sender;
mod session;
mod socket;
mod subscriptions;
pub(crate) mod takeover;
mod tls;
mod turns;
mod unsent;
mod websocket;

/// The purpose for which a request's connection is taken over.
pub(crate) enum Grant {
    /// A stream of a feed's frames.
    Stream(StreamGrant),
    /// A WebSocket. Boxed, because the tasks of a burst are all in memory at once.
    WebSocket(Box<WebSocketGrant>),
}

/// A stream of a feed's frames.
pub(crate) struct StreamGrant {
    pub(crate) opening: Opening,
    pub(crate) feed: FeedRef,
    /// None for a viewer that isn't counted.
    pub(crate) guard: Option<CountGuard>,
    pub(crate) permit: Permit,
    pub(crate) repaint: Repaint,
}

/// How often a stream is sent its frame while nothing changes.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Repaint {
    /// Twice in the interval: its browser closes the stream only at the second frame that arrives for a page that has gone,
    /// as Firefox does. So its visitors are uncounted as soon as others.
    Twice,
    /// Once: a proxy may be in between, which cuts silent streams or notices late that a browser has gone.
    Once,
    /// Every 25 s, if the interval isn't longer: its browser closes the connection with the page, and no proxy is in between.
    Rarely,
}

/// The longest time that streams without a proxy are silent: what is between knows of the connection for at least 30 s.
const RARELY: Duration = Duration::from_secs(25);

impl Repaint {
    /// How many turns go by while a stream is sent its frame once. A turn takes half of an interval.
    fn turns(self, turn: Duration) -> u8 {
        match self {
            Self::Twice => 1,
            Self::Once => 2,
            Self::Rarely => RARELY.div_duration_f64(turn).clamp(2.0, 10.0) as u8,
        }
    }
}

#[cfg(test)]
#[test]
fn rarely_is_every_25_s_but_no_more_often_than_once() {
    for (interval, turns) in [(0.1, 10), (5.0, 10), (10.0, 5), (25.0, 2), (3600.0, 2)] {
        assert_eq!(Repaint::Rarely.turns(Duration::from_secs_f64(interval / 2.0)), turns, "{interval} s");
    }
    assert_eq!(Repaint::Once.turns(Duration::from_secs(1)), 2);
}

/// A WebSocket, and what it receives from the beginning.
pub(crate) struct WebSocketGrant {
    pub(crate) key: Key,
    pub(crate) session: Session,
    pub(crate) format: Format,
    /// Its page's room, and others. The last is sent first.
    pub(crate) memberships: Vec<Membership>,
    pub(crate) permit: Permit,
}

/// The answer to a request: a response, or a takeover for a grant.
pub(crate) type Answer = takeover::Answer<Grant>;
