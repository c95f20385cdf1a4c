//! Counts the bytes that connections keep for themselves alone: sealed records that a client doesn't take, replies that it doesn't
//! read, and records that it has begun. Frames aren't among them, which are shared.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes all connections of the process may keep. Beyond, those that have made no progress for longest are ended.
pub(super) const MAX_KEPT: usize = 64 << 20;

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

/// By how many bytes there are too many.
pub(super) fn excess() -> usize {
    TOTAL.load(Ordering::Relaxed).saturating_sub(MAX_KEPT)
}
