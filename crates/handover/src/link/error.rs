//! Why a message could not be sent or received.

use std::error::Error;
use std::{fmt, io};

use rustix::io::Errno;

/// Why a message could not be sent or received.
#[derive(Debug)]
pub enum LinkError {
    /// The other end is closed.
    Closed,
    /// Not all descriptors of a message arrived; none is kept.
    Lost,
    /// The user has too many descriptors in messages that nobody has received yet. Nothing was sent.
    TooManyInFlight,
    /// The message has too many bytes or descriptors. Nothing was sent; if it was to be received, the link is of no use any more.
    TooLong,
    /// Anything else that the system refuses; [`io::ErrorKind::TimedOut`] after the timeout.
    Io(io::Error),
}

impl From<Errno> for LinkError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN => Self::Closed,
            Errno::TOOMANYREFS => Self::TooManyInFlight,
            // So the system says that a time has passed, because the socket might as well be a nonblocking one.
            Errno::AGAIN => Self::Io(io::ErrorKind::TimedOut.into()),
            other => Self::Io(other.into()),
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the other process has closed the connection"),
            Self::Lost => f.write_str("descriptors got lost on the way: too many files are open"),
            Self::TooManyInFlight => {
                f.write_str("the system passes no more descriptors: too many were not received yet")
            }
            Self::TooLong => f.write_str("a message has too many bytes or descriptors"),
            Self::Io(error) => write!(f, "the connection to the other process failed: {error}"),
        }
    }
}

impl Error for LinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}
