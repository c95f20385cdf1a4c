//! The bodies that are open, by the feeds that they receive.

use std::collections::HashMap;

use onlookers_rooms::sync::Arc;
use slab::Slab;
use smallvec::SmallVec;

use super::super::http2::Exchange;
use super::NUMBER;
use crate::feeds::{FeedId, FeedRef, Published};

#[derive(Default)]
pub(super) struct State {
    pub(super) feeds: HashMap<FeedId, Box<Readers>>,
    pub(super) bodies: Slab<Reader>,
    /// The feeds with a new frame, each once.
    pub(super) due: Vec<FeedId>,
    /// Streams get their last frame.
    pub(super) has_ended: bool,
    /// Whether connections are to get no more requests.
    pub(super) is_leaving: bool,
}

/// The bodies of one feed.
pub(super) struct Readers {
    pub(super) feed: FeedRef,
    pub(super) places: SmallVec<[u32; 4]>,
    pub(super) is_due: bool,
}

/// One body.
pub(super) struct Reader {
    pub(super) exchange: Arc<Exchange>,
    pub(super) feed: FeedId,
    /// Its place among those of its feed.
    pub(super) place: u32,
    /// It is sent its frame once in so many turns, of which each interval has two; and how many have gone by.
    pub(super) every: u8,
    pub(super) skipped: u8,
}

impl State {
    /// How far the cursor goes.
    pub(super) fn places(&self) -> usize {
        if self.bodies.is_empty() { 0 } else { self.bodies.capacity() }
    }

    /// Removes a body, and returns what is to be dropped after the lock.
    pub(super) fn remove(&mut self, place: u32) -> Option<(Reader, Option<Box<Readers>>)> {
        let reader = self.bodies.try_remove(place as usize)?;
        let readers = self.feeds.get_mut(&reader.feed)?;
        readers.places.swap_remove(reader.place as usize);
        if let Some(moved) = readers.places.get(reader.place as usize) {
            self.bodies[*moved as usize].place = reader.place;
        }
        let is_last = readers.places.is_empty();
        let last = if is_last { self.feeds.remove(&reader.feed) } else { None };
        if let Some(readers) = &last {
            readers.feed.channel().unsubscribe(NUMBER);
        }
        if self.bodies.is_empty() {
            (self.bodies, self.feeds) = (Slab::new(), HashMap::new());
        }
        Some((reader, last))
    }
}

impl Reader {
    /// Whether it is sent its frame once more in this round.
    pub(super) fn takes_turn(&mut self) -> bool {
        self.skipped = (self.skipped + 1) % self.every;
        self.skipped == 0
    }
}
