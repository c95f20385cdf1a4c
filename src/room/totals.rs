//! What all sites of the server are together.

use super::{Counts, NoRoom};
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Sums over all sites, changed with each of them. Each number is exact; the two counts may be of moments a little apart.
#[derive(Debug, Default)]
pub(super) struct Totals {
    sites: AtomicUsize,
    pages: AtomicU64,
    visitors: AtomicU64,
}

impl Totals {
    pub(super) fn counts(&self) -> Counts {
        Counts { pages: self.pages.load(Ordering::Relaxed), visitors: self.visitors.load(Ordering::Relaxed) }
    }

    /// A site that nobody was in has somebody now, if there may be one more.
    pub(super) fn open_site(&self, most: usize) -> Result<(), NoRoom> {
        let one_more = |sites: usize| (sites < most).then_some(sites + 1);
        let opened = self.sites.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        opened.map(|_| ()).map_err(|_| NoRoom::Sites)
    }

    /// Somebody came to a site; its counts say what has changed.
    pub(super) fn came(&self, before: Counts, now: Counts) {
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.visitors.fetch_add(now.visitors - before.visitors, Ordering::Relaxed);
    }

    /// Somebody of a site is somebody else now.
    pub(super) fn turned(&self, before: Counts, now: Counts) {
        // Wraps below zero, as does the sum.
        self.visitors.fetch_add(now.visitors.wrapping_sub(before.visitors), Ordering::Relaxed);
    }

    /// Somebody went.
    pub(super) fn went(&self, before: Counts, now: Counts) {
        self.pages.fetch_sub(1, Ordering::Relaxed);
        self.visitors.fetch_sub(before.visitors - now.visitors, Ordering::Relaxed);
        if now.pages == 0 {
            self.sites.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
