//! How much a page may send.

use std::time::Instant;

use crate::wire::frame::MAX_MESSAGE;
use crate::wire::record::OVERHEAD;

/// How many messages a second a page may send.
const MAX_MESSAGES: f32 = 20.0;

/// And how many bytes: those messages at their longest, each with its head and in a TLS record.
const MAX_BYTES: f32 = MAX_MESSAGES * (MAX_MESSAGE + 14 + OVERHEAD) as f32;

/// Two token buckets: so many messages and bytes at once, and as many again each second.
pub(super) struct Allowance {
    messages: f32,
    bytes: f32,
    filled: Instant,
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { messages: MAX_MESSAGES, bytes: MAX_BYTES, filled: now }
    }

    /// Spends a message; false if none is left.
    pub(super) fn message(&mut self, now: Instant) -> bool {
        self.fill(now);
        take(&mut self.messages, 1.0)
    }

    /// Spends `bytes`; false if too few are left.
    pub(super) fn bytes(&mut self, bytes: usize, now: Instant) -> bool {
        self.fill(now);
        take(&mut self.bytes, bytes as f32)
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f32().min(1.0);
        self.messages = (self.messages + passed * MAX_MESSAGES).min(MAX_MESSAGES);
        self.bytes = (self.bytes + passed * MAX_BYTES).min(MAX_BYTES);
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
    fn twenty_messages_at_once_and_twenty_each_second() {
        let start = Instant::now();
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
        assert!(
            (0..20).all(|_| allowance.bytes(MAX_MESSAGE + 14 + OVERHEAD, now)) && !allowance.bytes(1, now)
        );
    }
}
