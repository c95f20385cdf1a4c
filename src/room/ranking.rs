//! The pages of a site in the order of how many have them open, kept as they change: O(log n) a change.

use std::collections::BTreeSet;

use slab::Slab;

use super::Page;

/// Where a page stands among those that several have open: most viewers first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place(u64);

/// By which number a page is known in its site's ranking, as long as it is open. Of pages that equally many have open
/// the lower number comes first: any order does that doesn't change by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Row(u32);

/// The pages that are open, in order. Nearly all pages of a large site have one viewer; these need no sorting, and so
/// the tree is small, and coming to an empty page or leaving it touches little memory.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    shared: BTreeSet<Place>,
    pages: Slab<Page>,
}

impl Place {
    fn new(count: u32, Row(row): Row) -> Self {
        Self(u64::from(!count) << 32 | u64::from(row))
    }

    fn count(self) -> u32 {
        !((self.0 >> 32) as u32)
    }

    fn row(self) -> usize {
        self.0 as u32 as usize
    }
}

impl Ranking {
    /// A page of this row, if it had one, was open `before` times and is now open `now` times.
    pub(super) fn change(&mut self, row: &mut Option<Row>, page: &Page, (before, now): (u32, u32)) {
        // There is memory for fewer pages than a row has numbers.
        let own = *row.get_or_insert_with(|| Row(self.pages.insert(page.clone()) as u32));
        if before > 1 {
            self.shared.remove(&Place::new(before, own));
        }
        if now > 1 {
            self.shared.insert(Place::new(now, own));
        }
        if now == 0 {
            *row = None;
            self.pages.remove(own.0 as usize);
            self.give_memory_back();
        }
    }

    /// Somebody may go on looking at a site that has emptied.
    fn give_memory_back(&mut self) {
        if self.pages.is_empty() {
            self.pages = Slab::new();
        }
    }

    /// How many pages are open at all.
    pub(super) fn len(&self) -> usize {
        self.pages.len()
    }

    /// The first `rows` of them, with their counts.
    pub(super) fn top(&self, rows: usize) -> Vec<(Page, u64)> {
        let shared: Vec<Place> = self.shared.iter().take(rows).copied().collect();
        let alone = self.pages.iter().filter(|(row, _)| shared.iter().all(|place| place.row() != *row));
        let first = shared.iter().map(|place| (&self.pages[place.row()], u64::from(place.count())));
        first
            .chain(alone.map(|(_, page)| (page, 1)))
            .take(rows)
            .map(|(page, count)| (page.clone(), count))
            .collect()
    }
}
