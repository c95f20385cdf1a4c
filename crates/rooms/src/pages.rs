//! The pages of one site, each with its counts.
//!
//! They are many, and to whoever comes to one or goes nothing of it is in the processor's cache. So a page is no piece of
//! memory of its own that would have to be found first: it lies in its site's table.

use std::num::NonZeroU32;

use super::RoomRef;
use super::page::Page;
use super::ranking::{Ranking, Row};
use super::state::RoomState;
use crate::table::{Hashed, Table};

/// What a page is known by: 96 bits of a keyed hash. Two pages with the same are not to be expected (of a million, once in
/// 2^57 times), and nobody who doesn't know this process's random key can look for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PageId {
    place: [u32; 2],
    /// Not zero: so a place in the table that has no page needs no mark of its own.
    check: NonZeroU32,
}

/// Those that somebody has open or looks at.
#[derive(Debug, Default)]
pub(super) struct Pages {
    table: Table<Entry>,
    /// None while nobody has a page open. Sites are many, too, and many have no pages.
    ranking: Option<Box<Ranking>>,
}

/// In this order: what a join and a leave touch lies together.
#[derive(Debug)]
#[repr(C)]
struct Entry {
    id: PageId,
    /// Its place in the ranking, while somebody has it open.
    row: Option<Row>,
    state: RoomState,
}

impl PageId {
    pub(super) fn new(hash: u128) -> Self {
        let check = NonZeroU32::new((hash >> 64) as u32).unwrap_or(NonZeroU32::MIN);
        Self { place: [hash as u32, (hash >> 32) as u32], check }
    }

    fn hash(self) -> u64 {
        let [low, high] = self.place;
        u64::from(high) << 32 | u64::from(low)
    }
}

impl Hashed for Entry {
    fn hash(&self) -> u64 {
        self.id.hash()
    }
}

impl Entry {
    fn new(id: PageId) -> Self {
        Self { id, row: None, state: RoomState::default() }
    }

    /// Whether nobody has it open or looks at it.
    fn is_idle(&self) -> bool {
        self.state.tally.tabs() == 0 && self.state.room.strong_count() == 0
    }
}

impl Pages {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many of them somebody has open.
    pub(super) fn open_pages(&self) -> usize {
        self.ranking.as_ref().map_or(0, |ranking| ranking.len())
    }

    /// Whether somebody has that one open.
    pub(super) fn is_open(&self, id: PageId) -> bool {
        self.get(id).is_some_and(|state| state.tally.tabs() > 0)
    }

    /// That page is about to be looked for.
    pub(super) fn expect(&self, id: PageId) {
        self.table.expect(id.hash());
    }

    pub(super) fn get(&self, id: PageId) -> Option<&RoomState> {
        self.table.find(id.hash(), |entry| entry.id == id).map(|entry| &entry.state)
    }

    pub(super) fn get_mut(&mut self, id: PageId) -> Option<&mut RoomState> {
        self.table.find_mut(id.hash(), |entry| entry.id == id).map(|entry| &mut entry.state)
    }

    /// A page that somebody is going to look at.
    pub(super) fn look_at(&mut self, id: PageId) -> &mut RoomState {
        &mut entry(&mut self.table, id).state
    }

    /// Somebody is about to have that page open.
    pub(super) fn open(&mut self, id: PageId, name: &Page) {
        let Self { table, ranking } = self;
        let entry = entry(table, id);
        entry.row.get_or_insert_with(|| ranking.get_or_insert_default().add(name.clone()));
    }

    /// Changes the counts of a page, puts it where it belongs now, and returns the room that it is watched through.
    pub(super) fn change(&mut self, id: PageId, change: impl FnOnce(&mut RoomState)) -> Option<RoomRef> {
        let entry = self.table.find_mut(id.hash(), |entry| entry.id == id)?;
        let before = entry.state.tally.tabs();
        change(&mut entry.state);
        let now = entry.state.tally.tabs();
        let (room, is_idle) = (entry.state.room.upgrade(), entry.is_idle());
        let row = if now == 0 { entry.row.take() } else { entry.row };
        if let (Some(row), Some(ranking)) = (row, &mut self.ranking) {
            ranking.change(row, before, now);
            if ranking.len() == 0 {
                self.ranking = None;
            }
        }
        if is_idle {
            self.forget_if_idle(id);
        }
        room
    }

    /// Nobody looks at that page any more.
    pub(super) fn forget_if_idle(&mut self, id: PageId) {
        self.table.remove(id.hash(), |entry| entry.id == id && entry.is_idle());
    }

    /// The name of a page that somebody has open.
    pub(super) fn name(&self, id: PageId) -> Option<&Page> {
        let entry = self.table.find(id.hash(), |entry| entry.id == id)?;
        self.ranking.as_ref()?.page(entry.row?)
    }

    /// The pages that most have open, at most so many, with how many have.
    pub(super) fn top(&mut self, rows: usize) -> Vec<(Page, u64)> {
        self.ranking.as_mut().map_or_else(Vec::new, |ranking| ranking.top(rows))
    }
}

/// A page, which comes into being if there is none.
fn entry(table: &mut Table<Entry>, id: PageId) -> &mut Entry {
    table.find_or_insert(id.hash(), |entry| entry.id == id, || Entry::new(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CountGuard;

    /// A table is up to two thirds empty, and a presence is kept for each viewer.
    #[test]
    fn a_page_and_a_presence_are_small() {
        assert!(size_of::<Option<Entry>>() <= 104, "{}", size_of::<Option<Entry>>());
        assert!(size_of::<Option<CountGuard>>() <= 40, "{}", size_of::<Option<CountGuard>>());
    }
}
