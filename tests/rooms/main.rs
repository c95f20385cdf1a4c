//! Counting: sites, pages, visitors and readers, their limits, and the sites that may be counted.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;

mod churn;
mod crowds;
mod frames;
mod gate;
mod limits;
mod names;
mod pages;
mod paths;
mod presence;
mod ranking;
mod reading;
mod same_pages;
mod server_names;
