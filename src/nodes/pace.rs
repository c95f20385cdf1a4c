//! How many rooms' changes are published at once, and how soon again: as much as the store and the network keep up with.
//!
//! An answer comes over the same connection as the hints, and after those that are on their way. So the time until it is there says how
//! far behind Redis is, or this node. If nodes published more than that, hints would pile up in Redis until it closes the
//! connection, and leases would be seen too late.

use std::time::Duration;

/// The least time between two batches of changes.
const GAP: Duration = Duration::from_millis(100);

/// The same, where the store is on this machine.
const SHORT_GAP: Duration = Duration::from_millis(10);

/// How soon a batch should be answered.
const SOON: Duration = Duration::from_millis(200);

/// The longest time without a batch after an answer.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// How many rooms one batch has at most, and how few if even that takes long.
const MOST: usize = 5_000;
const LEAST: usize = 16;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    most: usize,
    gap: Duration,
    /// Whether the store is on this machine: it says nothing of a network that would have to rest.
    is_local: bool,
}

impl Pace {
    /// That of a store which many nodes share, over a network.
    pub(super) const USUAL: Self = Self { most: MOST, gap: GAP, is_local: false };

    /// That of a store on this machine, which is told everything within a moment.
    pub(super) const LOCAL: Self = Self { most: MOST, gap: SHORT_GAP, is_local: true };

    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    /// How many rooms' changes the next batch has at most.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// The least time from the beginning of one batch to that of the next.
    pub(super) fn gap(&self) -> Duration {
        self.gap
    }

    /// A batch of so many rooms was answered after so long. A longer answer halves the next batch, another one doubles it, and the
    /// store has as much time without a batch as it took for the last.
    pub(super) fn answered(&mut self, rooms: usize, took: Duration) {
        if self.is_local {
            return;
        }
        self.gap = GAP.max(took + took.min(LONGEST_REST));
        self.most = if took > SOON { self.most.min(rooms) / 2 } else { self.most * 2 }.clamp(LEAST, MOST);
    }

    /// A batch of so many rooms failed: the next one is smaller, for it may have been too large to be answered in time.
    pub(super) fn failed(&mut self, rooms: usize) {
        self.most = (self.most.min(rooms) / 2).max(LEAST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn batches_shrink_while_answers_take_long_and_grow_again() {
        let mut pace = Pace::USUAL;
        pace.answered(3_000, millis(201));
        assert_eq!(pace.most(), 1_500);
        for _ in 0..10 {
            pace.answered(pace.most(), millis(5_000));
        }
        assert_eq!(pace.most(), LEAST);
        pace.failed(1);
        assert_eq!(pace.most(), LEAST);
        pace.answered(1, millis(200));
        assert_eq!(pace.most(), 2 * LEAST);
        for _ in 0..10 {
            pace.answered(1, millis(1));
        }
        assert_eq!(pace.most(), MOST);
    }

    #[test]
    fn a_store_on_this_machine_is_told_everything_soon() {
        let mut pace = Pace::LOCAL;
        pace.answered(MOST, millis(10_000));
        assert_eq!((pace.most(), pace.gap()), (MOST, SHORT_GAP));
    }

    #[test]
    fn the_store_rests_as_long_as_it_took_but_a_second_at_most() {
        let mut pace = Pace::USUAL;
        let gaps = [1, 50, 80, 1_000, 10_000].map(|took| {
            pace.answered(1, millis(took));
            pace.gap()
        });
        assert_eq!(gaps, [100, 100, 160, 2_000, 11_000].map(millis));
    }
}
