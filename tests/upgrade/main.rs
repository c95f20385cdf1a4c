//! Upgrades and crashes: another process goes on, and no page notices.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;

mod failures;
mod keep;
mod lingering;
mod moves;
mod orders;
mod processes;
mod secure;
mod together;
mod websockets;
