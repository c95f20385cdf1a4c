//! Upgrades and crashes: another process goes on, and no page notices.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;

mod churn;
mod crowd;
mod failures;
mod keep;
mod kills;
mod lingering;
mod moves;
mod orders;
mod page;
mod processes;
mod secure;
mod seen;
mod together;
mod truth;
mod websockets;
