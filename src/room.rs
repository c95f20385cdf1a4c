//! Rooms: those who share a count. A room exists while somebody is in it or looks at it.

use std::fmt;
use std::time::Instant;

use tokio::sync::Notify;

pub use name::{RoomName, RoomNameError, Site, SiteError};
pub use page::{Page, PageError, PageQuery};
pub use readers::{NoName, NoPosition, Position, Reader, ReaderId, ReaderName, Reading};
pub use tally::{Counting, Counts};
pub use visitor::{Keys, Visitor};

use crate::registry::{Held, Registry};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};
use ranking::{Ranking, Row};
use reached::{Early, Reached};
use readers::Readers;
use tally::{Tally, Who};
use totals::Totals;

#[cfg(all(test, feature = "shuttle"))]
mod interleavings;
mod known;
pub(crate) mod name;
mod page;
mod ranking;
mod reached;
mod readers;
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
    early: Early,
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
///
/// In this order, for a join's sake: what it touches lies together.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Room {
    /// Of a page: the room of its whole site.
    site: Option<RoomRef>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    tally: Tally,
    peak: Counts,
    /// Of a page that is open: its place in the site's ranking.
    row: Option<Row>,
    /// Of a whole site with open pages. Rooms are many, and most are pages: so it has memory of its own.
    ranking: Option<Box<Ranking>>,
    /// Only while somebody says where they are.
    readers: Option<Box<Readers>>,
    /// Only while it is known of somebody how far they have come.
    reached: Option<Box<Reached>>,
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
        Self { rooms: Registry::new(), limits, totals: Arc::default(), early: Early::default() }
    }

    /// Joins the room of that name, which comes into being with its first visitor. One who isn't to be told apart
    /// (`None`) counts as a visitor of their own.
    ///
    /// # Errors
    /// [`NoRoom`], if it would be one room too many.
    pub fn join(&self, name: &RoomName, visitor: Option<&Visitor>) -> Result<Presence, NoRoom> {
        let room = self.open(name);
        let who = Room::enter(&room, visitor, &self.limits, &self.totals)?;
        if let Some(visitor) = visitor {
            for position in self.early.take(name, visitor, Instant::now) {
                room.reach(visitor, position);
            }
        }
        Ok(Presence { room, who, totals: Arc::clone(&self.totals) })
    }

    /// Holds a room without being counted in it.
    pub fn open(&self, name: &RoomName) -> RoomRef {
        self.find(name).unwrap_or_else(|| match name.whole_site() {
            None => self.rooms.open(name, || (name.clone(), Room::default())),
            Some(whole) => self.open_page(name, self.open(&whole)),
        })
    }

    fn open_page(&self, name: &RoomName, site: RoomRef) -> RoomRef {
        // In the site's own spelling, so that its name is in memory once, not once a page.
        let make = || (name.within(site.key()), Room { site: Some(site), ..Room::default() });
        self.rooms.open(name, make)
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
        self.lock().ranking.as_ref().map_or_else(Vec::new, |ranking| ranking.top(rows))
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

    /// Waits until `differs` is true, which is asked now and after each change. Changes in between may pass unseen, the
    /// last one never does.
    pub fn changed(&self, differs: impl Fn(&Self) -> bool) -> impl Future<Output = ()> {
        // A block, for a function would keep its arguments twice, and every feed waits here.
        async move {
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
    }

    fn change_readers(&self, change: impl FnOnce(&mut Readers)) {
        let mut state = self.lock();
        let readers = state.readers.get_or_insert_default();
        change(readers);
        if readers.is_empty() {
            state.readers = None;
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// False if that visitor isn't here.
    fn reach(&self, visitor: &Visitor, position: Position) -> bool {
        let mut state = self.lock();
        let Some(mark) = state.tally.mark_of(visitor) else { return false };
        state.reached.get_or_insert_default().note(mark, position);
        drop(state);
        self.changed.notify_waiters();
        true
    }

    /// Has all who wait for a change look again, for another reason.
    pub(crate) fn nudge(&self) {
        self.changed.notify_waiters();
    }

    fn enter(
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

    /// Lets others look at what has changed, and those who listen know of it.
    fn tell(&self, whole: &Self, (page, site): (Option<MutexGuard<'_, State>>, MutexGuard<'_, State>)) {
        let is_page = page.is_some();
        drop((page, site));
        whole.changed.notify_waiters();
        if is_page {
            self.changed.notify_waiters();
        }
    }

    /// A page's own state; its site's has to be locked first. A whole site has no other.
    fn lock_page(&self) -> Option<MutexGuard<'_, State>> {
        self.site.as_ref().map(|_| self.lock())
    }

    /// The site that this room is a page of, or is.
    fn whole_site(&self) -> &Self {
        self.site.as_deref().map_or(self, |site| site)
    }

    /// A panic under the lock would be in the arithmetic alone, which has none.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether one more may come to `page`, which may be one too many, as the site may.
    fn check(&self, page: Option<&Self>, limits: &Limits, totals: &Totals) -> Result<(), NoRoom> {
        let is_new = page.is_some_and(|page| page.tally.pages() == 0);
        if is_new && self.ranking.as_ref().map_or(0, |ranking| ranking.len()) >= limits.pages_per_site {
            return Err(NoRoom::Pages);
        }
        if self.tally.pages() > 0 {
            return Ok(());
        }
        totals.open_site(limits.sites)
    }

    /// Puts a page of this site, which was open `before` times, where it belongs now.
    fn rank(&mut self, page: &mut Self, name: &Page, before: u32) {
        let ranking = self.ranking.get_or_insert_default();
        ranking.change(&mut page.row, name, (before, page.tally.pages()));
    }

    fn add(&mut self, who: Who) {
        self.tally.add(who);
        let Counts { pages, visitors } = self.tally.counts();
        self.peak = Counts { pages: self.peak.pages.max(pages), visitors: self.peak.visitors.max(visitors) };
    }

    fn turn(&mut self, who: Who, into: impl FnOnce(&Tally) -> Who) -> Who {
        self.tally.remove(who);
        let other = into(&self.tally);
        self.add(other);
        self.forget_if_gone(who);
        other
    }

    fn remove(&mut self, who: Who) {
        self.tally.remove(who);
        self.forget_if_gone(who);
    }

    /// How far a visitor has come goes with their last page.
    fn forget_if_gone(&mut self, who: Who) {
        if let (Some(reached), Who::Known(mark)) = (&mut self.reached, who)
            && !self.tally.knows(&mark)
        {
            reached.forget(&mark);
            if reached.is_empty() {
                self.reached = None;
            }
        }
    }
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

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sites => "too many sites",
            Self::Pages => "too many pages of one site",
        })
    }
}

impl std::error::Error for NoRoom {}
