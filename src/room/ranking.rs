//! The pages of a site in the order of how many have them open, kept as they change: O(log n) a change.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Page;

/// Where a page stands: most viewers first, then who was there first. Two numbers, so that finding a place among ten
/// thousand pages follows no pointers to their names.
type Place = (Reverse<u64>, u64);

/// Tells a site's pages apart, in the order in which they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Arrival(u64);

/// The pages that are open, in order.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    rows: BTreeMap<Place, Page>,
    arrivals: u64,
}

impl Ranking {
    /// The arrival of a page that nobody has open yet.
    pub(super) fn arrive(&mut self) -> Arrival {
        self.arrivals += 1;
        Arrival(self.arrivals)
    }

    /// `page`, which was open `before` times, is open `now` times.
    pub(super) fn change(&mut self, Arrival(arrival): Arrival, page: &Page, before: u64, now: u64) {
        let row = self.rows.remove(&(Reverse(before), arrival));
        if now > 0 {
            self.rows.insert((Reverse(now), arrival), row.unwrap_or_else(|| page.clone()));
        }
    }

    /// How many pages are open at all.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The first `rows` of them, with their counts.
    pub(super) fn top(&self, rows: usize) -> Vec<(Page, u64)> {
        self.rows.iter().take(rows).map(|((Reverse(count), _), page)| (page.clone(), *count)).collect()
    }
}
