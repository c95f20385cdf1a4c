//! The visitors of one room that may be told apart, and how many of its pages each has open.

use std::num::NonZeroU32;

use super::visitor::VisitorHash;
use crate::table::{Hashed, Table};

/// So many visitors need no memory of their own: of a hundred thousand rooms nearly all have one.
const FEW: usize = 2;

/// Each visitor here, with the number of their pages.
#[derive(Debug)]
pub(super) enum VisitorCounts {
    Few([Option<VisitorTabs>; FEW]),
    Many(Table<VisitorTabs>),
}

/// A visitor, and how many pages they have open; none is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct VisitorTabs {
    mark: VisitorHash,
    pages: NonZeroU32,
}

impl Hashed for VisitorTabs {
    fn hash(&self) -> u64 {
        hash(&self.mark)
    }
}

/// Marks are the output of a keyed hash already, and nobody outside can choose or guess one.
fn hash(mark: &VisitorHash) -> u64 {
    mark.first_chunk().map_or(0, |half| u64::from_le_bytes(*half))
}

impl Default for VisitorCounts {
    fn default() -> Self {
        Self::Few(Default::default())
    }
}

impl VisitorCounts {
    /// How many visitors they are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.iter().flatten().count(),
            Self::Many(many) => many.len(),
        }
    }

    /// That mark is about to be looked for.
    pub(super) fn expect(&self, mark: &VisitorHash) {
        if let Self::Many(many) = self {
            many.expect(hash(mark));
        }
    }

    pub(super) fn contains(&self, mark: &VisitorHash) -> bool {
        match self {
            Self::Few(few) => few.iter().flatten().any(|visits| visits.mark == *mark),
            Self::Many(many) => many.find(hash(mark), |visits| visits.mark == *mark).is_some(),
        }
    }

    /// One page more of this visitor's.
    pub(super) fn add(&mut self, mark: VisitorHash) {
        match self.find(&mark) {
            Some(visits) => visits.pages = visits.pages.saturating_add(1),
            None => self.insert(VisitorTabs { mark, pages: NonZeroU32::MIN }),
        }
    }

    /// One page less. A mark goes with its last page.
    pub(super) fn remove(&mut self, mark: VisitorHash) {
        let Some(visits) = self.find(&mark) else { return };
        match NonZeroU32::new(visits.pages.get() - 1) {
            Some(pages) => visits.pages = pages,
            None => self.forget(&mark),
        }
    }

    fn find(&mut self, mark: &VisitorHash) -> Option<&mut VisitorTabs> {
        match self {
            Self::Few(few) => few.iter_mut().flatten().find(|visits| visits.mark == *mark),
            Self::Many(many) => many.find_mut(hash(mark), |visits| visits.mark == *mark),
        }
    }

    fn insert(&mut self, newcomer: VisitorTabs) {
        match self {
            Self::Few(few) => match few.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = Some(newcomer),
                None => {
                    let mut many = Table::default();
                    few.iter().flatten().chain([&newcomer]).for_each(|visits| many.insert(*visits));
                    *self = Self::Many(many);
                }
            },
            Self::Many(many) => many.insert(newcomer),
        }
    }

    fn forget(&mut self, mark: &VisitorHash) {
        let is_this = |visits: &VisitorTabs| visits.mark == *mark;
        match self {
            Self::Few(few) => few
                .iter_mut()
                .filter(|place| place.as_ref().is_some_and(is_this))
                .for_each(|place| *place = None),
            Self::Many(many) => {
                many.remove(hash(mark), is_this);
                // At half of what a few may be, so that who comes and goes doesn't change it each time.
                if many.len() <= FEW / 2 {
                    let rest: Vec<VisitorTabs> = many.iter().copied().collect();
                    *self = Self::Few(std::array::from_fn(|place| rest.get(place).copied()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn mark(number: u8) -> VisitorHash {
        let mut mark = [0; 16];
        // Half of them have the same hash.
        mark[usize::from(number % 2) * 8] = number;
        mark
    }

    #[test]
    fn many_become_few_again() {
        let mut known = VisitorCounts::default();
        (1..=9).for_each(|number| known.add(mark(number)));
        assert!(matches!(known, VisitorCounts::Many(_)) && known.len() == 9);
        (1..=9).for_each(|number| known.remove(mark(number)));
        assert!(matches!(known, VisitorCounts::Few([None, None])));
    }

    proptest! {
        #[test]
        fn it_knows_what_a_plain_map_knows(steps in prop::collection::vec((any::<bool>(), 0..5_u8), 0..100)) {
            let mut known = VisitorCounts::default();
            let mut plain: HashMap<u8, u32> = HashMap::new();
            for (comes, number) in steps {
                if comes {
                    known.add(mark(number));
                    *plain.entry(number).or_default() += 1;
                } else if let Some(pages) = plain.get_mut(&number) {
                    known.remove(mark(number));
                    *pages -= 1;
                }
                plain.retain(|_, pages| *pages > 0);
                prop_assert_eq!(known.len(), plain.len());
                for number in 0..5 {
                    prop_assert_eq!(known.contains(&mark(number)), plain.contains_key(&number));
                }
            }
        }
    }
}
