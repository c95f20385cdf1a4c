//! The pages of one site: each with its counts, and the order of how many tabs they have open.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::num::NonZeroU64;

use hashbrown::HashTable;
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::name::Page;
use crate::room::RoomRef;
use crate::shrink;
use crate::state::RoomState;

/// The keyed hash of a page, by which its site knows it. With 64 bits, a page that comes into being is taken for one of ten
/// thousand others of its site once in 2^50 times, and nobody who doesn't know this process's random key can look for two
/// with one hash.
///
/// Not zero, so that an `Option` of it takes no more: it is in the guard of each viewer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct PageHash(NonZeroU64);

/// The pages that somebody has open or looks at.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    table: HashTable<PageState>,
    /// How many of them have open tabs.
    open: usize,
    /// The pages with several open tabs, most tabs first. Nearly all pages of a large site have one, and need no order.
    shared: BTreeSet<(Reverse<u32>, PageHash)>,
}

#[derive(Debug)]
struct PageState {
    hash: PageHash,
    name: Page,
    room: RoomState,
}

impl PageHash {
    /// The hash of what `hasher` has been fed.
    pub(crate) fn new(hasher: &SipHasher13) -> Self {
        Self(NonZeroU64::new(hasher.finish128().h2).unwrap_or(NonZeroU64::MIN))
    }
}

impl PageState {
    fn hash(&self) -> u64 {
        self.hash.0.get()
    }

    /// Whether nobody has it open or looks at it, and others know so.
    fn is_idle(&self) -> bool {
        self.room.tally.tabs() == 0 && self.room.room.strong_count() == 0 && !self.room.is_untold()
    }
}

impl Pages {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn name(&self, hash: PageHash) -> Option<&Page> {
        self.page(hash).map(|page| &page.name)
    }

    /// All of them.
    pub(crate) fn hashes(&self) -> Vec<PageHash> {
        self.table.iter().map(|page| page.hash).collect()
    }

    /// How many of them somebody has open.
    pub(crate) fn open_pages(&self) -> usize {
        self.open
    }

    /// Whether somebody has that one open.
    pub(crate) fn is_open(&self, hash: PageHash) -> bool {
        self.find(hash).is_some_and(|room| room.tally.tabs() > 0)
    }

    pub(crate) fn find(&self, hash: PageHash) -> Option<&RoomState> {
        self.page(hash).map(|page| &page.room)
    }

    pub(crate) fn find_mut(&mut self, hash: PageHash) -> Option<&mut RoomState> {
        self.table.find_mut(hash.0.get(), |page| page.hash == hash).map(|page| &mut page.room)
    }

    /// The page of that name, which comes into being if there is none.
    pub(crate) fn open(&mut self, hash: PageHash, name: &Page) -> &mut RoomState {
        let entry = self.table.entry(hash.0.get(), |page| page.hash == hash, PageState::hash);
        let new = || PageState { hash, name: name.clone(), room: RoomState::default() };
        &mut entry.or_insert_with(new).into_mut().room
    }

    /// Changes the counts of a page, moves it to its new place in the ranking, and returns its room if somebody looks at it.
    pub(crate) fn change(&mut self, hash: PageHash, change: impl FnOnce(&mut RoomState)) -> Option<RoomRef> {
        let page = self.find_mut(hash)?;
        let before = page.tally.tabs();
        change(page);
        let (now, room) = (page.tally.tabs(), page.room.upgrade());
        self.rank(hash, before, now);
        if now == 0 {
            self.remove_if_idle(hash);
        }
        room
    }

    /// Counts a page that had `before` open tabs and has `now`, and moves it to its new place in the ranking.
    fn rank(&mut self, hash: PageHash, before: u32, now: u32) {
        self.open = self.open + usize::from(now > 0) - usize::from(before > 0);
        if before > 1 {
            self.shared.remove(&(Reverse(before), hash));
        }
        if now > 1 {
            self.shared.insert((Reverse(now), hash));
        }
    }

    /// Removes that page if nobody has it open or looks at it, and others know so.
    pub(crate) fn remove_if_idle(&mut self, hash: PageHash) {
        let is_idle = |page: &PageState| page.hash == hash && page.is_idle();
        shrink::remove(&mut self.table, hash.0.get(), is_idle, PageState::hash);
    }

    /// The pages with most open tabs, at most `rows`, and how many tabs each has.
    pub(crate) fn top(&self, rows: usize) -> Vec<(Page, u64)> {
        let shared = self.shared.iter().filter_map(|(_, hash)| self.page(*hash));
        let alone = self.table.iter().filter(|page| page.room.tally.tabs() == 1);
        let row = |page: &PageState| (page.name.clone(), page.room.tally.tabs().into());
        shared.chain(alone).take(rows).map(row).collect()
    }

    fn page(&self, hash: PageHash) -> Option<&PageState> {
        self.table.find(hash.0.get(), |page| page.hash == hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CountGuard;

    /// A table is up to half empty, and a guard is kept for each viewer.
    #[test]
    fn a_page_and_a_guard_are_small() {
        assert!(size_of::<PageState>() <= 128, "{}", size_of::<PageState>());
        assert!(size_of::<Option<CountGuard>>() <= 40, "{}", size_of::<Option<CountGuard>>());
    }
}
