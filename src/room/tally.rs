//! The numbers of one room: open pages, and the visitors behind them.

use std::collections::HashMap;

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

/// The counting itself.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pages: u64,
    apart: u64,
    /// How many pages each known visitor has open. A mark goes with its last page.
    known: HashMap<Mark, u32>,
}

impl Tally {
    pub(super) fn counts(&self) -> Counts {
        Counts { pages: self.pages, visitors: self.apart + self.known.len() as u64 }
    }

    /// As whom to count a visitor: under the mark they have here already, if that is of the day before.
    pub(super) fn recognise(&self, visitor: Option<&Visitor>) -> Who {
        let Some(visitor) = visitor else { return Who::Apart };
        match visitor.before {
            Some(before) if self.known.contains_key(&before) => Who::Known(before),
            _ => Who::Known(visitor.today),
        }
    }

    pub(super) fn add(&mut self, who: Who) {
        self.pages += 1;
        match who {
            Who::Apart => self.apart += 1,
            Who::Known(mark) => *self.known.entry(mark).or_default() += 1,
        }
    }

    pub(super) fn remove(&mut self, who: Who) {
        self.pages -= 1;
        let Who::Known(mark) = who else {
            self.apart -= 1;
            return;
        };
        if let Some(pages) = self.known.get_mut(&mark) {
            *pages -= 1;
            if *pages == 0 {
                self.known.remove(&mark);
                self.give_memory_back();
            }
        }
    }

    fn give_memory_back(&mut self) {
        if self.known.capacity() > 64 && self.known.len() < self.known.capacity() / 8 {
            self.known.shrink_to(self.known.len() * 2);
        }
    }
}
