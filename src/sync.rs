//! Locks and atomics: the standard library's; in the tests of interleavings those of shuttle, which tries the orders in
//! which threads may meet there.

#[cfg(not(all(test, feature = "shuttle")))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic};

#[cfg(all(test, feature = "shuttle"))]
pub(crate) use {
    shuttle::sync::{Arc, Mutex, MutexGuard, Weak, atomic},
    std::sync::PoisonError,
};
