//! What a room knows, under its lock.

use super::limits::{Limits, NoRoom};
use super::page::Page;
use super::ranking::{Ranking, Row};
use super::reached::Reached;
use super::readers::Readers;
use super::tally::{Counts, Tally, Who};
use super::totals::Totals;

/// In this order: what a join and a leave touch lies together.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct State {
    pub(super) tally: Tally,
    peak: Peak,
    /// Of a page that is open: its place in the site's ranking.
    pub(super) row: Option<Row>,
    /// Whether somebody ever wanted to know of changes.
    pub(super) watched: bool,
    /// Of a whole site with open pages. Rooms are many, and most are pages: so it has memory of its own.
    pub(super) ranking: Option<Box<Ranking>>,
    /// Only while somebody says where they are.
    pub(super) readers: Option<Box<Readers>>,
    /// Only while it is known of somebody how far they have come.
    pub(super) reached: Option<Box<Reached>>,
}

/// The most that were here at once, each number by itself; as small as what it is the most of.
#[derive(Clone, Copy, Debug, Default)]
struct Peak {
    pages: u32,
    visitors: u32,
}

impl State {
    /// The most that were here at once, each number by itself.
    pub(super) fn peak(&self) -> Counts {
        Counts { pages: self.peak.pages.into(), visitors: self.peak.visitors.into() }
    }

    /// Whether one more may come to `page`, which may be one too many, as the site may.
    pub(super) fn check(&self, page: Option<&Self>, limits: &Limits, totals: &Totals) -> Result<(), NoRoom> {
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
    pub(super) fn rank(&mut self, page: &mut Self, name: impl FnOnce() -> Option<Page>, before: u32) {
        let ranking = self.ranking.get_or_insert_default();
        ranking.change(&mut page.row, name, (before, page.tally.pages()));
    }

    pub(super) fn add(&mut self, who: Who) {
        self.tally.add(who);
        let Peak { pages, visitors } = self.peak;
        self.peak =
            Peak { pages: pages.max(self.tally.pages()), visitors: visitors.max(self.tally.visitors()) };
    }

    pub(super) fn turn(&mut self, who: Who, into: impl FnOnce(&Tally) -> Who) -> Who {
        self.tally.remove(who);
        let other = into(&self.tally);
        self.add(other);
        self.forget_if_gone(who);
        other
    }

    pub(super) fn remove(&mut self, who: Who) {
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
