//! The state of a room, a page or a whole site, under its site's lock.

use crate::marks::FurthestPositions;
use crate::position::Position;
use crate::readers::Readers;
use crate::room::Room;
use crate::sync::Weak;
use crate::tally::{Counts, Identity, Tally};
use crate::visitor::Visitor;

#[derive(Debug, Default)]
pub(crate) struct RoomState {
    pub(crate) tally: Tally,
    /// The most that were here at once, each number by itself.
    pub(crate) peak: Counts,
    /// The room, while somebody looks at it.
    pub(crate) room: Weak<Room>,
    /// Only while a position is known.
    positions: Option<Box<Positions>>,
}

/// Where in its page the readers are.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    pub(crate) readers: Readers,
    furthest: FurthestPositions,
}

impl RoomState {
    pub(crate) fn add(&mut self, identity: Identity) {
        self.tally.add(identity);
        let Counts { tabs, visitors } = self.tally.counts();
        self.peak = Counts { tabs: tabs.max(self.peak.tabs), visitors: visitors.max(self.peak.visitors) };
    }

    pub(crate) fn change_identity(
        &mut self,
        from: Identity,
        to: impl FnOnce(&Tally) -> Identity,
    ) -> Identity {
        self.tally.remove(from);
        let to = to(&self.tally);
        self.add(to);
        self.forget_if_gone(from);
        to
    }

    pub(crate) fn remove(&mut self, identity: Identity) {
        self.tally.remove(identity);
        self.forget_if_gone(identity);
    }

    /// Notes how far down the page a visitor has come. False if the visitor isn't here.
    pub(crate) fn reach(&mut self, visitor: &Visitor, position: Position) -> bool {
        let Some(hash) = self.tally.find(visitor) else { return false };
        self.change_positions(|positions| positions.furthest.note(hash, position));
        true
    }

    /// The known positions, in no order.
    pub(crate) fn positions(&self) -> Vec<Position> {
        let all = |positions: &Positions| {
            positions.readers.positions().chain(positions.furthest.positions()).collect()
        };
        self.positions.as_deref().map(all).unwrap_or_default()
    }

    pub(crate) fn readers(&self) -> Option<&Readers> {
        self.positions.as_ref().map(|positions| &positions.readers)
    }

    pub(crate) fn change_positions(&mut self, change: impl FnOnce(&mut Positions)) {
        let positions = self.positions.get_or_insert_default();
        change(positions);
        if positions.readers.is_empty() && positions.furthest.is_empty() {
            self.positions = None;
        }
    }

    /// A visitor's furthest position goes with their last tab.
    fn forget_if_gone(&mut self, identity: Identity) {
        if let Identity::Known(visitor) = identity
            && self.positions.is_some()
            && !self.tally.contains(visitor)
        {
            self.change_positions(|positions| positions.furthest.forget(visitor));
        }
    }
}
