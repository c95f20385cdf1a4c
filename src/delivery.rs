//! Delivery: how a part reaches a viewer.
//!
//! hyper reads and judges the request; then the socket is taken over from it and handed to the
//! [`Fanout`], whose threads do nothing but write the newest frame of each feed to its sockets; or, for a WebSocket,
//! to the switchboard, whose thread hears what pages say.

pub(crate) use fanout::Newcomer;
pub use fanout::{Fanout, FanoutOptions};
pub(crate) use opening::Opening;

pub(crate) mod events;
mod fanout;
pub(crate) mod multipart;
mod opening;
pub(crate) mod takeover;
pub(crate) mod websocket;
