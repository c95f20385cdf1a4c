//! The numbers of one room: open tabs, and the visitors behind them.

use super::visitor::{Visitor, VisitorHash};
use super::visitor_counts::VisitorCounts;

/// What there is to be counted, at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Open tabs.
    pub tabs: u64,
    /// Distinct visitors; one who doesn't want to be told apart is another with each page.
    pub visitors: u64,
}

/// Which of the two numbers is meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Counting {
    /// Open tabs.
    #[default]
    Tabs,
    /// Distinct visitors.
    Visitors,
}

impl Counts {
    /// That one of the two.
    pub fn of(&self, counting: Counting) -> u64 {
        match counting {
            Counting::Tabs => self.tabs,
            Counting::Visitors => self.visitors,
        }
    }
}

/// As whom a presence is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Identity {
    /// Under this mark, together with other pages of the same visitor.
    Known(VisitorHash),
    /// As a visitor of its own.
    Anonymous,
}

/// The counting itself. Each page is an open connection, of which no machine has 2^32.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Tally {
    tabs: u32,
    apart: u32,
    known: VisitorCounts,
}

impl Tally {
    /// Open tabs alone.
    pub(super) fn tabs(&self) -> u32 {
        self.tabs
    }

    /// Distinct visitors alone; each has a page open.
    pub(super) fn visitors(&self) -> u32 {
        self.apart + self.known.len() as u32
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { tabs: self.tabs.into(), visitors: self.visitors().into() }
    }

    /// As whom to count a visitor: under the mark they have here already, if that is of the day before.
    pub(super) fn identify(&self, visitor: Option<&Visitor>) -> Identity {
        let Some(visitor) = visitor else { return Identity::Anonymous };
        match visitor.before {
            Some(before) if self.known.contains(&before) => Identity::Known(before),
            _ => Identity::Known(visitor.today),
        }
    }

    /// That visitor is about to come: has the processor fetch the place where they will be noted.
    pub(super) fn expect(&self, visitor: &Visitor) {
        self.known.expect(&visitor.today);
    }

    /// Whether the visitor with that mark is here.
    pub(super) fn knows(&self, mark: &VisitorHash) -> bool {
        self.known.contains(mark)
    }

    /// The mark under which a visitor is here, if they are.
    pub(super) fn mark_of(&self, visitor: &Visitor) -> Option<VisitorHash> {
        let marks = [visitor.before, Some(visitor.today)];
        marks.into_iter().flatten().find(|mark| self.knows(mark))
    }

    pub(super) fn add(&mut self, who: Identity) {
        self.tabs += 1;
        match who {
            Identity::Anonymous => self.apart += 1,
            Identity::Known(mark) => self.known.add(mark),
        }
    }

    pub(super) fn remove(&mut self, who: Identity) {
        self.tabs -= 1;
        match who {
            Identity::Anonymous => self.apart -= 1,
            Identity::Known(mark) => self.known.remove(mark),
        }
    }
}
