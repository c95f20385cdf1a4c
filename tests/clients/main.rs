//! Clients that are not ours: other people's libraries, and the tools that judge `/onlookers.js`.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../npm/mod.rs"]
mod npm;

mod eventsource;
mod module;
mod websocket;
