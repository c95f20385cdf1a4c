//! The live "users online" counter that is one plain image tag.
//!
//! The response to the image stays open as a `multipart/x-mixed-replace` stream. Whenever somebody opens or leaves a
//! page, a new PNG goes down every open response, and the number on every page changes.
//!
//! # The path of the data
//!
//! ```text
//! socket ─ accept ─ HTTP head ─ gate ─ join room ────────────────────────┐
//!                                                                        │ count
//! picture ◄─ render + encode once a change ◄─ feed (paced) ◄─────────────┘
//!    │
//!    └─► one frame, ready bytes ─► every connection of the feed ─ socket ... gone ─► leave room ─► count
//! ```
//!
//! - [`config`]: flags, environment and file become one [`Config`](config::Config), parsed once; `themes` reads the digits
//!   and fonts that it names, `certificates` the certificates, which `acme` orders; `admin` answers operators, and [`health`]
//!   asks whether a server is ready; [`upgrade`] gives all connections to a new process.
//! - [`server`]: accepts connections, hands them over, and drains them at the end.
//! - `http`: the routes. A request is parsed once, judged, and answered, refused, or granted a stream or a WebSocket.
//! - [`transport`]: one event loop per core owns every socket that was taken over from hyper.
//! - `app`: the state that all of them share; `settings`: the part of it that a reload replaces.
//! - [`feeds`]: what is sent of a room, made once for everybody who receives it.
//! - `nodes`: what other servers count, and telling them what is counted here, through Redis.
//! - [`painting`]: the threads that paint, and the pictures they have made.
//! - [`doctor`]: looks at a counter from outside, through whatever is in between.
//! - [`wire`]: the bytes of streams, events and WebSocket messages.
//! - [`gate`]: the sites that may embed; `files`: reads those that a configuration names; `net`: listening sockets, addresses, and how many viewers may be in;
//!   `metrics`: numbers of what each part does; [`logging`]: lines on standard error, without waiting; [`signals`]: those that the program obeys.
//!
//! Below them are packages of their own: `onlookers_rooms` counts, `onlookers_picture` paints, `onlookers_ring` sends many frames in
//! one system call, `onlookers_activation` takes the sockets that systemd passes, `onlookers_handover` passes sockets to another
//! process, and `onlookers_heap` gives memory back. Each module imports only from lower layers; `ARCHITECTURE.md` has the threads, the locks, a glossary, and where to add things.

#[cfg(feature = "acme")]
mod acme;
mod admin;
mod certificates;
pub mod config;
pub mod health;
pub mod server;
mod themes;
pub mod upgrade;

mod http;

pub mod transport;

mod app;
mod settings;

pub mod doctor;
pub mod feeds;
pub mod nodes;
pub mod painting;

pub mod wire;

mod files;
pub mod gate;
pub mod logging;
mod metrics;
mod net;
pub mod signals;
