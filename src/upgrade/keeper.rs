//! The keeper: with `--keep` the first process, which starts the server, and starts it anew when it dies.
//!
//! It holds duplicates of what must not be lost with the server: the listening sockets, the socket of each connection that can be
//! continued, and the memory in which the server notes what it sends on each (`crates/handover`). It does nothing with them. When the server
//! dies, the next one gets all of it, finds out what each client has got, and goes on.
//!
//! - `message`: what the two say to each other.
//! - `kept`: what the keeper holds; `server`: a process that serves, as the keeper sees it; `orders`: signals.
//! - `watch`: the keeper's own loop. `renewal`: a new version of the program goes on with it.
//! - `client`: the keeper, as a server sees it that begins, `link` as one that serves. `replacement`: another keeper, when it has died.

pub use client::Keeper;
pub(crate) use link::{KeeperLink, Unanswered};
pub use watch::keep;

mod client;
mod kept;
mod link;
mod message;
mod orders;
mod renewal;
mod replacement;
mod server;
mod watch;
