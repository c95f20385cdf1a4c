//! Being counted.

use super::limits::{LimitReached, Limits};
use super::page::Page;
use super::pages::PageId;
use super::readers::Position;
use super::site::SiteRef;
use super::tally::Identity;
use super::visitor::Visitor;
use super::{Room, RoomRef};

/// Being counted: making it joins the room, dropping it leaves. Nothing else changes a count, so a panic, a cancelled
/// task or a lost socket can't leave a ghost.
#[derive(Debug)]
#[must_use = "dropping it leaves the room"]
pub struct CountGuard {
    site: SiteRef,
    /// None if it is counted in the site alone.
    page: Option<PageId>,
    who: Identity,
}

impl CountGuard {
    /// Joins a page of the site, or the site alone.
    ///
    /// # Errors
    /// [`LimitReached`], if it would be one room too many.
    pub(super) fn new(
        site: SiteRef,
        page: Option<(PageId, &Page)>,
        visitor: Option<&Visitor>,
        limits: &Limits,
    ) -> Result<Self, LimitReached> {
        let who = site.enter(page, visitor, limits)?;
        Ok(Self { site, page: page.map(|(id, _)| id), who })
    }

    /// The room it counts in.
    pub fn room(&self) -> RoomRef {
        Room::of_presence(&self.site, self.page)
    }

    /// Its visitor has come as far down the page as this.
    pub(super) fn reach(&self, visitor: &Visitor, position: Position) {
        self.site.reach(self.page, visitor, position);
    }

    /// From now on it counts as that visitor; as one of its own, if it isn't to be told apart.
    pub fn identify(&mut self, visitor: Option<&Visitor>) {
        self.who = self.site.turn(self.page, self.who, visitor);
    }
}

impl Drop for CountGuard {
    fn drop(&mut self) {
        self.site.leave(self.page, self.who);
    }
}
