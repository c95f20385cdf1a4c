//! Counts the bytes that connections keep for themselves alone: sealed records that a client doesn't take, replies that it doesn't
//! read, and records that it has begun. Frames aren't among them, which are shared.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::net::system;

/// How many bytes all connections of the process may keep, or an eighth of its memory if that is less. Beyond, those that have
/// made no progress for longest are ended.
const MAX_KEPT: u64 = 64 << 20;

/// One process has one memory, so this is of all its event loops.
static TOTAL: AtomicUsize = AtomicUsize::new(0);

/// A number of bytes that count; dropping it returns them.
#[derive(Debug, Default)]
pub(super) struct Kept(usize);

impl Kept {
    /// From now on these are so many.
    pub(super) fn set(&mut self, bytes: usize) {
        TOTAL.fetch_add(bytes, Ordering::Relaxed);
        TOTAL.fetch_sub(self.0, Ordering::Relaxed);
        self.0 = bytes;
    }

    pub(super) fn bytes(&self) -> usize {
        self.0
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Whether they are too many.
pub(super) fn is_exceeded() -> bool {
    TOTAL.load(Ordering::Relaxed) > limit()
}

/// Whether some have to go still, once they were too many.
pub(super) fn is_nearly_exceeded() -> bool {
    TOTAL.load(Ordering::Relaxed) > limit() / 8 * 7
}

fn limit() -> usize {
    static LIMIT: OnceLock<usize> = OnceLock::new();
    *LIMIT.get_or_init(|| (system::memory() / 8).min(MAX_KEPT) as usize)
}
