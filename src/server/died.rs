//! The end of a server by a fault.

use std::error::Error;
use std::fmt;

/// A part has died that the server can't do without. Everything else was ended in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Died {
    /// The task that accepts the connections of a listener.
    Accept,
    /// The thread of an event loop.
    EventLoop,
    /// The task that counts together with other nodes.
    Nodes,
    /// This process was to take over from another one, which goes on or has ended.
    Predecessor,
}

impl fmt::Display for Died {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "a task that accepts connections has died",
            Self::EventLoop => "the thread of an event loop has died",
            Self::Nodes => "the task that counts together with other nodes has died",
            Self::Predecessor => "there is nothing to take over from the process before this one",
        })
    }
}

impl Error for Died {}
