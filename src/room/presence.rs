//! Being counted.

use super::limits::{Limits, NoRoom};
use super::state::State;
use super::tally::Who;
use super::totals::Totals;
use super::visitor::Visitor;
use super::{Room, RoomRef};
use crate::sync::{Arc, MutexGuard};

/// Being counted: making it joins the room, dropping it leaves. Nothing else changes a count, so a panic, a cancelled
/// task or a lost socket can't leave a ghost.
#[derive(Debug)]
#[must_use = "dropping it leaves the room"]
pub struct Presence {
    pub(super) room: RoomRef,
    pub(super) who: Who,
    pub(super) totals: Arc<Totals>,
}

impl Presence {
    /// The room it counts in.
    pub fn room(&self) -> &RoomRef {
        &self.room
    }

    /// From now on it counts as that visitor; as one of its own, if it isn't to be told apart.
    pub fn identify(&mut self, visitor: Option<&Visitor>) {
        self.who = Room::turn(&self.room, self.who, visitor, &self.totals);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        Room::leave(&self.room, self.who, &self.totals);
    }
}

impl Room {
    pub(super) fn enter(
        room: &RoomRef,
        visitor: Option<&Visitor>,
        limits: &Limits,
        totals: &Totals,
    ) -> Result<Who, NoRoom> {
        let whole = room.whole_site();
        // The site's lock is always the first of the two, so both are of one moment, and nobody waits in a circle.
        let mut site = whole.lock();
        let mut page = room.lock_page();
        site.check(page.as_deref(), limits, totals)?;
        let who = site.tally.recognise(visitor);
        let before = site.tally.counts();
        site.add(who);
        totals.came(before, site.tally.counts());
        if let (Some(page), Some(name)) = (page.as_deref_mut(), room.key().as_page()) {
            page.add(who);
            site.rank(page, name, page.tally.pages() - 1);
        }
        room.tell(whole, (page, site));
        Ok(who)
    }

    /// Counts one who is here as somebody else, and says as whom. Nobody sees them gone meanwhile.
    fn turn(room: &RoomRef, who: Who, visitor: Option<&Visitor>, totals: &Totals) -> Who {
        let whole = room.whole_site();
        let mut site = whole.lock();
        let mut page = room.lock_page();
        let before = site.tally.counts();
        let other = site.turn(who, |tally| tally.recognise(visitor));
        totals.turned(before, site.tally.counts());
        if let Some(page) = page.as_deref_mut() {
            page.turn(who, |_| other);
        }
        room.tell(whole, (page, site));
        other
    }

    fn leave(room: &RoomRef, who: Who, totals: &Totals) {
        let whole = room.whole_site();
        let mut site = whole.lock();
        let mut page = room.lock_page();
        let before = site.tally.counts();
        site.remove(who);
        totals.went(before, site.tally.counts());
        if let (Some(page), Some(name)) = (page.as_deref_mut(), room.key().as_page()) {
            page.remove(who);
            site.rank(page, name, page.tally.pages() + 1);
        }
        room.tell(whole, (page, site));
    }

    /// Lets others look at what has changed, and those who watch know of it.
    fn tell(&self, whole: &Self, (page, site): (Option<MutexGuard<'_, State>>, MutexGuard<'_, State>)) {
        let is_page = page.is_some();
        drop((page, site));
        whole.stir();
        if is_page {
            self.stir();
        }
    }
}
