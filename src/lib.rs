//! The live "users online" counter that is one plain image tag.
//!
//! The response to the image stays open as a `multipart/x-mixed-replace` stream. Whenever somebody opens or leaves a
//! page, a new PNG goes down every open response, and the number on every page changes.
//!
//! # The way of the data
//!
//! ```text
//! socket ─ accept ─ HTTP head ─ gate ─ join room ────────────────────────┐
//!                                                                        │ count
//! picture ◄─ render + encode once a change ◄─ feed (paced) ◄─────────────┘
//!    │
//!    └─► one frame, ready bytes ─► every viewer of the feed ─ socket ... gone ─► leave room ─► count
//! ```
//!
//! - [`config`]: flags and environment become one [`Config`](config::Config), parsed once.
//! - [`server`]: accepts connections, admits viewers, and drains them at the end. `app` is the state that it shares with
//!   everything below; `settings` are the part of it that a reload replaces.
//! - `net`: listening sockets, the limit of open files, capacity (how many viewers may be in), and visitors' addresses.
//! - `http`: the routes; one match on method and path.
//! - [`gate`]: who may embed. From what a request says of itself to an [`Admission`](gate::Admission) or a
//!   [`Refusal`](gate::Refusal).
//! - [`room`]: those who share a count. A [`CountGuard`](room::CountGuard) is the only thing that changes one.
//! - [`feed`]: one room in one representation; paces, encodes once for everyone, keeps only the newest frame.
//! - `circle`: for WebSockets what a feed is for pictures; tells each room's viewers of each other, too.
//! - [`picture`]: style and count give pixels, then PNG bytes; pure functions. [`pictures`] is their bounded cache. Pages
//!   with scripts get the numbers themselves, as server-sent events.
//! - [`delivery`]: takes the socket over from hyper, and writes frames to it from the fan-out's threads;
//!   what pages say over WebSockets, one thread hears.
//! - [`room::registry`]: values that exist as long as somebody holds them; sites and feeds are kept so.

pub mod config;
pub mod server;

mod app;
mod net;
mod settings;
mod themes;

pub mod gate;
mod http;

pub mod transport;

pub mod feeds;

pub mod wire;
