//! What a feed shows of its room, and how that becomes a frame.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::message;
use crate::delivery::{events, multipart};
use crate::picture::{Heat, Strip, Style, Value, ranking};
use crate::pictures::Pictures;
use crate::room::{Counting, Counts, Page, Position, Room, RoomRef};

/// One representation of a room; two viewers with the same share a feed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum View {
    /// One number.
    Count {
        /// Which.
        counting: Counting,
        /// How it is to look.
        style: Style,
    },
    /// A site's pages by viewers.
    Top {
        /// How many of them.
        rows: u8,
    },
    /// Where in the page its readers are.
    Reading(Strip),
    /// Both numbers, for scripts.
    Events,
}

/// What there is to be seen now, by a number that is another when it is something else.
pub(super) type Mark = u64;

impl View {
    /// The least time between two frames.
    pub(super) fn shortest_gap(&self) -> Duration {
        match self {
            Self::Count { .. } | Self::Events => Duration::from_millis(100),
            Self::Reading(_) => Duration::from_millis(200),
            Self::Top { .. } => Duration::from_secs(1),
        }
    }

    /// What is to be seen of `room` now.
    pub(super) fn mark(&self, room: &Room) -> Mark {
        match self {
            Self::Count { counting, style } => mark_of(value(room, *counting, style)),
            Self::Top { rows } => hash(&room.top(usize::from(*rows))),
            Self::Reading(strip) => hash(&heat(*strip, room)),
            Self::Events => mark_of_both(room.counts()),
        }
    }

    /// The frame of what is to be seen of `room` now, ready for the wire, and its mark.
    pub(super) fn frame(&self, room: &RoomRef, pictures: &Pictures) -> (Mark, Bytes) {
        match self {
            Self::Count { counting, style } => {
                let value = value(room, *counting, style);
                (mark_of(value), pictures.frame(style, value))
            }
            Self::Top { rows } => {
                let top = room.top(usize::from(*rows));
                let png = ranking(&rows_of(&top), usize::from(*rows));
                (hash(&top), multipart::frame(&png))
            }
            Self::Reading(strip) => {
                let heat = heat(*strip, room);
                (hash(&heat), multipart::frame(&strip.paint(&heat)))
            }
            Self::Events => {
                let counts = room.counts();
                (mark_of_both(counts), events::event("count", now(), &message::count(&room.name(), counts)))
            }
        }
    }

    /// What goes out in place of `frame`, the newest, to those who have that already.
    pub(super) fn repaint<'f>(&self, frame: &'f Bytes) -> &'f Bytes {
        match self {
            Self::Count { .. } | Self::Top { .. } | Self::Reading(_) => frame,
            Self::Events => &events::REPAINT,
        }
    }

    /// The last frame of a stream: what stays on the page when it is no longer live.
    pub(super) fn closing(&self, pictures: &Pictures) -> Bytes {
        match self {
            Self::Count { style, .. } => multipart::closing(&pictures.png(style, Value::Ended)),
            Self::Top { rows } => multipart::closing(&ranking(&[], usize::from(*rows))),
            Self::Reading(strip) => multipart::closing(&strip.paint(&strip.heat([]))),
            Self::Events => events::CLOSING,
        }
    }
}

/// What a picture of `room` in `style` is to say now.
fn value(room: &Room, counting: Counting, style: &Style) -> Value {
    let now = room.counts().of(counting);
    if style.shows_peak() { Value::Peak { now, peak: room.peak().of(counting) } } else { Value::Count(now) }
}

fn mark_of(value: Value) -> Mark {
    match value {
        Value::Count(count) => count,
        Value::Peak { now, peak } => both(now, peak),
        Value::Ended => Mark::MAX,
    }
}

fn mark_of_both(counts: Counts) -> Mark {
    both(counts.tabs, counts.visitors)
}

/// Neither comes near 2^32: each is a connection.
fn both(one: u64, other: u64) -> Mark {
    (other << 32) | one
}

/// What events are numbered by: the server's clock, in milliseconds since 1970. A feed makes no two in one of them, and who
/// comes back, perhaps after a restart, can tell what is newer. Nothing is replayed: only the newest counts.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn rows_of(top: &[(Page, u64)]) -> Vec<(&str, u64)> {
    top.iter().map(|(page, count)| (page.as_str(), *count)).collect()
}

fn heat(strip: Strip, room: &Room) -> Heat {
    strip.heat(room.positions().into_iter().map(Position::get))
}

/// Of the same process only ever compared with itself.
fn hash(shown: &impl Hash) -> Mark {
    let mut hasher = DefaultHasher::new();
    shown.hash(&mut hasher);
    hasher.finish()
}
