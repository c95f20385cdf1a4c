//! WebSockets: the viewers with scripts, who hear counts as messages and may talk.
//!
//! What all are told a [circle](crate::circle) writes to the sockets itself, from its own task. What they say the
//! [`Switchboard`]'s thread hears.

pub(crate) use connection::{Guest, Manner};
pub(crate) use handshake::Key;
pub(crate) use outbox::Outbox;
pub(crate) use switchboard::Switchboard;

mod connection;
pub(crate) mod frame;
mod handshake;
mod limits;
mod messages;
mod outbox;
mod rooms;
mod switchboard;

/// A socket whose opening was judged.
pub(crate) struct Opened {
    /// Non-blocking, and watched by nobody.
    pub(crate) socket: std::net::TcpStream,
    /// What came behind the request's head.
    pub(crate) behind: Box<[u8]>,
    pub(crate) key: Key,
    pub(crate) guest: Guest,
}
