//! A view: what a feed shows of its room, and how that becomes a frame.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use onlookers_picture::{Heat, RankingStyle, Row, Strip, Style, Value};
use onlookers_rooms::{Counting, Counts, Position, Room};

use super::channel::Context;
use super::topic::top;
use crate::metrics::{Kind, Label};
use crate::painting::Pictures;
use crate::wire::protocol::{self, TopPage};
use crate::wire::{events, multipart};

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
    Top(RankingStyle),
    /// Where in the page its readers are.
    Reading(Strip),
    /// Both numbers, for scripts.
    Events,
    /// The same picture on a page whose scripts may read it.
    Readable(Box<Self>),
}

/// Stands for what a room looks like in a view: another number when it looks different.
pub(super) type Fingerprint = u64;

/// Of a feed without a frame. No room looks like this, as the highest count comes nowhere near it.
pub(super) const UNPAINTED: Fingerprint = Fingerprint::MAX;

/// Of a feed whose first frame could not be painted.
pub(super) const FAILED: Fingerprint = UNPAINTED - 1;

impl View {
    /// The least time between two frames.
    pub(super) fn min_gap(&self) -> Duration {
        match self {
            Self::Count { .. } | Self::Events => Duration::from_millis(100),
            Self::Reading(_) => Duration::from_millis(200),
            Self::Top(_) => Duration::from_secs(1),
            Self::Readable(view) => view.min_gap(),
        }
    }

    /// What its viewers receive.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Count { .. } => Kind::Picture,
            Self::Top(_) => Kind::Ranking,
            Self::Reading(_) => Kind::Reading,
            Self::Events => Kind::Events,
            Self::Readable(view) => view.kind(),
        }
    }

    /// The family of its style, or what it is.
    pub(super) fn style(&self) -> &'static str {
        match self {
            Self::Count { style, .. } => style.family(),
            Self::Readable(view) => view.style(),
            other => other.kind().name(),
        }
    }

    /// Whether it shows the ranking of a site's pages.
    pub(super) fn shows_ranking(&self) -> bool {
        match self {
            Self::Top(_) => true,
            Self::Readable(view) => view.shows_ranking(),
            Self::Count { .. } | Self::Reading(_) | Self::Events => false,
        }
    }

    /// The fingerprint of `room` as it is now.
    pub(super) fn fingerprint(&self, room: &Room, context: &Context) -> Fingerprint {
        match self {
            Self::Count { counting, style } => fingerprint_of(value(room, *counting, style)),
            Self::Top(style) => hash(&top(room, style.rows(), &context.titles())),
            Self::Reading(strip) => hash(&heat(*strip, room)),
            Self::Events => fingerprint_of_both(room.counts()),
            Self::Readable(view) => view.fingerprint(room, context),
        }
    }

    /// The frame of `room` as it is now and its fingerprint, if no painting is needed for it.
    pub(super) fn frame_at_hand(&self, room: &Room, context: &Context) -> Option<(Fingerprint, Bytes)> {
        match self {
            Self::Count { counting, style } => {
                let value = value(room, *counting, style);
                Some((fingerprint_of(value), context.pictures.find_frame(style, value)?))
            }
            Self::Top(_) | Self::Reading(_) => None,
            Self::Events => Some(self.frame(room, context)),
            Self::Readable(view) => {
                let (fingerprint, frame) = view.frame_at_hand(room, context)?;
                Some((fingerprint, multipart::readable(&frame)))
            }
        }
    }

    /// The frame of `room` as it is now, ready for the wire, and its fingerprint. May take milliseconds.
    pub(super) fn frame(&self, room: &Room, context: &Context) -> (Fingerprint, Bytes) {
        match self {
            Self::Count { counting, style } => {
                let value = value(room, *counting, style);
                (fingerprint_of(value), context.pictures.frame(style, value))
            }
            Self::Top(style) => {
                let titles = context.titles();
                let top = top(room, style.rows(), &titles);
                (hash(&top), multipart::frame(&context.pictures.ranking(style, &rows_of(&top))))
            }
            Self::Reading(strip) => {
                let heat = heat(*strip, room);
                (hash(&heat), multipart::frame(&strip.paint(&heat)))
            }
            Self::Events => {
                let counts = room.counts();
                (
                    fingerprint_of_both(counts),
                    events::event("count", now(), &protocol::count(&room.name(), counts)),
                )
            }
            Self::Readable(view) => {
                let (fingerprint, frame) = view.frame(room, context);
                (fingerprint, multipart::readable(&frame))
            }
        }
    }

    /// The bytes that keep a connection alive which has `frame`, the newest, already.
    pub(super) fn resend<'f>(&self, frame: &'f Bytes) -> &'f Bytes {
        match self {
            Self::Count { .. } | Self::Top(_) | Self::Reading(_) | Self::Readable(_) => frame,
            Self::Events => &events::HEARTBEAT,
        }
    }

    /// Whether all streams end with the same bytes. Those of events say when to reconnect, each something else.
    pub(super) fn ends_alike(&self) -> bool {
        !matches!(self, Self::Events)
    }

    /// The last frame of a stream: what stays on the page when it is no longer live.
    pub(super) fn closing(&self, pictures: &Pictures) -> Bytes {
        match self {
            Self::Count { style, .. } => multipart::closing(&pictures.png(style, Value::Ended)),
            Self::Top(style) => multipart::closing(&style.paint(&[])),
            Self::Reading(strip) => multipart::closing(&strip.paint(&strip.heat([]))),
            Self::Events => events::closing(),
            Self::Readable(view) => view.closing(pictures),
        }
    }

    /// The last frame of a stream that shows `frame` once more, which costs no painting.
    pub(super) fn close(&self, frame: &Bytes) -> Bytes {
        match self {
            Self::Events => events::closing(),
            _ => multipart::closing_of(frame),
        }
    }
}

/// The value that a picture of `room` in `style` shows now.
fn value(room: &Room, counting: Counting, style: &Style) -> Value {
    let now = room.counts().of(counting);
    if style.shows_peak() { Value::Peak { now, peak: room.peak().of(counting) } } else { Value::Count(now) }
}

fn fingerprint_of(value: Value) -> Fingerprint {
    match value {
        Value::Count(count) => count,
        Value::Peak { now, peak } => both(now, peak),
        Value::Ended => Fingerprint::MAX,
    }
}

fn fingerprint_of_both(counts: Counts) -> Fingerprint {
    both(counts.tabs, counts.visitors)
}

/// Neither comes near 2^32: each is a connection.
fn both(one: u64, other: u64) -> Fingerprint {
    (other << 32) | one
}

/// The id of an event: the server's clock, in milliseconds since 1970. A feed makes no two in one of them, and a client that
/// reconnects, perhaps after a restart, can tell which is newer. Nothing is replayed: only the newest counts.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn rows_of<'t>(top: &'t [TopPage<'t>]) -> Vec<Row<'t>> {
    top.iter()
        .map(|TopPage { page, count, title }| Row { page: page.as_str(), title: *title, count: *count })
        .collect()
}

fn heat(strip: Strip, room: &Room) -> Heat {
    strip.heat(room.positions().into_iter().map(Position::get))
}

/// Only compared with other hashes of the same process.
fn hash(shown: &impl Hash) -> Fingerprint {
    let mut hasher = DefaultHasher::new();
    shown.hash(&mut hasher);
    hasher.finish()
}
