//! Rooms: those who share a count. A room exists while somebody is in it or looks at it.

use std::hash::Hash;
use std::time::Instant;

pub use guard::CountGuard;
pub use limits::{LimitReached, Limits};
pub use name::{RoomName, RoomNameError, Site, SiteError, canonical_host, split_port};
pub use observers::{EntryObserver, Observer};
pub use page::{Page, PageError, PageQuery};
pub use readers::{NameError, Position, PositionError, Reader, ReaderGuard, ReaderName, ViewerId};
pub use tally::{Counting, Counts};
pub use visitor::{Keys, Visitor};

use siphasher::sip128::Hasher128;

use crate::registry::{Id, Registry};
use crate::sync::{Arc, Mutex, MutexGuard, Weak};
use observers::Observers;
use pages::PageId;
use positions::EarlyMarks;
use readers::Readers;
use site::{SiteCounts, SiteRef};
use state::RoomState;
use totals::Totals;

mod guard;
#[cfg(all(test, feature = "shuttle"))]
mod interleavings;
mod limits;
mod name;
mod observers;
mod page;
mod pages;
mod positions;
mod ranking;
mod readers;
pub mod registry;
mod site;
mod state;
#[doc(hidden)]
pub mod sync;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod totals;
mod visitor;
mod visitor_counts;

/// A room that somebody looks at; the last to go takes it along.
pub type RoomRef = Arc<Room>;

/// All rooms that exist.
#[derive(Debug)]
pub struct Rooms {
    sites: Arc<Registry<Site, SiteCounts>>,
    limits: Limits,
    totals: Arc<Totals>,
    early: EarlyMarks,
}

/// A page or a whole site that is looked at: its counts, and a way to hear of their changes.
///
/// Who is only counted needs none of it: the counts are their site's.
#[derive(Debug)]
pub struct Room {
    site: SiteRef,
    page: Option<(PageId, Page)>,
    observers: Mutex<Observers>,
}

impl Rooms {
    /// No rooms yet.
    pub fn new(limits: Limits) -> Self {
        Self { sites: Registry::new(), limits, totals: Arc::default(), early: EarlyMarks::default() }
    }

    /// Joins the room of that name, which comes into being with its first visitor. One who isn't to be told apart
    /// (`None`) counts as a visitor of their own.
    ///
    /// # Errors
    /// [`LimitReached`], if it would be one room too many.
    pub fn join(&self, name: &RoomName, visitor: Option<&Visitor>) -> Result<CountGuard, LimitReached> {
        let (id, page) = self.ids(name);
        let site = self.open_site(id, name);
        let presence = CountGuard::new(site, page.zip(name.as_page()), visitor, &self.limits)?;
        if let Some(visitor) = visitor {
            for position in self.early.take(name, visitor, Instant::now) {
                presence.reach(visitor, position);
            }
        }
        Ok(presence)
    }

    /// Holds a room without being counted in it.
    pub fn open(&self, name: &RoomName) -> RoomRef {
        let (id, page) = self.ids(name);
        let site = self.open_site(id, name);
        let mut counted = site.lock();
        Room::of(&site, page, counted.look_at(page), || name.as_page().cloned())
    }

    /// The room, if it exists: asking for it doesn't bring it into being.
    pub fn find(&self, name: &RoomName) -> Option<RoomRef> {
        let (id, page) = self.ids(name);
        let site = self.sites.find_by(id)?;
        let mut counted = site.lock();
        Some(Room::of(&site, page, counted.state_mut(page)?, || name.as_page().cloned()))
    }

    /// Notes that a visitor of that room has come as far down its page as this. Who isn't there yet may come within ten
    /// seconds.
    pub fn reach(&self, name: &RoomName, visitor: &Visitor, position: Position) {
        let (id, page) = self.ids(name);
        let reach = || self.sites.find_by(id).is_some_and(|site| site.reach(page, visitor, position));
        if !reach() {
            self.early.keep(name, visitor, position, Instant::now());
            // They may have come in between.
            reach();
        }
    }

    /// How many are in all rooms together; a visitor of two sites is two.
    pub fn totals(&self) -> Counts {
        self.totals.counts()
    }

