//! The tree itself: the layers of `src/`, the documents, the messages of the protocol, and the lines of the log.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

mod docs;
mod layers;
mod logs;
mod protocol;
