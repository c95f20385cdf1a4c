//! The pages of a site in the order of how many have them open, kept as they change: O(log n) a change.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use slab::Slab;

use super::Page;

/// Where a page stands among those that several have open: most viewers first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place(u64);

/// By which number a page is known in its site's ranking, as long as it is open. Of pages that equally many have open
/// the lower number comes first: any order does that doesn't change by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Row(NonZeroU32);

impl Row {
    /// The row of the page at `key`. There is memory for fewer pages than a row has numbers.
    fn new(key: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(key as u32))
    }

    fn key(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The pages that are open, in order. Nearly all pages of a large site have one viewer; these need no sorting, and so
/// the tree is small, and coming to an empty page or leaving it touches little memory.
///
/// Changes are put in order a few hundred at a time, or when somebody looks: each alone would find the tree out of the
/// processor's cache, which took a fifth of a join among a million rooms.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    shared: BTreeSet<Place>,
    pages: Slab<Page>,
    /// What the tree doesn't have yet, oldest first.
    pending: Vec<Change>,
}

/// How many changes wait at most; of a site with few pages, as many as it has pages.
const MOST_PENDING: usize = 256;

/// A page that was open `before` times is now open `now` times.
#[derive(Debug)]
struct Change {
    row: Row,
    before: u32,
    now: u32,
}

impl Place {
    fn new(count: u32, Row(row): Row) -> Self {
        Self(u64::from(!count) << 32 | u64::from(row.get()))
    }

    fn count(self) -> u32 {
        !((self.0 >> 32) as u32)
    }

    fn key(self) -> usize {
        self.0 as u32 as usize - 1
    }
}

impl Ranking {
    /// A page that nobody had open, and somebody is about to.
    pub(super) fn add(&mut self, page: Page) -> Row {
        Row::new(self.pages.insert(page))
    }

    /// The page of this row was open `before` times and is now open `now` times; with the last it loses its row.
    pub(super) fn change(&mut self, row: Row, before: u32, now: u32) {
        if before > 1 || now > 1 {
            self.pending.push(Change { row, before, now });
        }
        if now == 0 {
            self.pages.remove(row.key());
        }
        if self.pending.len() >= self.pages.len().min(MOST_PENDING) {
            self.settle();
        }
    }

    /// Which page has that row.
    pub(super) fn page(&self, row: Row) -> Option<&Page> {
        self.pages.get(row.key())
    }

    fn settle(&mut self) {
        for Change { row, before, now } in self.pending.drain(..) {
            if before > 1 {
                self.shared.remove(&Place::new(before, row));
            }
            if now > 1 {
                self.shared.insert(Place::new(now, row));
            }
        }
    }

    /// How many pages are open at all.
    pub(super) fn len(&self) -> usize {
        self.pages.len()
    }

    /// The first `rows` of them, with their counts.
    pub(super) fn top(&mut self, rows: usize) -> Vec<(Page, u64)> {
        self.settle();
        let shared: Vec<Place> = self.shared.iter().take(rows).copied().collect();
        let alone = self.pages.iter().filter(|(key, _)| shared.iter().all(|place| place.key() != *key));
        let first = shared.iter().map(|place| (&self.pages[place.key()], u64::from(place.count())));
        first
            .chain(alone.map(|(_, page)| (page, 1)))
            .take(rows)
            .map(|(page, count)| (page.clone(), count))
            .collect()
    }
}
