//! Being counted.

use std::hint::black_box;

use super::RoomRef;
use super::limits::{Limits, NoRoom};
use super::state::State;
use super::tally::Who;
use super::visitor::Visitor;
use crate::sync::{Arc, MutexGuard};

/// Being counted: making it joins the room, dropping it leaves. Nothing else changes a count, so a panic, a cancelled
/// task or a lost socket can't leave a ghost.
#[derive(Debug)]
#[must_use = "dropping it leaves the room"]
pub struct Presence {
    place: Place,
    who: Who,
}

/// Where somebody is counted: in a page and in its site, or in a site alone; then these are one room.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) room: RoomRef,
    pub(super) site: RoomRef,
}

/// A place with its counts locked: the site's first, so that nobody waits in a circle. Both change in one moment.
struct Locked<'p> {
    page: Option<MutexGuard<'p, State>>,
    site: MutexGuard<'p, State>,
}

impl Presence {
    /// Joins a room.
    ///
    /// # Errors
    /// [`NoRoom`], if it would be one too many.
    pub(super) fn new(place: Place, visitor: Option<&Visitor>, limits: &Limits) -> Result<Self, NoRoom> {
        let who = place.enter(visitor, limits)?;
        Ok(Self { place, who })
    }

    /// The room it counts in.
    pub fn room(&self) -> &RoomRef {
        &self.place.room
    }

    /// From now on it counts as that visitor; as one of its own, if it isn't to be told apart.
    pub fn identify(&mut self, visitor: Option<&Visitor>) {
        self.who = self.place.turn(self.who, visitor);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.place.leave(self.who);
    }
}

impl Place {
    fn enter(&self, visitor: Option<&Visitor>, limits: &Limits) -> Result<Who, NoRoom> {
        let Locked { mut page, mut site } = self.lock();
        site.check(page.as_deref(), limits, &self.site.totals)?;
        let who = site.tally.recognise(visitor);
        let before = site.tally.counts();
        site.add(who);
        self.site.totals.came(before, site.tally.counts());
        if let Some(page) = &mut page {
            let before = page.tally.pages();
            page.add(who);
            site.rank(page, || self.room.key().as_page().cloned(), before);
        }
        self.tell(Locked { page, site });
        Ok(who)
    }

    /// Counts one who is here as somebody else, and says as whom. Nobody sees them gone meanwhile.
    fn turn(&self, who: Who, visitor: Option<&Visitor>) -> Who {
        let Locked { mut page, mut site } = self.lock();
        let before = site.tally.counts();
        let other = site.turn(who, |tally| tally.recognise(visitor));
        self.site.totals.turned(before, site.tally.counts());
        if let Some(page) = &mut page {
            page.turn(who, |_| other);
        }
        self.tell(Locked { page, site });
        other
    }

    fn leave(&self, who: Who) {
        // Seldom in the processor's cache any more: it is fetched while the site looks for the visitor.
        black_box(Arc::strong_count(&self.room));
        let mut site = self.site.lock();
        let before = site.tally.counts();
        site.remove(who);
        self.site.totals.went(before, site.tally.counts());
        let mut page = self.lock_page();
        if let Some(page) = &mut page {
            let before = page.tally.pages();
            page.remove(who);
            site.rank(page, || self.room.key().as_page().cloned(), before);
        }
        self.tell(Locked { page, site });
    }

    fn lock(&self) -> Locked<'_> {
        let site = self.site.lock();
        Locked { page: self.lock_page(), site }
    }

    /// A page's own counts; its site's have to be locked first.
    fn lock_page(&self) -> Option<MutexGuard<'_, State>> {
        (!Arc::ptr_eq(&self.room, &self.site)).then(|| self.room.lock())
    }

    /// Lets others look at what has changed, and those who watch know of it.
    fn tell(&self, Locked { page, site }: Locked<'_>) {
        let (of_page, of_site) = (page.as_ref().is_some_and(|page| page.watched), site.watched);
        drop((page, site));
        if of_site {
            self.site.stir();
        }
        if of_page {
            self.room.stir();
        }
    }
}
