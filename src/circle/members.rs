//! The members of a circle.

use std::sync::Arc;

use slab::Slab;

use super::ViewerId;
use super::batch::Sealed;
use crate::delivery::websocket::Outbox;

/// So many are written to before others have their turn: half a millisecond's work.
const CHUNK: usize = 64;

/// Where a member stands among the members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MemberKey(usize);

/// Somebody who hears what a circle is told.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) id: ViewerId,
    pub(super) outbox: Arc<Outbox>,
    /// By what number the connection knows this circle among its own.
    pub(super) slot: u8,
    /// How many batches there were when they came.
    pub(super) since: u32,
}

#[derive(Default, Debug)]
pub(super) struct Members(Slab<Listener>);

impl Members {
    pub(super) fn add(&mut self, listener: Listener) -> MemberKey {
        MemberKey(self.0.insert(listener))
    }

    pub(super) fn remove(&mut self, MemberKey(key): MemberKey) {
        self.0.try_remove(key);
        if self.0.is_empty() {
            self.0 = Slab::new();
        }
    }

    /// Sends a batch to some, from a place on, and says from where to go on, if there are more.
    pub(super) fn send_some(&self, batch: &Sealed, from: usize) -> Option<usize> {
        let until = from + CHUNK;
        let listeners = (from..until).filter_map(|key| self.0.get(key));
        for listener in listeners.filter(|listener| batch.is_news_since(listener.since)) {
            listener.outbox.send(&batch.of(listener.id), listener.slot);
        }
        (until < self.0.capacity()).then_some(until)
    }
}
