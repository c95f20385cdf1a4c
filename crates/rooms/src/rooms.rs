//! All rooms.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

use crate::early_marks::EarlyMarks;
use crate::guard::CountGuard;
use crate::journal::Journal;
use crate::limits::{LimitReached, Limits};
use crate::name::{Page, RoomName, Site};
use crate::others::{Report, Reported, SourceId, VisitorKey, is_sampled};
use crate::pages::PageHash;
use crate::position::Position;
use crate::posts::Post;
use crate::presence::{Presence, PresentId};
use crate::registry::{KeyHash, Registry};
use crate::room::RoomRef;
use crate::site::{SiteCounts, SiteRef};
use crate::state::RoomState;
use crate::sync::Arc;
use crate::tally::Counts;
use crate::totals::Totals;
use crate::visitor::Visitor;

mod moved;
mod sharing;

/// All rooms that exist.
#[derive(Debug)]
pub struct Rooms {
    sites: Arc<Registry<Site, SiteCounts>>,
    limits: Limits,
    totals: Arc<Totals>,
    early: EarlyMarks,
    /// Where others are told of changes, while there are any.
    journal: Arc<Journal>,
}

impl Rooms {
    /// No rooms yet.
    pub fn new(limits: Limits) -> Self {
        let (sites, totals, early) = (Registry::new(), Arc::default(), EarlyMarks::default());
        Self { sites, limits, totals, early, journal: Arc::default() }
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
        SiteCounts::open(&site, page)
    }

    /// The room of that name, if it exists.
    pub fn find(&self, name: &RoomName) -> Option<RoomRef> {
        let (site, page) = self.hashes(name);
        let site = self.sites.find(site)?;
        SiteCounts::find(&site, page.zip(name.as_page()))
    }

    /// Notes that a visitor of that room has come as far down its page as this. The visitor may join within ten seconds after.
    pub fn reach(&self, name: &RoomName, visitor: &Visitor, position: Position) {
        let (site, page) = self.hashes(name);
        let reach =
            || self.sites.find(site).is_some_and(|site| SiteCounts::reach(&site, page, visitor, position));
        if reach() {
            return;
        }
        self.early.keep(name, visitor, position, Instant::now());
        // The visitor may have joined in between.
        if !reach() {
            self.journal.post(name.clone(), Post::mark(visitor, position));
        }
    }

    /// The visitors of a room who are identified, of those with a key of that level.
    pub fn visitors(&self, name: &RoomName, level: u8) -> Vec<VisitorKey> {
        let (site, page) = self.hashes(name);
        let Some(site) = self.sites.find(site) else { return Vec::new() };
        let state = site.lock();
        let keys = state.state(page).into_iter().flat_map(|room| room.tally.known().keys());
        keys.filter(|key| is_sampled(*key, level)).collect()
    }

    /// Those who are present in a room and of whom others are told.
    pub fn presences(&self, name: &RoomName) -> Vec<(PresentId, Presence)> {
        self.state(name, RoomState::presences).unwrap_or_default()
    }

    /// How many are in a room now, and the most there were, as [`Room::counts`](crate::Room::counts) and
    /// [`Room::peak`](crate::Room::peak) have it. Nobody begins to look at the room for it.
    pub fn numbers(&self, name: &RoomName) -> (Counts, Counts) {
        self.state(name, |room| (room.counts(), room.peak)).unwrap_or_default()
    }

    /// Whether somebody has a tab open here in that room.
    pub fn is_open(&self, name: &RoomName) -> bool {
        self.state(name, |room| room.tally.tabs() > 0).unwrap_or_default()
    }

    /// Whether it is known what others count in a room.
    pub fn knows_others(&self, name: &RoomName) -> bool {
        self.state(name, RoomState::knows_others).unwrap_or_default()
    }

