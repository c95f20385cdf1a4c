//! What is known of a room, a page or a whole site, under its site's lock.

use super::Room;
use super::positions::FurthestPositions;
use super::readers::{Position, Readers};
use super::tally::{Counts, Identity, Tally};
use super::visitor::Visitor;
use crate::sync::Weak;

/// In this order: what a join and a leave touch lies together.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct RoomState {
    pub(super) tally: Tally,
    peak: Peak,
    /// Through which it is looked at, if it is.
    pub(super) room: Weak<Room>,
    /// Only while somebody says where they are.
    pub(super) readers: Option<Box<Readers>>,
    /// Only while it is known of somebody how far they have come.
    pub(super) reached: Option<Box<FurthestPositions>>,
}

/// The most that were here at once, each number by itself; as small as what it is the most of.
#[derive(Clone, Copy, Debug, Default)]
struct Peak {
    tabs: u32,
    visitors: u32,
}

impl RoomState {
    /// The most that were here at once, each number by itself.
    pub(super) fn peak(&self) -> Counts {
        Counts { tabs: self.peak.tabs.into(), visitors: self.peak.visitors.into() }
    }

    pub(super) fn add(&mut self, who: Identity) {
        self.tally.add(who);
        let Peak { tabs, visitors } = self.peak;
        self.peak = Peak { tabs: tabs.max(self.tally.tabs()), visitors: visitors.max(self.tally.visitors()) };
    }

    pub(super) fn turn(&mut self, who: Identity, into: impl FnOnce(&Tally) -> Identity) -> Identity {
        self.tally.remove(who);
        let other = into(&self.tally);
        self.add(other);
        self.forget_if_gone(who);
        other
    }

    pub(super) fn remove(&mut self, who: Identity) {
        self.tally.remove(who);
        self.forget_if_gone(who);
    }

    /// Notes how far down the page a visitor has come. False if they aren't here.
    pub(super) fn reach(&mut self, visitor: &Visitor, position: Position) -> bool {
        let Some(mark) = self.tally.mark_of(visitor) else { return false };
        self.reached.get_or_insert_default().note(mark, position);
        true
    }

    /// Where the readers are of whom that is known, in no order.
    pub(super) fn positions(&self) -> Vec<Position> {
        let mut positions = self.readers.as_ref().map(|readers| readers.positions()).unwrap_or_default();
        positions.extend(self.reached.iter().flat_map(|reached| reached.positions()));
        positions
    }

    pub(super) fn change_readers(&mut self, change: impl FnOnce(&mut Readers)) {
        let readers = self.readers.get_or_insert_default();
        change(readers);
        if readers.is_empty() {
            self.readers = None;
        }
    }

    /// How far a visitor has come goes with their last page.
    fn forget_if_gone(&mut self, who: Identity) {
        if let (Some(reached), Identity::Known(mark)) = (&mut self.reached, who)
            && !self.tally.knows(&mark)
        {
            reached.forget(&mark);
            if reached.is_empty() {
                self.reached = None;
            }
        }
    }
}
