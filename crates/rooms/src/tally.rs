//! The numbers of one room: open pages, and the visitors behind them.

use super::known::Known;
use super::visitor::{Mark, Visitor};

/// What there is to be counted, at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Open pages.
    pub pages: u64,
    /// Distinct visitors; one who doesn't want to be told apart is another with each page.
    pub visitors: u64,
}

/// Which of the two numbers is meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Counting {
    /// Open pages.
    #[default]
    Pages,
    /// Distinct visitors.
    Visitors,
}

impl Counts {
    /// That one of the two.
    pub fn of(&self, counting: Counting) -> u64 {
        match counting {
            Counting::Pages => self.pages,
            Counting::Visitors => self.visitors,
        }
    }
}

/// As whom a presence is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Who {
    /// Under this mark, together with other pages of the same visitor.
    Known(Mark),
    /// As a visitor of its own.
    Apart,
}

/// The counting itself. Each page is an open connection, of which no machine has 2^32.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Tally {
    pages: u32,
    apart: u32,
    known: Known,
}

impl Tally {
    /// Open pages alone.
    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    /// Distinct visitors alone; each has a page open.
    pub(super) fn visitors(&self) -> u32 {
        self.apart + self.known.len() as u32
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { pages: self.pages.into(), visitors: self.visitors().into() }
    }

    /// As whom to count a visitor: under the mark they have here already, if that is of the day before.
    pub(super) fn recognise(&self, visitor: Option<&Visitor>) -> Who {
        let Some(visitor) = visitor else { return Who::Apart };
        match visitor.before {
            Some(before) if self.known.contains(&before) => Who::Known(before),
            _ => Who::Known(visitor.today),
        }
    }

    /// That visitor is about to come: has the processor fetch the place where they will be noted.
    pub(super) fn expect(&self, visitor: &Visitor) {
        self.known.expect(&visitor.today);
    }

    /// Whether the visitor with that mark is here.
    pub(super) fn knows(&self, mark: &Mark) -> bool {
        self.known.contains(mark)
    }

    /// The mark under which a visitor is here, if they are.
    pub(super) fn mark_of(&self, visitor: &Visitor) -> Option<Mark> {
        let marks = [visitor.before, Some(visitor.today)];
        marks.into_iter().flatten().find(|mark| self.knows(mark))
    }

    pub(super) fn add(&mut self, who: Who) {
        self.pages += 1;
        match who {
            Who::Apart => self.apart += 1,
            Who::Known(mark) => self.known.add(mark),
        }
    }

    pub(super) fn remove(&mut self, who: Who) {
        self.pages -= 1;
        match who {
            Who::Apart => self.apart -= 1,
            Who::Known(mark) => self.known.remove(mark),
        }
    }
}
