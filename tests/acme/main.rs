//! Automatic certificates: from Debian's pebble, in a network of each test's own, and from authorities that do as they shouldn't.

#![cfg(feature = "acme")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;

mod authority;
#[cfg(feature = "redis")]
mod exchange;
mod faults;
mod orders;
mod pebble;
mod renewal;
mod secure;
#[cfg(feature = "redis")]
mod site;
#[cfg(feature = "redis")]
mod takeover;
#[cfg(feature = "redis")]
mod together;
mod usage;

use common::network;
