//! All rooms.

use std::hash::Hash;
use std::time::Instant;

use crate::early_marks::EarlyMarks;
use crate::guard::CountGuard;
use crate::limits::{LimitReached, Limits};
use crate::name::{RoomName, Site};
use crate::pages::PageHash;
use crate::position::Position;
use crate::registry::{KeyHash, Registry};
use crate::room::{Room, RoomRef};
use crate::site::{SiteCounts, SiteRef};
use crate::sync::Arc;
use crate::tally::Counts;
use crate::totals::Totals;
use crate::visitor::Visitor;

/// All rooms that exist.
#[derive(Debug)]
pub struct Rooms {
    sites: Arc<Registry<Site, SiteCounts>>,
    limits: Limits,
    totals: Arc<Totals>,
    early: EarlyMarks,
}

impl Rooms {
    /// No rooms yet.
    pub fn new(limits: Limits) -> Self {
        Self { sites: Registry::new(), limits, totals: Arc::default(), early: EarlyMarks::default() }
    }

    /// Joins the room of that name, which comes into being with its first visitor. A visitor that is not to be identified
    /// (`None`) counts as one more.
    ///
    /// # Errors
    /// [`LimitReached`], if there would be one room too many.
    pub fn join(&self, name: &RoomName, visitor: Option<&Visitor>) -> Result<CountGuard, LimitReached> {
        let (site, page) = self.open_site(name);
        let guard = CountGuard::new(site, page.zip(name.as_page()), visitor, &self.limits)?;
        if let Some(visitor) = visitor {
            let early = self.early.take(name, visitor, Instant::now);
            early.inspect(|position| guard.reach(visitor, *position));
        }
        Ok(guard)
    }

    /// The room of that name, to be looked at; it exists from now on if it didn't.
    pub fn open(&self, name: &RoomName) -> RoomRef {
        let (site, hash) = self.open_site(name);
        let page = hash.zip(name.as_page());
        let mut state = site.lock();
        Room::of(&site, page, state.open(page))
    }

    /// The room of that name, if it exists.
    pub fn find(&self, name: &RoomName) -> Option<RoomRef> {
        let (site, page) = self.hashes(name);
        let site = self.sites.find(site)?;
        let mut state = site.lock();
        Some(Room::of(&site, page.zip(name.as_page()), state.state_mut(page)?))
    }

    /// Notes that a visitor of that room has come as far down its page as this. The visitor may join within ten seconds after.
    pub fn reach(&self, name: &RoomName, visitor: &Visitor, position: Position) {
        let (site, page) = self.hashes(name);
        let reach = || self.sites.find(site).is_some_and(|site| site.reach(page, visitor, position));
        if !reach() {
            self.early.keep(name, visitor, position, Instant::now());
            // The visitor may have joined in between.
            reach();
        }
    }

    /// The counts of all rooms together; a visitor of two sites is two.
    pub fn totals(&self) -> Counts {
        self.totals.counts()
    }

    /// How many rooms exist: sites, and their pages.
    pub fn len(&self) -> usize {
        self.sites.entries().iter().map(|site| 1 + site.lock().pages.len()).sum()
    }

    /// Whether no room exists.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    fn open_site(&self, name: &RoomName) -> (SiteRef, Option<PageHash>) {
        let (site, page) = self.hashes(name);
        let make = || (name.of_site().clone(), SiteCounts::new(Arc::clone(&self.totals)));
        (self.sites.open_hashed(site, make), page)
    }

    /// The hashes of the name's site and of its page, which takes in the site's.
    fn hashes(&self, name: &RoomName) -> (KeyHash, Option<PageHash>) {
        let mut hasher = self.sites.hasher();
        name.of_site().hash(&mut hasher);
        let site = KeyHash::new(&hasher);
        let page = name.as_page().map(|page| {
            page.hash(&mut hasher);
            PageHash::new(&hasher)
        });
        (site, page)
    }
}
