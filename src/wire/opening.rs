//! The bytes before the first frame of a connection; they go out in one write with it.

use super::events;
use super::handshake::Key;
use super::multipart;

/// The head of the response, and what else comes before the first frame.
///
/// A head that differs from client to client is written only when it goes out: in a burst, thousands of connections wait
/// for their event loop.
#[derive(Debug)]
pub enum Opening {
    /// A stream of pictures.
    Pictures,
    /// A stream of server-sent events that pages of this origin may read.
    Events {
        /// The request's `Origin`.
        origin: Option<Box<[u8]>>,
    },
    /// The response that accepts a WebSocket.
    WebSocket(Key),
}

impl Opening {
    /// Appends the bytes to `buffer`.
    pub fn write(&self, buffer: &mut Vec<u8>) {
        match self {
            Self::Pictures => buffer.extend_from_slice(multipart::OPENING),
            Self::Events { origin } => events::write_opening(buffer, origin.as_deref()),
            Self::WebSocket(key) => key.write_accept(buffer),
        }
    }
}
