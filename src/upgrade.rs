//! Upgrades: a new process takes over the listening sockets and the connections of the old one, and no page notices.
//!
//! In the order of the course of an upgrade:
//!
//! - `control`: the socket at which `onlookers upgrade` orders one; SIGUSR2 does, too.
//! - `process`: the old process starts the new one.
//! - `message`: what the two say to each other over a Unix socket, their link.
//! - `old`: gives everything away; `new`: takes it.
//! - `keeper`: with `--keep`, the process that starts the server anew when it dies, and holds what the next one goes on with.
//! - `linger`: the old process stays for what can't move; `counting`: meanwhile the two count together.
//!
//! Nothing has two owners at any time. Until the old process says that it gives the connections away, the new one touches none of them,
//! and if it dies, the old one goes on with all. From when the new one has confirmed that, the old one touches none of them.

pub(crate) use control::{Order, Outcome, serve};
pub use control::{OrderError, order};
#[cfg(feature = "redis")]
pub(crate) use counting::say_staying;
pub(crate) use counting::{offer, sockets, staying, told, wait_until_told};
pub use keeper::{Keeper, keep};
pub(crate) use keeper::{KeeperLink, Unanswered};
pub(crate) use linger::wait_until_left;
pub(crate) use new::Adopted;
pub use new::Predecessor;
pub(crate) use old::{Old, UpgradeError};
pub use process::{is_keeper, was_started_by_us};
pub(crate) use state::{State, peaks, raise};

mod control;
mod counting;
mod keeper;
mod linger;
mod message;
mod new;
mod old;
mod process;
mod state;
