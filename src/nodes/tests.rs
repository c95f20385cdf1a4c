//! Nodes against a store in memory, on a clock that stands still while they work.

mod fake;
mod faults;
mod lives;
pub(super) mod random;
pub(super) mod world;
