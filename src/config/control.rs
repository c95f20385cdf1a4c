//! Where the running server can be ordered to upgrade.

use std::fmt;
use std::str::FromStr;

use super::{Place, SocketFile};

/// The path of a Unix socket that only the server's own user may use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControlPath(pub(crate) Place);

/// A text that isn't such a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControlPathError;

/// The owner may connect, and nobody else.
const MODE: u32 = 0o600;

impl FromStr for ControlPath {
    type Err = ControlPathError;

    fn from_str(text: &str) -> Result<Self, ControlPathError> {
        let file: SocketFile = text.parse().map_err(|_| ControlPathError)?;
        match text.contains('?') {
            false => Ok(Self(Place::Unix(SocketFile { mode: MODE, ..file }))),
            true => Err(ControlPathError),
        }
    }
}

impl fmt::Display for ControlPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Unix(file) => file.path.display().fmt(f),
            place => place.fmt(f),
        }
    }
}

impl fmt::Display for ControlPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write the whole path of the socket, from / on, of at most 107 bytes and without ?: /run/onlookers/control.sock")
    }
}

impl std::error::Error for ControlPathError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_socket_is_the_owners_alone() {
        let path: ControlPath = "/run/onlookers/control.sock".parse().unwrap();
        assert_eq!(path.to_string(), "/run/onlookers/control.sock");
        assert!(matches!(path.0, Place::Unix(SocketFile { mode: 0o600, group: None, .. })));
        for text in ["control.sock", "", "/control.sock?mode=0666", "127.0.0.1:9193"] {
            assert_eq!(text.parse::<ControlPath>(), Err(ControlPathError), "{text}");
        }
        assert!(format!("/{}", "x".repeat(107)).parse::<ControlPath>().is_err());
    }
}
