//! Leaves out lines that are logged again and again.

use std::collections::HashMap;
use std::mem;
use std::time::{Duration, Instant};

use tracing::Level;

/// How often a line is printed in one window.
const MAX_TIMES: u64 = 10;

/// A window begins with the first line after the one before.
const WINDOW: Duration = Duration::from_secs(1);

/// Bytes of the lines that are remembered in a window. Further ones are printed however often they come: the queue bounds
/// them.
const MAX_BYTES: usize = 64 * 1024;

/// How often each line was logged in this window. A line includes its level.
#[derive(Default)]
pub(super) struct Repetitions {
    until: Option<Instant>,
    times: HashMap<Box<[u8]>, (Level, u64)>,
    bytes: usize,
}

/// A line that was left out.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct LeftOut {
    pub(super) level: Level,
    pub(super) line: Box<[u8]>,
    pub(super) times: u64,
}

impl Repetitions {
    /// Counts a line that is logged at `now`, and says whether to print it.
    pub(super) fn admits(&mut self, level: Level, line: &[u8], now: Instant) -> bool {
        self.until.get_or_insert(now + WINDOW);
        if let Some((_, times)) = self.times.get_mut(line) {
            *times += 1;
            return *times <= MAX_TIMES;
        }
        if self.bytes + line.len() <= MAX_BYTES {
            self.bytes += line.len();
            self.times.insert(line.into(), (level, 1));
        }
        true
    }

    /// The end of the window, if there is one.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Ends the window if it is over at `now`.
    pub(super) fn end_if_over(&mut self, now: Instant) -> Vec<LeftOut> {
        if self.until.is_some_and(|until| until <= now) { self.end() } else { Vec::new() }
    }

    /// Ends the window. Returns the lines that were left out, and how often.
    pub(super) fn end(&mut self) -> Vec<LeftOut> {
        let times = mem::take(self).times.into_iter();
        times
            .filter(|(_, (_, times))| *times > MAX_TIMES)
            .map(|(line, (level, times))| LeftOut { level, line, times: times - MAX_TIMES })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_admitted_ten_times_in_a_window() {
        let (mut repetitions, start) = (Repetitions::default(), Instant::now());
        let mut admitted = |line: &[u8], times: usize, now: Instant| {
            (0..times).filter(|_| repetitions.admits(Level::WARN, line, now)).count()
        };
        assert_eq!(admitted(b"one", 10, start), 10);
        assert_eq!(admitted(b"one", 5, start + WINDOW / 2), 0);
        assert_eq!(admitted(b"other", 3, start), 3);
        let left_out = LeftOut { level: Level::WARN, line: b"one"[..].into(), times: 5 };
        assert_eq!(repetitions.end_if_over(start + WINDOW / 2), []);
        assert_eq!(repetitions.end_if_over(start + WINDOW), [left_out]);
        assert!(
            repetitions.admits(Level::WARN, b"one", start + WINDOW)
                && repetitions.until() == Some(start + 2 * WINDOW)
        );
    }

    #[test]
    fn ever_new_lines_take_a_bounded_memory() {
        let (mut repetitions, start) = (Repetitions::default(), Instant::now());
        for number in 0..100_000_u32 {
            assert!(repetitions.admits(Level::WARN, &number.to_ne_bytes(), start));
        }
        assert!(repetitions.bytes <= MAX_BYTES && repetitions.times.len() <= MAX_BYTES / 4);
    }
}