    /// How many rooms exist: pages, and the sites that they are of.
    pub fn len(&self) -> usize {
        self.sites.entries().iter().map(|site| 1 + site.lock().pages.len()).sum()
    }

    /// Whether nobody is here at all.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    fn open_site(&self, id: Id, name: &RoomName) -> SiteRef {
        self.sites.open_by(id, || (name.of_site().clone(), SiteCounts::new(Arc::clone(&self.totals))))
    }

    /// By what its site and its page are known.
    fn ids(&self, name: &RoomName) -> (Id, Option<PageId>) {
        let mut hasher = self.sites.hasher();
        name.of_site().hash(&mut hasher);
        let site = Id::new(&hasher);
        let page = name.as_page().map(|page| {
            page.hash(&mut hasher);
            PageId::new(hasher.finish128().as_u128())
        });
        (site, page)
    }
}

impl Room {
    /// The room of a page, or of a whole site, whose state that is. All who look at it share one.
    fn of(
        site: &SiteRef,
        page: Option<PageId>,
        state: &mut RoomState,
        name: impl FnOnce() -> Option<Page>,
    ) -> RoomRef {
        state.room.upgrade().unwrap_or_else(|| {
            let page = page.zip(name());
            let room = Arc::new(Self { site: Arc::clone(site), page, observers: Mutex::default() });
            state.room = Arc::downgrade(&room);
            room
        })
    }

    /// The room that somebody is counted in.
    fn of_presence(site: &SiteRef, page: Option<PageId>) -> RoomRef {
        let mut counted = site.lock();
        let name = page.and_then(|id| counted.pages.name(id).cloned());
        Self::of(site, page, counted.look_at(page), || name)
    }

    /// What it is called.
    pub fn name(&self) -> RoomName {
        let site = self.site().clone();
        match &self.page {
            Some((_, page)) => RoomName::page(site, page.clone()),
            None => RoomName::site(site),
        }
    }

    /// The site that it is, or is in.
    pub fn site(&self) -> &Site {
        self.site.key()
    }

    /// How many are here now. Both numbers are of the same moment.
    pub fn counts(&self) -> Counts {
        self.look(|state| state.tally.counts())
    }

    /// The most that were here at once since somebody is here or looks, each number by itself.
    pub fn peak(&self) -> Counts {
        self.look(RoomState::peak)
    }

    /// The pages of a whole site that most have open, at most so many, with how many have; none for a page.
    pub fn top(&self, rows: usize) -> Vec<(Page, u64)> {
        if self.page.is_some() { Vec::new() } else { self.site.lock().pages.top(rows) }
    }

    /// Where the readers are of whom that is known, in no order.
    pub fn positions(&self) -> Vec<Position> {
        self.look(RoomState::positions)
    }

    /// Those readers, at most so many: who said it last comes first.
    pub fn readers(&self, most: usize) -> Vec<(ViewerId, Reader)> {
        self.look(|state| state.readers.as_ref().map(|readers| readers.newest(most)).unwrap_or_default())
    }

    /// One of them.
    pub fn reader(&self, id: ViewerId) -> Option<Reader> {
        self.look(|state| state.readers.as_ref()?.get(id).cloned())
    }

    /// From now on `observer` is told behind each change, for as long as somebody holds it. A change before this call isn't
    /// told.
    pub fn observe(&self, observer: Weak<dyn Observer>) {
        self.observers().add(observer);
    }

    /// Has all who watch look. The site's lock must be free.
    fn notify(&self) {
        self.observers().notify();
    }

    fn observers(&self) -> MutexGuard<'_, Observers> {
        self.observers.lock()
    }

    fn change_readers(&self, change: impl FnOnce(&mut Readers)) {
        self.site.change_state(self.id(), |state| {
            state.change_readers(change);
            true
        });
    }

    fn id(&self) -> Option<PageId> {
        self.page.as_ref().map(|(id, _)| *id)
    }

    fn look<R: Default>(&self, look: impl FnOnce(&RoomState) -> R) -> R {
        self.site.lock().state(self.id()).map(look).unwrap_or_default()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.site.close(self.id(), self);
    }
}
