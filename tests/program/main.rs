//! The program as people start it, and its configuration.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;

mod command_line;
mod config;
mod doctor;
mod documents;
mod drain;
mod ends;
mod listeners;
mod log_lines;
mod logging;
mod memory;
mod privacy;
mod reloads;
mod returning;
mod signals;
mod titles;
mod tls;
mod units;
mod warnings;
