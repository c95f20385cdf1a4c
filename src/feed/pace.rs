//! When a feed may publish next.

use std::time::Duration;

use tokio::time::Instant;

/// The most that a run of changes stretches the gap between two frames to, if it isn't longer to begin with: a number
/// that moves twice a second is live to the eye.
const LONGEST_GAP: Duration = Duration::from_millis(500);

/// A fan-out may take one part in five of a core: it is followed by four times the time it took.
const REST: u32 = 4;

/// At once after a quiet spell; otherwise after a gap that grows while changes keep coming, so that N joins, however
/// fast, are O(N) frames in all, and no room, however large, takes more than a fifth of a core.
#[derive(Debug)]
pub(crate) struct Pace {
    last: Instant,
    /// In milliseconds; nothing before the second change of a run.
    gap: u32,
}

impl Pace {
    /// A feed begins with a frame for its first viewer.
    pub(crate) fn new(now: Instant) -> Self {
        Self { last: now, gap: 0 }
    }

    /// When to publish a change seen at `now`, if the gap is to be no shorter than `shortest`, and the last frame has
    /// cost `cost`.
    pub(crate) fn turn(&mut self, now: Instant, shortest: Duration, cost: Duration) -> Instant {
        let rested = self.last + cost * REST;
        let gap = Duration::from_millis(self.gap.into()).max(shortest);
        let due = self.last + gap;
        if now >= due.max(rested) {
            self.gap = 0;
            return now;
        }
        self.gap = (gap * 2).min(LONGEST_GAP).as_millis() as u32;
        due.max(rested)
    }

    /// A frame went out at `now`.
    pub(crate) fn published(&mut self, now: Instant) {
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTEST: Duration = Duration::from_millis(100);
    const CHEAP: Duration = Duration::ZERO;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_change_after_a_quiet_spell_goes_out_at_once() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.turn(start + ms(100), SHORTEST, CHEAP), start + ms(100));
    }

    #[test]
    fn a_run_of_changes_goes_out_ever_slower_until_it_pauses() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut now = start;
        let mut gaps = Vec::new();
        for _ in 0..5 {
            let turn = pace.turn(now + ms(1), SHORTEST, CHEAP);
            gaps.push((turn - now).as_millis());
            pace.published(turn);
            now = turn;
        }
        assert_eq!(gaps, [100, 200, 400, 500, 500]);
        now += LONGEST_GAP;
        assert_eq!(pace.turn(now, SHORTEST, CHEAP), now);
        pace.published(now);
        assert_eq!(pace.turn(now, SHORTEST, CHEAP), now + SHORTEST);
    }

    #[test]
    fn an_expensive_frame_is_followed_by_four_times_its_cost() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.turn(start + ms(500), SHORTEST, ms(200)), start + ms(800));
    }
}
