//! The counts of others, as other nodes, in a room that somebody looks at here.
//!
//! A source gives absolute numbers of its own. It names its visitors by their hashes, so that one who is at two sources is one.
//! A source with very many visitors names a sample: those whose hashes begin with some number of zero bits, its level. Then
//! all are counted at the highest level, and the sum is multiplied (Wegman's adaptive sampling; Flajolet, "On adaptive
//! sampling", 1990). The count is exact while all levels are 0. Beyond that its standard error is at most 1/√(visitors in the
//! sample).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::presence::{Presence, PresentId};
use crate::tally::{Counts, Tally};

/// Whose numbers they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceId(pub u64);

/// The first half of the keyed hash by which a visitor is known.
pub type VisitorKey = u64;

/// The counts of one source in a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Open tabs.
    pub tabs: u64,
    /// The tabs among them whose visitors aren't identified: each is another visitor.
    pub anonymous: u64,
    /// It names the visitors whose key begins with so many zero bits.
    pub level: u8,
    /// The most that it has seen in the room, with all that it knew of the others.
    pub peak: Counts,
}

/// The visitors that a source names, and those who are present there.
#[derive(Clone, Copy, Debug)]
pub enum Reported<'k> {
    /// As before, with some changes.
    Change {
        /// Visitors who are added.
        come: &'k [VisitorKey],
        /// Visitors who are removed.
        gone: &'k [VisitorKey],
        /// Presences that have changed; none of one who has gone.
        present: &'k [(PresentId, Option<Presence>)],
    },
    /// Exactly these.
    All {
        /// The visitors.
        visitors: &'k [VisitorKey],
        /// Everybody who is present.
        present: &'k [(PresentId, Presence)],
    },
}

/// The counts of all other sources in one room.
#[derive(Debug, Default)]
pub(crate) struct Others {
    sources: Vec<Source>,
    /// The highest level of a source.
    level: u8,
    /// How many visitors of that level are here or at a source.
    distinct: u64,
    /// How often somebody has come, moved or gone at a source, from a number on that no others had before.
    presences: u64,
    /// Whether all sources have said what they count.
    is_complete: bool,
}

#[derive(Debug)]
struct Source {
    id: SourceId,
    report: Report,
    /// Sorted: it takes least memory, and a lookup in a few dozen of them takes a microsecond.
    visitors: Vec<VisitorKey>,
    present: HashMap<PresentId, Presence>,
}

impl Source {
    fn note(&mut self, id: PresentId, presence: Option<Presence>) {
        match presence {
            Some(presence) => self.present.insert(id, presence),
            None => self.present.remove(&id),
        };
    }

    fn names(&self, visitor: VisitorKey) -> bool {
        self.visitors.binary_search(&visitor).is_ok()
    }
}

/// Whether a key is in a sample of that level.
pub fn is_sampled(visitor: VisitorKey, level: u8) -> bool {
    visitor.leading_zeros() >= u32::from(level)
}

impl Others {
    /// None yet, in a room with these visitors.
    pub(crate) fn new(local: &Tally) -> Self {
        // They may have been forgotten, and be others now, while nobody has looked.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let presences = NEXT.fetch_add(1 << 24, Ordering::Relaxed);
        Self { distinct: local.known().len() as u64, presences, ..Self::default() }
    }

    /// The sum of everybody's counts.
    pub(crate) fn add_to(&self, local: &Tally) -> Counts {
        let sum = |of: fn(&Report) -> u64| {
            self.sources.iter().fold(0, |sum: u64, source| sum.saturating_add(of(&source.report)))
        };
        let Counts { tabs, visitors } = local.counts();
        let known = local.known().len() as u64;
        let anonymous = sum(|report| report.anonymous).saturating_add(visitors - known);
        let known = self.distinct.saturating_mul(1 << self.level.min(63)).max(known);
        Counts {
            tabs: sum(|report| report.tabs).saturating_add(tabs),
            visitors: anonymous.saturating_add(known),
        }
    }

    /// Whether a source names the visitor.
    pub(crate) fn contain(&self, visitor: VisitorKey) -> bool {
        self.sources.iter().any(|source| source.names(visitor))
    }

