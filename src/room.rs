//! Rooms: those who share a count. A room exists while somebody is in it or looks at it.

use std::time::Instant;

pub use limits::{Limits, NoRoom};
pub use name::{RoomName, RoomNameError, Site, SiteError};
pub use page::{Page, PageError, PageQuery};
pub use presence::Presence;
pub use readers::{NoName, NoPosition, Position, Reader, ReaderId, ReaderName, Reading};
pub use tally::{Counting, Counts};
pub use visitor::{Keys, Visitor};

use crate::registry::{Held, Id, Registry};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};
use presence::Place;
use reached::Early;
use readers::Readers;
use state::State;
use totals::Totals;
use watchers::Watchers;

#[cfg(all(test, feature = "shuttle"))]
mod interleavings;
mod known;
mod limits;
pub(crate) mod name;
mod page;
mod presence;
mod ranking;
mod reached;
mod readers;
mod state;
mod tally;
#[cfg(test)]
mod tests;
mod totals;
mod visitor;
mod watchers;

/// A room that somebody holds; the last holder to go takes it along.
pub type RoomRef = Arc<Held<RoomName, Room>>;

/// All rooms that exist.
#[derive(Debug)]
pub struct Rooms {
    rooms: Arc<Registry<RoomName, Room>>,
    limits: Limits,
    totals: Arc<Totals>,
    early: Early,
}

/// Counts, and a way to hear of their changes.
///
/// In this order, for a join's sake: what it touches lies together.
#[derive(Debug)]
#[repr(C)]
pub struct Room {
    totals: Arc<Totals>,
    state: Mutex<State>,
    watchers: Mutex<Watchers>,
}

impl Rooms {
    /// No rooms yet.
    pub fn new(limits: Limits) -> Self {
        Self { rooms: Registry::new(), limits, totals: Arc::default(), early: Early::default() }
    }

    /// Joins the room of that name, which comes into being with its first visitor. One who isn't to be told apart
    /// (`None`) counts as a visitor of their own.
    ///
    /// # Errors
    /// [`NoRoom`], if it would be one room too many.
    pub fn join(&self, name: &RoomName, visitor: Option<&Visitor>) -> Result<Presence, NoRoom> {
        let (site, page) = self.rooms.ids(name.of_site(), name.as_page());
        let site = self.open_site(site, name);
        // Both are seldom in the processor's cache: the site's place for the visitor is fetched while the page is found.
        visitor.inspect(|visitor| site.expect(visitor));
        let room = page.map_or_else(|| Arc::clone(&site), |page| self.open_page(page, name, &site));
        let presence = Presence::new(Place { room, site }, visitor, &self.limits)?;
        if let Some(visitor) = visitor {
            for position in self.early.take(name, visitor, Instant::now) {
                presence.room().reach(visitor, position);
            }
        }
        Ok(presence)
    }

    /// Holds a room without being counted in it.
    pub fn open(&self, name: &RoomName) -> RoomRef {
        let (site, page) = self.rooms.ids(name.of_site(), name.as_page());
        let site = self.open_site(site, name);
        page.map_or_else(|| Arc::clone(&site), |page| self.open_page(page, name, &site))
    }

    /// The room of the whole site.
    fn open_site(&self, id: Id, name: &RoomName) -> RoomRef {
        let make = || (RoomName::site(name.of_site().clone()), Room::new(Arc::clone(&self.totals)));
        self.rooms.open_by(id, make)
    }

    /// The room of a page, whose site's this is.
    fn open_page(&self, id: Id, name: &RoomName, site: &RoomRef) -> RoomRef {
        // In the site's own spelling, so that its name is in memory once, not once a page.
        self.rooms.open_by(id, || (name.within(site.key()), Room::new(Arc::clone(&self.totals))))
    }

    /// The room, if it exists: asking for it doesn't bring it into being.
    pub fn find(&self, name: &RoomName) -> Option<RoomRef> {
        self.rooms.find(name)
    }

    /// Notes that a visitor of that room has come as far down its page as this. Who isn't there yet may come within ten
    /// seconds.
    pub fn reach(&self, name: &RoomName, visitor: &Visitor, position: Position) {
        let reach = || self.find(name).is_some_and(|room| room.reach(visitor, position));
        if !reach() {
            self.early.keep(name, visitor, position, Instant::now());
            // They may have come in between.
            reach();
        }
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
    fn new(totals: Arc<Totals>) -> Self {
        Self { totals, state: Mutex::default(), watchers: Mutex::default() }
    }

    /// How many are here now. Both numbers are of the same moment.
    pub fn counts(&self) -> Counts {
        self.lock().tally.counts()
    }

    /// The most that were here at once since the room came into being, each number by itself.
    pub fn peak(&self) -> Counts {
        self.lock().peak()
    }

    /// The pages of a whole site that most have open, at most so many, with how many have; none for a page.
    pub fn top(&self, rows: usize) -> Vec<(Page, u64)> {
        self.lock().ranking.as_mut().map_or_else(Vec::new, |ranking| ranking.top(rows))
    }

    /// Where the readers are of whom that is known, in no order.
    pub fn positions(&self) -> Vec<Position> {
        let state = self.lock();
        let mut positions = state.readers.as_ref().map(|readers| readers.positions()).unwrap_or_default();
        positions.extend(state.reached.iter().flat_map(|reached| reached.positions()));
        positions
    }

    /// Those readers, at most so many: who said it last comes first.
    pub fn readers(&self, most: usize) -> Vec<(ReaderId, Reader)> {
        self.lock().readers.as_ref().map(|readers| readers.newest(most)).unwrap_or_default()
    }

    /// One of them.
    pub fn reader(&self, id: ReaderId) -> Option<Reader> {
        self.lock().readers.as_ref()?.get(id).cloned()
    }

    /// From now on `watcher` is called behind each change, by whoever made it, for as long as it answers true. It has to be
    /// quick, and may look at the room. A change before this call isn't told.
    pub fn watch(&self, watcher: impl Fn() -> bool + Send + Sync + 'static) {
        self.watchers().add(Box::new(watcher));
        self.lock().watched = true;
    }

    /// Has all who watch look. The room's own lock must be free.
    fn stir(&self) {
        self.watchers().stir();
    }

    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_readers(&self, change: impl FnOnce(&mut Readers)) {
        let mut state = self.lock();
        let readers = state.readers.get_or_insert_default();
        change(readers);
        if readers.is_empty() {
            state.readers = None;
        }
        self.release(state);
    }

    /// False if that visitor isn't here.
    fn reach(&self, visitor: &Visitor, position: Position) -> bool {
        let mut state = self.lock();
        let Some(mark) = state.tally.mark_of(visitor) else { return false };
        state.reached.get_or_insert_default().note(mark, position);
        self.release(state);
        true
    }

    /// That visitor is about to come.
    fn expect(&self, visitor: &Visitor) {
        self.lock().tally.expect(visitor);
    }

    /// Lets others look at what has changed, and those who watch know of it.
    fn release(&self, state: MutexGuard<'_, State>) {
        let watched = state.watched;
        drop(state);
        if watched {
            self.stir();
        }
    }

    /// A panic under the lock would be in the arithmetic alone, which has none.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
