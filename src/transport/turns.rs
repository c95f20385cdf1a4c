//! When each of many streams ends as the server stops: one after the other in a random order, so that their clients don't all come
//! back at one moment.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// From one end to the next, if there is time enough for all: 1,000 clients a second come back to the next server.
const STEP: Duration = Duration::from_millis(1);

/// The streams that are yet to end.
pub(super) struct Turns<T> {
    /// From the last to the first.
    waiting: Vec<T>,
    all: u32,
    began: Instant,
    /// From the first end to the last.
    spread: Duration,
}

impl<T> Turns<T> {
    /// Turns for all of `waiting`, the first one now. The last comes after three quarters of the time that there is: its client has to
    /// read what is sent.
    pub(super) fn new(mut waiting: Vec<T>, now: Instant, within: Duration) -> Self {
        shuffle(&mut waiting);
        let all = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
        Self { waiting, all, began: now, spread: (within * 3 / 4).min(STEP * all.saturating_sub(1)) }
    }

    /// The next one whose turn has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<T> {
        if self.next()? <= now { self.waiting.pop() } else { None }
    }

    /// When the next turn comes.
    pub(super) fn next(&self) -> Option<Instant> {
        let left = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        let before = (left > 0).then(|| self.all.saturating_sub(left))?;
        Some(self.began + self.spread.mul_f64(f64::from(before) / f64::from((self.all - 1).max(1))))
    }
}

/// Puts `all` into an order that nobody can foretell.
fn shuffle<T>(all: &mut [T]) {
    let random = RandomState::new();
    for last in (1..all.len()).rev() {
        all.swap(last, (random.hash_one(last) % (last as u64 + 1)) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The turns, with the time of each in milliseconds.
    fn times(all: u32, within: u64) -> Vec<(u128, u32)> {
        let now = Instant::now();
        let mut turns = Turns::new((0..all).collect(), now, Duration::from_millis(within));
        let take = |turns: &mut Turns<u32>| {
            let next = turns.next()?;
            assert!(next == now || turns.take_due(next - Duration::from_nanos(1)).is_none(), "too early");
            Some(((next - now).as_millis(), turns.take_due(next).expect("its turn")))
        };
        std::iter::from_fn(|| take(&mut turns)).collect()
    }

    #[test]
    fn many_have_three_quarters_of_the_time_evenly() {
        let times = times(5000, 2000);
        assert_eq!((times.len(), times[0].0, times[4999].0), (5000, 0, 1500));
        for tenth in 0..10 {
            let within =
                times.iter().filter(|(time, _)| (tenth * 150..(tenth + 1) * 150).contains(time)).count();
            assert!((490..=510).contains(&within), "{within} in tenth {tenth}");
        }
        let in_order = times.windows(2).filter(|pair| pair[0].1 < pair[1].1).count();
        assert!((2000..3000).contains(&in_order), "no random order: {in_order}");
    }

    #[test]
    fn few_are_as_fast_as_many_and_one_ends_at_once() {
        assert_eq!(times(1, 60_000), [(0, 0)]);
        assert_eq!(times(101, 60_000).last().unwrap().0, 100);
        assert!(times(0, 1000).is_empty());
        assert!(times(100, 0).iter().all(|(time, _)| *time == 0));
    }
}
