//! Painting: a few threads of its own, whose time is shared out fairly, and the pictures that they have made.
//!
//! Requests, feeds and event loops never paint: they have a [`Painter`] do it. Each job is paid for by a [`Payer`], and none
//! takes more than a fifth of a core for long. Payers that have had little painted go first (`queue`, `class`).

pub use painter::{Busy, Painted, Painter};
pub use payer::Payer;
pub(crate) use payer::PayerKind;
pub use pictures::Pictures;

mod class;
mod generations;
mod painter;
mod payer;
mod pictures;
mod queue;
