//! The sums over all sites.

use crate::limits::LimitReached;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::tally::Counts;

/// Sums over all sites, changed with each of them.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    sites: AtomicUsize,
    /// Packed, so that both numbers are of one moment and a join changes them in one step.
    counts: AtomicU64,
    /// The counts of the others, packed likewise.
    others: AtomicU64,
}

/// Tabs in the lower half and visitors in the upper. Neither comes near 2^32 here: each tab is a connection.
fn pack(counts: Counts) -> u64 {
    counts.visitors << 32 | counts.tabs
}

fn unpack(counts: u64) -> Counts {
    Counts { tabs: u64::from(counts as u32), visitors: counts >> 32 }
}

impl Totals {
    pub(crate) fn counts(&self) -> Counts {
        unpack(self.counts.load(Ordering::Relaxed))
    }

    /// The counts of the others on all sites together.
    pub(crate) fn others(&self) -> Counts {
        unpack(self.others.load(Ordering::Relaxed))
    }

    /// Others count so many, from now on. More than 2^32 - 1 of either are taken for as many.
    pub(crate) fn report(&self, others: Counts) {
        let most = u64::from(u32::MAX);
        let others = Counts { tabs: others.tabs.min(most), visitors: others.visitors.min(most) };
        self.others.store(pack(others), Ordering::Relaxed);
    }

    /// How many sites have a tab open.
    pub(crate) fn sites(&self) -> usize {
        self.sites.load(Ordering::Relaxed)
    }

    /// Takes up the place of a site that is about to have its first tab.
    ///
    /// # Errors
    /// [`LimitReached::Sites`], if there are `most` sites.
    pub(crate) fn open_site(&self, most: usize) -> Result<(), LimitReached> {
        let one_more = |sites: usize| (sites < most).then_some(sites + 1);
        let opened = self.sites.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        opened.map(|_| ()).map_err(|_| LimitReached::Sites)
    }

    /// The same, whatever limit there is.
    pub(crate) fn reopen_site(&self) {
        self.sites.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts of a site have changed. With its last tab it gives its place back.
    pub(crate) fn change(&self, before: Counts, now: Counts) {
        // A decrease wraps, and so does the sum, which is as exact in both halves as if it didn't.
        self.counts.fetch_add(pack(now).wrapping_sub(pack(before)), Ordering::Relaxed);
        if now.tabs == 0 {
            self.sites.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
