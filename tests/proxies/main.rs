//! The server behind a reverse proxy.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;

mod nginx;
mod ports;
