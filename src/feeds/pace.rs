//! When a feed or a group may publish next.

use std::time::Duration;

use tokio::time::Instant;

/// The longest gap that a run of changes leads to, if the feed's own isn't longer: a number that moves twice a second is
/// live to the eye.
const MAX_GAP: Duration = Duration::from_millis(500);

/// The longest gap in a room whose updates cost next to nothing: nobody in it waits longer for a change.
const SMALL_ROOMS_GAP: Duration = Duration::from_millis(100);

/// The longest gap, as a multiple of what the last update took, between these two: 100 ms for 1 ms, 500 ms from 5 ms on.
const GAP: u32 = 100;

/// Sending an update may take a fifth of a core: it is followed by a pause of four times the time it took.
pub(super) const PAUSE: u32 = 4;

/// At once after a quiet spell; otherwise after a gap that grows while changes keep coming and updates cost something, so
/// that N joins, however fast, are O(N) frames in all, and no room, however large, takes more than a fifth of a core.
pub(super) struct Pace {
    last: Instant,
    /// The gap after the next change, in milliseconds; zero before the second change of a run.
    gap: u32,
    /// The gap after which the change that waits is published.
    waiting: Option<Duration>,
}

impl Pace {
    /// A feed begins with a frame for its first viewer.
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, gap: 0, waiting: None }
    }

    /// When to publish a change that is there at `now`. The gap is at least `min_gap`, and sending the last update
    /// took `cost`.
    pub(super) fn due(&mut self, now: Instant, min_gap: Duration, cost: Duration) -> Instant {
        let rested = self.last + cost * PAUSE;
        let gap = match self.waiting {
            Some(gap) => gap,
            None => {
                let longest = (cost * GAP).clamp(SMALL_ROOMS_GAP, MAX_GAP);
                let gap = Duration::from_millis(self.gap.into()).min(longest).max(min_gap);
                if now >= (self.last + gap).max(rested) {
                    self.gap = 0;
                    return now;
                }
                self.gap = (gap * 2).min(longest).as_millis() as u32;
                *self.waiting.insert(gap)
            }
        };
        (self.last + gap).max(rested)
    }

    /// An update was published at `now`.
    pub(super) fn published(&mut self, now: Instant) {
        (self.last, self.waiting) = (now, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN_GAP: Duration = Duration::from_millis(100);
    const CHEAP: Duration = Duration::ZERO;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_change_after_a_quiet_spell_goes_out_at_once() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.due(start + ms(100), MIN_GAP, CHEAP), start + ms(100));
    }

    #[test]
    fn a_run_of_changes_goes_out_ever_slower_until_it_pauses() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut now = start;
        let mut gaps = Vec::new();
        for _ in 0..5 {
            let due = pace.due(now + ms(1), MIN_GAP, ms(5));
            gaps.push((due - now).as_millis());
            pace.published(due);
            now = due;
        }
        assert_eq!(gaps, [100, 200, 400, 500, 500]);
        now += MAX_GAP;
        assert_eq!(pace.due(now, MIN_GAP, CHEAP), now);
        pace.published(now);
        assert_eq!(pace.due(now, MIN_GAP, CHEAP), now + MIN_GAP);
    }

    #[test]
    fn no_change_of_a_small_room_waits_longer_than_100_ms() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut now = start;
        for cost in [CHEAP, ms(1), ms(30), ms(1)].into_iter().flat_map(|cost| [cost; 4]) {
            let due = pace.due(now + ms(1), MIN_GAP, cost);
            assert!(cost > ms(1) || due - now == ms(100), "{:?}", due - now);
            pace.published(due);
            now = due;
        }
    }

    #[test]
    fn an_expensive_frame_is_followed_by_four_times_its_cost() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.due(start + ms(500), MIN_GAP, ms(200)), start + ms(800));
    }
}