    /// A visitor is here who wasn't, or no longer.
    pub(crate) fn local_changed(&mut self, visitor: VisitorKey, is_here: bool) {
        if is_sampled(visitor, self.level) && !self.contain(visitor) {
            self.distinct = if is_here { self.distinct + 1 } else { self.distinct.saturating_sub(1) };
        }
    }

    /// Everybody who is present at a source.
    pub(crate) fn present(&self) -> impl Iterator<Item = (PresentId, &Presence)> {
        self.sources.iter().flat_map(|source| &source.present).map(|(id, presence)| (*id, presence))
    }

    /// One who is present at a source.
    pub(crate) fn presence(&self, id: PresentId) -> Option<&Presence> {
        self.sources.iter().find_map(|source| source.present.get(&id))
    }

    /// A number that changes whenever somebody comes, moves or goes at a source; 0 until all of them have been heard.
    pub(crate) fn presences(&self) -> u64 {
        if self.is_complete { self.presences } else { 0 }
    }

    /// All sources have said what they count.
    pub(crate) fn complete(&mut self) {
        self.is_complete = true;
    }

    /// A source says what it counts now.
    pub(crate) fn report(&mut self, id: SourceId, report: Report, reported: Reported<'_>, local: &Tally) {
        let at = self.sources.iter().position(|source| source.id == id).unwrap_or_else(|| {
            self.sources.push(Source { id, report, visitors: Vec::new(), present: HashMap::new() });
            self.sources.len() - 1
        });
        let source = &mut self.sources[at];
        source.report = report;
        match reported {
            Reported::Change { come, gone, present } => {
                self.presences += u64::from(!present.is_empty());
                present.iter().for_each(|(id, presence)| source.note(*id, presence.clone()));
                gone.iter().for_each(|visitor| self.remove(at, *visitor, local));
                come.iter().for_each(|visitor| self.insert(at, *visitor, local));
                self.change_level(local);
            }
            Reported::All { visitors, present } => {
                let present: HashMap<_, _> = present.iter().cloned().collect();
                self.presences += u64::from(present != source.present);
                source.present = present;
                source.visitors = visitors.to_vec();
                source.visitors.sort_unstable();
                source.visitors.dedup();
                self.recount(local);
            }
        }
    }

    /// A source counts nobody here any more.
    pub(crate) fn forget(&mut self, id: SourceId, local: &Tally) {
        let Some(at) = self.sources.iter().position(|source| source.id == id) else { return };
        let source = self.sources.swap_remove(at);
        self.presences += u64::from(!source.present.is_empty());
        self.recount(local);
    }

    fn insert(&mut self, at: usize, visitor: VisitorKey, local: &Tally) {
        let is_new = !self.contain(visitor) && !local.known().knows(visitor);
        if let Err(place) = self.sources[at].visitors.binary_search(&visitor) {
            self.sources[at].visitors.insert(place, visitor);
            self.distinct += u64::from(is_new && is_sampled(visitor, self.level));
        }
    }

    fn remove(&mut self, at: usize, visitor: VisitorKey, local: &Tally) {
        if let Ok(place) = self.sources[at].visitors.binary_search(&visitor) {
            self.sources[at].visitors.remove(place);
            let is_gone = !self.contain(visitor) && !local.known().knows(visitor);
            let is_counted = is_gone && is_sampled(visitor, self.level);
            self.distinct = self.distinct.saturating_sub(u64::from(is_counted));
        }
    }

    fn change_level(&mut self, local: &Tally) {
        if self.level != self.highest_level() {
            self.recount(local);
        }
    }

    fn highest_level(&self) -> u8 {
        self.sources.iter().map(|source| source.report.level).max().unwrap_or_default()
    }

    fn recount(&mut self, local: &Tally) {
        self.level = self.highest_level();
        let named = self.sources.iter().flat_map(|source| source.visitors.iter().copied());
        let mut all: Vec<_> = named.chain(local.known().keys()).collect();
        all.retain(|visitor| is_sampled(*visitor, self.level));
        all.sort_unstable();
        all.dedup();
        self.distinct = all.len() as u64;
    }
}
