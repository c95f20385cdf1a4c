//! Bytes as they go over a connection, and nothing that reads or writes one.
//!
//! - [`multipart`]: a stream of pictures, as three browser engines paint it at once.
//! - [`events`]: a stream of server-sent events.
//! - [`handshake`], [`frame`]: how a WebSocket opens, and its frames.
//! - [`protocol`]: every JSON message, in both directions.
//! - [`record`]: TLS records, into which all of these go on a connection with TLS 1.3.
//! - [`diagnosis`]: a request as it arrived, told to `onlookers doctor`.
//! - [`Opening`]: what goes out before the first frame of a stream; `head` has its response in both versions of HTTP.

pub mod diagnosis;
pub mod events;
pub mod frame;
pub mod handshake;
mod head;
pub mod multipart;
mod opening;
pub mod protocol;
pub mod record;

pub use opening::Opening;
