//! Being counted.

use crate::limits::{LimitReached, Limits};
use crate::name::{Page, RoomName};
use crate::pages::PageHash;
use crate::position::Position;
use crate::site::{SiteCounts, SiteRef};
use crate::tally::Identity;
use crate::visitor::Visitor;

/// Being counted: making it joins the room, dropping it leaves. Nothing else changes a count, so a panic, a cancelled
/// task or a lost socket can't leave a ghost.
#[derive(Debug)]
#[must_use = "dropping it leaves the room"]
pub struct CountGuard {
    site: SiteRef,
    /// None if it is counted in the site alone.
    page: Option<PageHash>,
    identity: Identity,
}

impl CountGuard {
    /// Joins a page of the site, or the site alone.
    ///
    /// # Errors
    /// [`LimitReached`], if there would be one room too many.
    pub(crate) fn new(
        site: SiteRef,
        page: Option<(PageHash, &Page)>,
        visitor: Option<&Visitor>,
        limits: &Limits,
    ) -> Result<Self, LimitReached> {
        let identity = SiteCounts::join(&site, page, visitor, limits)?;
        Ok(Self { site, page: page.map(|(hash, _)| hash), identity })
    }

    /// Joins as a tab that another process has counted so.
    pub(crate) fn again(site: SiteRef, page: Option<(PageHash, &Page)>, identity: Identity) -> Self {
        SiteCounts::rejoin(&site, page, identity);
        Self { site, page: page.map(|(hash, _)| hash), identity }
    }

    /// As whose it is counted.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The room that it is counted in.
    pub fn room(&self) -> Option<RoomName> {
        SiteCounts::name(&self.site, self.page)
    }

    /// Its visitor has come as far down the page as this.
    pub(crate) fn reach(&self, visitor: &Visitor, position: Position) {
        SiteCounts::reach(&self.site, self.page, visitor, position);
    }

    /// Counts as that visitor from now on; as one more, if the visitor is not to be identified.
    pub fn identify(&mut self, visitor: Option<&Visitor>) {
        self.identity = SiteCounts::change_identity(&self.site, self.page, self.identity, visitor);
    }
}

impl Drop for CountGuard {
    fn drop(&mut self) {
        SiteCounts::leave(&self.site, self.page, self.identity);
    }
}
