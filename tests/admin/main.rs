//! What operators ask: `/metrics`, `/livez`, `/readyz` and `/status`, the deny list, and `onlookers health`.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;

mod scrape;
