//! The numbers of one room: open tabs, and their visitors.

use serde::{Deserialize, Serialize};

use crate::visitor::{Visitor, VisitorHash};
use crate::visitor_counts::VisitorCounts;

/// The counts of a room, at one moment.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Open tabs.
    pub tabs: u64,
    /// Distinct visitors; one that is not to be identified is another with each tab.
    pub visitors: u64,
}

/// Which of the two numbers is meant.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[serde(rename_all = "snake_case")]
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

/// As whose a tab is counted.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// This visitor's, together with their other tabs.
    Known(VisitorHash),
    /// A visitor's of its own.
    Anonymous,
}

/// The counting itself. Each tab is a connection, of which no machine has 2^32.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    tabs: u32,
    anonymous: u32,
    known: VisitorCounts,
}

impl Tally {
    pub(crate) fn tabs(&self) -> u32 {
        self.tabs
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts { tabs: self.tabs.into(), visitors: u64::from(self.anonymous) + self.known.len() as u64 }
    }

    /// The tabs of visitors who are not to be identified.
    pub(crate) fn anonymous(&self) -> u32 {
        self.anonymous
    }

    /// The visitors who are.
    pub(crate) fn known(&self) -> &VisitorCounts {
        &self.known
    }

    /// Whether the visitor with that hash is here.
    pub(crate) fn contains(&self, visitor: VisitorHash) -> bool {
        self.known.contains(visitor)
    }

    /// The hash by which a visitor is counted here, if they are.
    pub(crate) fn find(&self, visitor: &Visitor) -> Option<VisitorHash> {
        let hashes = [visitor.yesterday, Some(visitor.today)];
        hashes.into_iter().flatten().find(|hash| self.contains(*hash))
    }

    /// Adds a tab. Returns the visitor if they weren't here.
    pub(crate) fn add(&mut self, identity: Identity) -> Option<VisitorHash> {
        self.tabs += 1;
        match identity {
            Identity::Anonymous => self.anonymous += 1,
            Identity::Known(visitor) => return self.known.add(visitor).then_some(visitor),
        }
        None
    }

    /// Removes a tab. Returns the visitor if it was their last.
    pub(crate) fn remove(&mut self, identity: Identity) -> Option<VisitorHash> {
        self.tabs -= 1;
        match identity {
            Identity::Anonymous => self.anonymous -= 1,
            Identity::Known(visitor) => return self.known.remove(visitor).then_some(visitor),
        }
        None
    }
}
