//! How fast a page may talk.

use std::sync::LazyLock;
use std::time::Instant;

use super::frame::LONGEST;

/// How many messages a second a page may send.
const MESSAGES: f32 = 20.0;

/// And how many bytes: those messages at their longest, each with its head.
const BYTES: f32 = MESSAGES * (LONGEST + 14) as f32;

/// Two token buckets: so many messages and bytes at once, and as many again each second.
#[derive(Debug)]
pub(super) struct Allowance {
    messages: f32,
    bytes: f32,
    filled: Milliseconds,
}

/// Since the first page that talked; they begin anew after 49 days. A quarter of an [`Instant`], of which each page that is
/// open would have one.
#[derive(Clone, Copy, Debug)]
struct Milliseconds(u32);

impl From<Instant> for Milliseconds {
    fn from(now: Instant) -> Self {
        static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
        Self(now.saturating_duration_since(*FIRST).as_millis() as u32)
    }
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { messages: MESSAGES, bytes: BYTES, filled: now.into() }
    }

    /// False, if a message is one too many.
    pub(super) fn message(&mut self, now: Instant) -> bool {
        self.fill(now);
        take(&mut self.messages, 1.0)
    }

    /// False, if that is too much.
    pub(super) fn bytes(&mut self, bytes: usize, now: Instant) -> bool {
        self.fill(now);
        take(&mut self.bytes, bytes as f32)
    }

    fn fill(&mut self, now: Instant) {
        let now = Milliseconds::from(now);
        let passed = now.0.wrapping_sub(self.filled.0).min(1000) as f32 / 1000.0;
        self.messages = (self.messages + passed * MESSAGES).min(MESSAGES);
        self.bytes = (self.bytes + passed * BYTES).min(BYTES);
        self.filled = now;
    }
}

fn take(tokens: &mut f32, some: f32) -> bool {
    let enough = *tokens >= some;
    if enough {
        *tokens -= some;
    }
    enough
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_many_at_once_and_as_many_each_second() {
        // Behind the first that talked, whoever that is.
        let start = Instant::now() + Duration::from_secs(1);
        let mut allowance = Allowance::new(start);
        let mut said = |after| (0..50).filter(|_| allowance.message(start + after)).count();
        assert_eq!(said(Duration::ZERO), 20);
        assert_eq!(said(Duration::from_millis(500)), 10);
        assert_eq!(said(Duration::from_secs(60)), 20);
    }

    #[test]
    fn the_longest_messages_fit() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        assert!((0..20).all(|_| allowance.bytes(LONGEST + 14, now)) && !allowance.bytes(1, now));
    }
}
