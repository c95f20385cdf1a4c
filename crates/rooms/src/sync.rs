//! Locks, atomics, and the order in which locks are taken.
//!
//! Each [`Mutex`] has a rank. A thread that holds locks may take another only if its rank is above theirs, so threads can't
//! wait for each other in a circle. Debug builds panic if one does otherwise; release builds have no check. The locks of
//! this package are all [`INNERMOST`]: no lock is taken while one of them is held. Its callers rank theirs below.
//!
//! With the feature `shuttle`, all of these are shuttle's, which tries the orders in which threads may meet.

use std::ops::{Deref, DerefMut};

#[cfg(feature = "shuttle")]
pub use shuttle::sync::{Arc, Weak, atomic};
#[cfg(not(feature = "shuttle"))]
pub use std::sync::{Arc, Weak, atomic};

use std::sync::PoisonError;

#[cfg(feature = "shuttle")]
use shuttle::sync as locks;
#[cfg(not(feature = "shuttle"))]
use std::sync as locks;

/// The rank of a lock under which no other is taken.
pub const INNERMOST: u32 = 31;

/// A mutex of a rank, 0 to [`INNERMOST`].
#[derive(Debug, Default)]
pub struct Mutex<T, const RANK: u32 = INNERMOST>(locks::Mutex<T>);

/// Holding a [`Mutex`]; dropping it releases the lock.
#[derive(Debug)]
#[must_use = "dropping it releases the lock"]
pub struct MutexGuard<'a, T, const RANK: u32 = INNERMOST> {
    guard: locks::MutexGuard<'a, T>,
    _held: Held<RANK>,
}

impl<T, const RANK: u32> Mutex<T, RANK> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self(locks::Mutex::new(value))
    }

    /// Waits for the lock.
    ///
    /// A lock whose holder has panicked is taken over: one number may be wrong then, but nobody is locked out. So each
    /// change under a lock has to leave the value whole wherever it might panic.
    pub fn lock(&self) -> MutexGuard<'_, T, RANK> {
        let _held = Held::new();
        MutexGuard { guard: self.0.lock().unwrap_or_else(PoisonError::into_inner), _held }
    }
}

impl<T, const RANK: u32> Deref for MutexGuard<'_, T, RANK> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T, const RANK: u32> DerefMut for MutexGuard<'_, T, RANK> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// A lock of that rank is held by this thread.
#[derive(Debug)]
struct Held<const RANK: u32>;

#[cfg(not(debug_assertions))]
impl<const RANK: u32> Held<RANK> {
    fn new() -> Self {
        Self
    }
}

#[cfg(debug_assertions)]
mod checked {
    use std::cell::Cell;

    #[cfg(feature = "shuttle")]
    use shuttle::thread_local;

    use super::Held;

    thread_local! {
        /// The ranks of the locks that this thread holds, a bit each.
        static HELD: Cell<u32> = const { Cell::new(0) };
    }

    impl<const RANK: u32> Held<RANK> {
        pub(super) fn new() -> Self {
            HELD.with(|held| {
                assert!(held.get() >> RANK == 0, "a lock of rank {RANK} is taken under {:#b}", held.get());
                held.set(held.get() | 1 << RANK);
            });
            Self
        }
    }

    impl<const RANK: u32> Drop for Held<RANK> {
        fn drop(&mut self) {
            HELD.with(|held| held.set(held.get() & !(1 << RANK)));
        }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    fn locks_are_taken_in_the_order_of_their_ranks() {
        let (outer, inner) = (Mutex::<_, 1>::new(1), Mutex::<_>::new(2));
        let both = (outer.lock(), inner.lock());
        assert_eq!(*both.0 + *both.1, 3);
        drop(both);
        drop(inner.lock());
        drop(outer.lock());
    }

    #[test]
    #[should_panic = "a lock of rank 1 is taken under 0b10"]
    fn a_lock_of_the_same_rank_is_refused() {
        let [one, other] = [(), ()].map(Mutex::<_, 1>::new);
        let _one = one.lock();
        let _other = other.lock();
    }
}
