//! What all sites of the server are together.

use super::{Counts, LimitReached};
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Sums over all sites, changed with each of them.
#[derive(Debug, Default)]
pub(super) struct Totals {
    sites: AtomicUsize,
    /// Tabs in the lower half and visitors in the upper, so that both are of one moment and a join changes them in one
    /// step. Neither comes near 2^32: each tab is a connection.
    counts: AtomicU64,
}

const TAB: u64 = 1;
const VISITOR: u64 = 1 << 32;

impl Totals {
    pub(super) fn counts(&self) -> Counts {
        let counts = self.counts.load(Ordering::Relaxed);
        Counts { tabs: counts % VISITOR, visitors: counts / VISITOR }
    }

    /// A site that nobody was in has somebody now, if there may be one more.
    pub(super) fn open_site(&self, most: usize) -> Result<(), LimitReached> {
        let one_more = |sites: usize| (sites < most).then_some(sites + 1);
        let opened = self.sites.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        opened.map(|_| ()).map_err(|_| LimitReached::Sites)
    }

    /// The counts of a site, which has somebody or had, have changed.
    pub(super) fn change(&self, before: Counts, now: Counts) {
        // What is less wraps, and so does the sum: it is as exact in both halves as if it didn't.
        let more = |now: u64, before: u64| now.wrapping_sub(before);
        let tabs = TAB.wrapping_mul(more(now.tabs, before.tabs));
        let visitors = VISITOR.wrapping_mul(more(now.visitors, before.visitors));
        self.counts.fetch_add(tabs.wrapping_add(visitors), Ordering::Relaxed);
        if now.tabs == 0 {
            self.sites.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
