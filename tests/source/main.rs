//! The tree itself: the layers of `src/`, and the documents, and the messages of the protocol.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

mod docs;
mod layers;
mod protocol;
