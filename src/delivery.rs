//! Delivery: how a part reaches a viewer.
//!
//! hyper reads and judges the request; then the socket is [taken over](takeover) from it and handed to the
//! [`fanout`], whose threads do nothing but write the newest frame of each feed to its sockets.

pub(crate) use fanout::{Fanout, Newcomer};

mod fanout;
pub(crate) mod multipart;
pub(crate) mod takeover;
