//! Locks and atomics: the standard library's; with the feature `shuttle` those of shuttle, which tries the orders in
//! which threads may meet there.

#[cfg(not(feature = "shuttle"))]
pub use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic};

#[cfg(feature = "shuttle")]
pub use {
    shuttle::sync::{Arc, Mutex, MutexGuard, Weak, atomic},
    std::sync::PoisonError,
};
