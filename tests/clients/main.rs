//! The server with other people's clients, and `/onlookers.js` with the tools of its ecosystem.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../npm/mod.rs"]
mod npm;

mod agents;
mod compression;
mod eventsource;
mod http2;
mod module;
mod recipes;
mod tls;
mod websocket;
