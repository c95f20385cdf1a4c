//! The visitors of one room that are identified, and how many tabs each has open.

use hashbrown::HashTable;

use crate::others::VisitorKey;
use crate::shrink;
use crate::visitor::VisitorHash;

/// Each identified visitor, with the number of their tabs. Most rooms have one visitor, which needs no table: that saves
/// a seventh of a room.
#[derive(Debug, Default)]
pub(crate) struct VisitorCounts {
    one: Option<VisitorTabs>,
    others: HashTable<VisitorTabs>,
}

#[derive(Debug)]
struct VisitorTabs {
    visitor: VisitorHash,
    tabs: u32,
}

impl VisitorTabs {
    fn hash(&self) -> u64 {
        self.visitor.half()
    }
}

impl VisitorCounts {
    /// How many visitors there are.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.one.is_some()) + self.others.len()
    }

    pub(crate) fn contains(&self, visitor: VisitorHash) -> bool {
        let is_this = |other: &VisitorTabs| other.visitor == visitor;
        self.one.as_ref().is_some_and(is_this) || self.others.find(visitor.half(), is_this).is_some()
    }

    /// The first halves of their hashes.
    pub(crate) fn keys(&self) -> impl Iterator<Item = VisitorKey> {
        self.one.iter().chain(self.others.iter()).map(VisitorTabs::hash)
    }

    /// Whether a visitor is here whose hash begins so.
    pub(crate) fn knows(&self, key: VisitorKey) -> bool {
        let is_this = |other: &VisitorTabs| other.hash() == key;
        self.one.as_ref().is_some_and(is_this) || self.others.find(key, is_this).is_some()
    }

    /// Adds a tab of this visitor. True if they weren't here.
    pub(crate) fn add(&mut self, visitor: VisitorHash) -> bool {
        if let Some(counted) = self.find(visitor) {
            counted.tabs += 1;
            return false;
        }
        let counted = VisitorTabs { visitor, tabs: 1 };
        match self.one {
            None => self.one = Some(counted),
            Some(_) => drop(self.others.insert_unique(visitor.half(), counted, VisitorTabs::hash)),
        }
        true
    }

    /// Removes a tab. A visitor goes with the last, and then it is true.
    pub(crate) fn remove(&mut self, visitor: VisitorHash) -> bool {
        let Some(counted) = self.find(visitor) else { return false };
        counted.tabs -= 1;
        if counted.tabs > 0 {
            return false;
        }
        let is_this = |other: &VisitorTabs| other.visitor == visitor;
        if self.one.take_if(|one| is_this(one)).is_none() {
            shrink::remove(&mut self.others, visitor.half(), is_this, VisitorTabs::hash);
        }
        true
    }

    fn find(&mut self, visitor: VisitorHash) -> Option<&mut VisitorTabs> {
        match &mut self.one {
            Some(one) if one.visitor == visitor => Some(one),
            _ => self.others.find_mut(visitor.half(), |other| other.visitor == visitor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn visitor(number: u8) -> VisitorHash {
        let mut hash = [0; 16];
        // Half of them have the same first half.
        hash[usize::from(number % 2) * 8] = number;
        VisitorHash(hash)
    }

    proptest! {
        #[test]
        fn it_counts_as_a_plain_map_does(steps in prop::collection::vec((any::<bool>(), 0..5_u8), 0..100)) {
            let mut counts = VisitorCounts::default();
            let mut plain: HashMap<u8, u32> = HashMap::new();
            for (joins, number) in steps {
                if joins {
                    counts.add(visitor(number));
                    *plain.entry(number).or_default() += 1;
                } else if let Some(tabs) = plain.get_mut(&number) {
                    counts.remove(visitor(number));
                    *tabs -= 1;
                }
                plain.retain(|_, tabs| *tabs > 0);
                prop_assert_eq!(counts.len(), plain.len());
                for number in 0..5 {
                    prop_assert_eq!(counts.contains(visitor(number)), plain.contains_key(&number));
                }
            }
        }
    }
}
