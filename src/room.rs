//! Rooms: those who share a count. A room exists while somebody is in it or looks at it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub use name::{RoomName, Site, SiteError};
pub use page::{Page, PageError, PageQuery};
pub use tally::{Counting, Counts};
pub use visitor::{Keys, Visitor};

use crate::registry::{Held, Registry};
use ranking::{Arrival, Ranking};
use tally::{Tally, Who};
use totals::Totals;

pub(crate) mod name;
mod page;
mod ranking;
mod tally;
#[cfg(test)]
mod tests;
mod totals;
mod visitor;

/// A room that somebody holds; the last holder to go takes it along.
pub type RoomRef = Arc<Held<RoomName, Room>>;

/// All rooms that exist.
#[derive(Debug)]
pub struct Rooms {
    rooms: Arc<Registry<RoomName, Room>>,
    limits: Limits,
    totals: Arc<Totals>,
}

/// How many rooms there may be. Who is in is never put out for a newcomer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Sites with somebody in them.
    pub sites: usize,
    /// Pages of one site with somebody in them.
    pub pages_per_site: usize,
}

/// Why there is no room for a newcomer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoRoom {
    /// There are as many sites as there may be.
    Sites,
    /// The site has as many pages as it may have.
    Pages,
}

/// Counts, and a way to hear of their changes.
#[derive(Debug, Default)]
pub struct Room {
    /// Nothing for a whole site.
    page: Option<OfSite>,
    state: Mutex<State>,
    changed: Notify,
}

/// Which page of which site a room is.
#[derive(Debug)]
struct OfSite {
    page: Page,
    arrival: Arrival,
    site: RoomRef,
}

#[derive(Debug, Default)]
struct State {
    tally: Tally,
    peak: Counts,
    /// Of a whole site: its pages.
    ranking: Ranking,
}

/// Being counted: making it joins the room, dropping it leaves. Nothing else changes a count, so a panic, a cancelled
/// task or a lost socket can't leave a ghost.
#[derive(Debug)]
#[must_use = "dropping it leaves the room"]
pub struct Presence {
    room: RoomRef,
    who: Who,
    totals: Arc<Totals>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { sites: 100_000, pages_per_site: 10_000 }
    }
}

impl Rooms {
    /// No rooms yet.
    pub fn new(limits: Limits) -> Self {
        Self { rooms: Registry::new(), limits, totals: Arc::default() }
    }

    /// Joins the room of that name, which comes into being with its first visitor. One who isn't to be told apart
    /// (`None`) counts as a visitor of their own.
    ///
    /// # Errors
    /// [`NoRoom`], if it would be one room too many.
    pub fn join(&self, name: &RoomName, visitor: Option<&Visitor>) -> Result<Presence, NoRoom> {
        let room = self.open(name);
        let who = room.enter(visitor, &self.limits, &self.totals)?;
        Ok(Presence { room, who, totals: Arc::clone(&self.totals) })
    }

    /// Holds a room without being counted in it.
    pub fn open(&self, name: &RoomName) -> RoomRef {
        let Some((page, whole)) = name.as_page().zip(name.whole_site()) else {
            return self.rooms.open(name, Room::default);
        };
        self.find(name).unwrap_or_else(|| {
            let site = self.rooms.open(&whole, Room::default);
            let arrival = site.lock().ranking.arrive();
            let page = OfSite { page: page.clone(), arrival, site };
            self.rooms.open(name, || Room { page: Some(page), ..Room::default() })
        })
    }

    /// The room, if it exists: asking for it doesn't bring it into being.
    pub fn find(&self, name: &RoomName) -> Option<RoomRef> {
        self.rooms.find(name)
    }

    /// How many are in all rooms together; a visitor of two sites is two.
    pub fn everyone(&self) -> Counts {
        self.totals.counts()
    }

    /// How many rooms exist.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether nobody is here at all.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }
}

impl Room {
    /// How many are here now. Both numbers are of the same moment.
    pub fn counts(&self) -> Counts {
        self.lock().tally.counts()
    }

    /// The most that were here at once since the room came into being, each number by itself.
    pub fn peak(&self) -> Counts {
        self.lock().peak
    }

    /// The pages of a whole site that most have open, at most so many, with how many have; none for a page.
    pub fn top(&self, rows: usize) -> Vec<(Page, u64)> {
        self.lock().ranking.top(rows)
    }

    /// Waits until `differs` is true, which is asked now and after each change. Changes in between may pass unseen, the
    /// last one never does.
    pub async fn changed(&self, differs: impl Fn(&Self) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Listening begins before the look, so that no change falls between the two.
            changed.as_mut().enable();
            if differs(self) {
                return;
            }
            changed.await;
        }
    }

    fn enter(&self, visitor: Option<&Visitor>, limits: &Limits, totals: &Totals) -> Result<Who, NoRoom> {
        let whole = self.whole_site();
        // The site's lock is always the first of the two, so both are of one moment, and nobody waits in a circle.
        let mut site = whole.lock();
        site.check(self.page.is_some() && self.is_empty(), limits, totals)?;
        let who = site.tally.recognise(visitor);
        let before = site.tally.counts();
        site.add(who);
        totals.came(before, site.tally.counts());
        if let Some(OfSite { page, arrival, .. }) = &self.page {
            let now = self.tell(|page| page.add(who));
            site.ranking.change(*arrival, page, now - 1, now);
        }
        drop(site);
        whole.changed.notify_waiters();
        Ok(who)
    }

    fn leave(&self, who: Who, totals: &Totals) {
        let whole = self.whole_site();
        let mut site = whole.lock();
        let before = site.tally.counts();
        site.tally.remove(who);
        totals.went(before, site.tally.counts());
        if let Some(OfSite { page, arrival, .. }) = &self.page {
            let now = self.tell(|page| page.tally.remove(who));
            site.ranking.change(*arrival, page, now + 1, now);
        }
        drop(site);
        whole.changed.notify_waiters();
    }

    /// Changes a page's state, tells those who listen, and returns how many have the page open now.
    fn tell(&self, change: impl FnOnce(&mut State)) -> u64 {
        let mut state = self.lock();
        change(&mut state);
        let now = state.tally.counts().pages;
        drop(state);
        self.changed.notify_waiters();
        now
    }

    /// The site that this room is a page of, or is.
    fn whole_site(&self) -> &Self {
        self.page.as_ref().map_or(self, |page| &page.site)
    }

    fn is_empty(&self) -> bool {
        self.counts().pages == 0
    }

    /// A panic under the lock would be in the arithmetic alone, which has none.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether one more may come in: to a page that is new, or to a site that is.
    fn check(&self, new_page: bool, limits: &Limits, totals: &Totals) -> Result<(), NoRoom> {
        if new_page && self.ranking.len() >= limits.pages_per_site {
            return Err(NoRoom::Pages);
        }
        if self.tally.counts().pages > 0 {
            return Ok(());
        }
        totals.open_site(limits.sites)
    }

    fn add(&mut self, who: Who) {
        self.tally.add(who);
        let Counts { pages, visitors } = self.tally.counts();
        self.peak = Counts { pages: self.peak.pages.max(pages), visitors: self.peak.visitors.max(visitors) };
    }
}

impl Presence {
    /// The room it counts in.
    pub fn room(&self) -> &RoomRef {
        &self.room
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.room.leave(self.who, &self.totals);
    }
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sites => "too many sites",
            Self::Pages => "too many pages of one site",
        })
    }
}

impl std::error::Error for NoRoom {}
