//! How long to wait between two attempts to connect.

use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// Twice as long each time, up to two seconds, less a random part: nodes that lost their connections together don't all come
/// back together.
#[derive(Default)]
pub(super) struct Pause {
    attempts: u32,
}

impl Pause {
    /// The next one. The first lasts at most 100 ms, each between half of its length and the whole.
    pub(super) fn next(&mut self) -> Duration {
        let longest = LONGEST.min(SHORTEST * (1 << self.attempts.min(8)));
        self.attempts = self.attempts.saturating_add(1);
        longest.mul_f64((1.0 + random()) / 2.0)
    }
}

/// From 0 to 1.
fn random() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness the pauses are still long enough.
    let _ = getrandom(&mut bytes, GetRandomFlags::empty());
    f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_100_ms_to_2_s() {
        let mut pause = Pause::default();
        let mut longest = SHORTEST;
        for _ in 0..100 {
            let next = pause.next();
            assert!(next >= longest / 2 && next <= longest, "{next:?} of {longest:?}");
            longest = LONGEST.min(longest * 2);
        }
    }
}