    /// Whether it is known what others count on a site's pages; so it is if there are none.
    pub fn knows_ranking(&self, site: &Site) -> bool {
        !self.is_sharing() || self.journal.rankings.is_known(site)
    }

    fn state<R>(&self, name: &RoomName, look: impl FnOnce(&RoomState) -> R) -> Option<R> {
        let (site, page) = self.hashes(name);
        let site = self.sites.find(site)?;
        site.lock().state(page).map(look)
    }

    /// What is counted here in a room, without others; but the peak is of everybody's counts.
    pub fn counted_here(&self, name: &RoomName) -> Report {
        self.state(name, RoomState::counted_here).unwrap_or_default()
    }

    /// A source says what it counts in a room. That is kept for as long as somebody looks at the room here.
    pub fn report(&self, name: &RoomName, source: SourceId, report: Report, reported: Reported<'_>) {
        self.change_others(name, |room| room.report(source, report, reported));
    }

    /// Several sources say what they count in a room, or that they count nobody there: nobody sees the one without the other.
    pub fn report_together(&self, name: &RoomName, all: &[(SourceId, Option<(Report, Reported<'_>)>)]) {
        self.change_others(name, |room| {
            all.iter().fold(false, |changed, (source, reported)| {
                changed
                    | match reported {
                        Some((report, reported)) => room.report(*source, *report, *reported),
                        None => room.forget_source(*source),
                    }
            })
        });
    }

    /// A source counts nobody in a room any more.
    pub fn forget(&self, name: &RoomName, source: SourceId) {
        self.change_others(name, |room| room.forget_source(source));
    }

    /// The sites whose ranking somebody watches.
    pub fn watched_rankings(&self) -> Vec<Site> {
        self.journal.rankings.watched()
    }

    /// The sources say what they count on the pages of a site.
    pub fn report_ranking(&self, site: &Site, sources: HashMap<SourceId, Vec<(Page, u64)>>) {
        self.journal.rankings.report(site, sources);
        self.change_others(&RoomName::site(site.clone()), |_| true);
    }

    /// All sources have said what they count in a room; there may be none.
    pub fn know_others(&self, name: &RoomName) {
        self.change_others(name, RoomState::know_others);
    }

    fn change_others(&self, name: &RoomName, change: impl FnOnce(&mut RoomState) -> bool) {
        let (site, page) = self.hashes(name);
        if let Some(site) = self.sites.find(site) {
            site.change_others(page, change);
        }
    }

    /// The counts of all sites together, with those of others; a visitor of two sites, or at two sources, is two.
    pub fn totals(&self) -> Counts {
        let (here, others) = (self.totals.counts(), self.totals.others());
        Counts { tabs: here.tabs + others.tabs, visitors: here.visitors + others.visitors }
    }

    /// The counts of all sites together, without others; a visitor of two sites is two.
    pub fn totals_here(&self) -> Counts {
        self.totals.counts()
    }

    /// Others count so many on all of their sites together.
    pub fn report_totals(&self, others: Counts) {
        self.totals.report(others);
    }

    /// How many sites have a tab open here, of as many as may have.
    pub fn open_sites(&self) -> (usize, usize) {
        (self.totals.sites(), self.limits.sites)
    }

    /// The sites with most tabs open here, at most so many, and their counts here.
    pub fn top_sites(&self, most: usize) -> Vec<(Site, Counts)> {
        let counts = |site: SiteRef| {
            let counts = site.lock().state(None).map(|site| site.tally.counts()).unwrap_or_default();
            (site.key().clone(), counts)
        };
        let all = self.sites.entries().into_iter().map(counts);
        let mut open: Vec<_> = all.filter(|(_, counts)| counts.tabs > 0).collect();
        open.sort_unstable_by_key(|(_, counts)| std::cmp::Reverse(counts.tabs));
        open.truncate(most);
        open
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
        let make =
            || (name.of_site().clone(), SiteCounts::new(Arc::clone(&self.totals), Arc::clone(&self.journal)));
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
