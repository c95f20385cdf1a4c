//! Which viewers are to get their frame once more: a cursor that goes round all of them once in an interval, evenly.

use std::ops::Range;
use std::time::{Duration, Instant};

/// Wake-ups closer together than this cost more than they smooth: at 10,000 viewers and 5 s, 20 ms took a quarter more
/// CPU, since each step finds a reader asleep and sends to few.
const SHORTEST_STEP: Duration = Duration::from_millis(100);

/// A cursor over numbered places; no timer per viewer.
#[derive(Debug)]
pub(super) struct Repaint {
    every: Duration,
    stepped: Instant,
    cursor: usize,
}

impl Repaint {
    pub(super) fn new(every: Duration, now: Instant) -> Self {
        Self { every, stepped: now, cursor: 0 }
    }

    /// How long the cursor may rest, if it goes over `places` of them.
    pub(super) fn rest(&self, places: usize, now: Instant) -> Option<Duration> {
        let step = (self.every / u32::try_from(places).ok().filter(|n| *n > 0)?).max(SHORTEST_STEP);
        Some((self.stepped + step).saturating_duration_since(now))
    }

    /// The places whose turn has come since the last step. A range that runs past the end goes on at 0; there are at
    /// most two ranges, and together they never hold a place twice.
    pub(super) fn step(&mut self, places: usize, now: Instant) -> [Range<usize>; 2] {
        let passed = now.saturating_duration_since(self.stepped).min(self.every);
        let due = (places as u128 * passed.as_nanos() / self.every.as_nanos().max(1)) as usize;
        if due == 0 {
            return [0..0, 0..0];
        }
        // Only as much time is used up as went into whole places; the rest counts for the next step.
        self.stepped = if passed == self.every {
            now
        } else {
            self.stepped + self.every.mul_f64(due as f64 / places as f64)
        };
        let start = if self.cursor < places { self.cursor } else { 0 };
        let end = start + due;
        self.cursor = if end >= places { end - places } else { end };
        [start..end.min(places), 0..end.saturating_sub(places)]
    }

    /// Begins anew: nobody was there to be repainted until `now`.
    pub(super) fn restart(&mut self, now: Instant) {
        self.stepped = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVERY: Duration = Duration::from_secs(5);

    #[test]
    fn a_lone_viewer_is_repainted_once_in_the_interval() {
        let start = Instant::now();
        let mut repaint = Repaint::new(EVERY, start);
        assert_eq!(repaint.rest(1, start), Some(EVERY));
        assert_eq!(repaint.step(1, start + EVERY / 2), [0..0, 0..0]);
        assert_eq!(repaint.step(1, start + EVERY), [0..1, 0..0]);
        assert_eq!(repaint.rest(0, start), None);
    }

    proptest! {
        #[test]
        fn in_any_interval_everyone_has_one_turn(places in 1..3_000_usize, steps in prop::collection::vec(1..400_u64, 50..200)) {
            let start = Instant::now();
            let mut repaint = Repaint::new(EVERY, start);
            let mut turns = vec![0_i64; places];
            let mut now = start;
            for ms in steps {
                now += Duration::from_millis(ms);
                for range in repaint.step(places, now) {
                    turns[range].iter_mut().for_each(|turns| *turns += 1);
                }
            }
            let rounds = ((now - start).as_nanos() / EVERY.as_nanos()) as i64;
            let (least, most) = (turns.iter().min().unwrap(), turns.iter().max().unwrap());
            prop_assert!(most - least <= 1 && (*least - rounds).abs() <= 1, "{least} to {most} in {rounds} rounds");
        }
    }
}
