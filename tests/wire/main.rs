//! Bytes on the wire: picture streams, server-sent events, WebSockets, stills, and the requests for them.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;

mod cors;
mod diagnosis;
mod events;
mod floods;
mod frames;
mod hostile;
mod http2;
mod listeners;
mod painting;
mod peek;
mod repaint;
mod requests;
#[cfg(target_os = "linux")]
mod sends;
mod sessions;
mod stills;
mod stream;
mod takeover;
mod tls;
mod viewers;
mod websocket;
