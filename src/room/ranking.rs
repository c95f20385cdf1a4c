//! The pages of a site in the order of how many have them open, kept as they change: O(log n) a change.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::Page;

/// Most viewers first, then by name.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    rows: BTreeSet<(Reverse<u64>, Page)>,
}

impl Ranking {
    /// `page`, which was open `before` times, is open `now` times.
    pub(super) fn change(&mut self, page: &Page, before: u64, now: u64) {
        if before > 0 {
            self.rows.remove(&(Reverse(before), page.clone()));
        }
        if now > 0 {
            self.rows.insert((Reverse(now), page.clone()));
        }
    }

    /// How many pages are open at all.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The first `rows` of them, with their counts.
    pub(super) fn top(&self, rows: usize) -> Vec<(Page, u64)> {
        self.rows.iter().take(rows).map(|(Reverse(count), page)| (page.clone(), *count)).collect()
    }
}
