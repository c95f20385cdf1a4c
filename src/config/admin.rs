//! Where operators ask.

use std::fmt;
use std::str::FromStr;

use super::Place;

/// `127.0.0.1:9193` or `unix:/run/onlookers/admin.sock`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminPlace(pub(crate) Place);

/// A text that isn't such a place, and what would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminPlaceError(String);

const FORMS: &str = "write 127.0.0.1:9193, localhost:9193, :9193 for all addresses, or unix:/PATH";

impl FromStr for AdminPlace {
    type Err = AdminPlaceError;

    fn from_str(text: &str) -> Result<Self, AdminPlaceError> {
        let is_unix = text.starts_with("unix:");
        match text.parse() {
            Ok(place @ (Place::Tcp(_) | Place::Unix(_))) => Ok(Self(place)),
            Err(error) if is_unix => Err(AdminPlaceError(error.to_string())),
            _ => Err(AdminPlaceError(FORMS.to_owned())),
        }
    }
}

impl fmt::Display for AdminPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for AdminPlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AdminPlaceError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_ask_at_an_address_or_a_unix_socket() {
        let place = |text: &str| text.parse::<AdminPlace>().map(|place| place.to_string());
        assert_eq!(place("localhost:9193").unwrap(), "127.0.0.1:9193");
        assert_eq!(place("unix:/run/admin.sock").unwrap(), "unix:/run/admin.sock");
        for text in ["9193", "tls:[::]:443", "systemd", "fd:admin", "passed:/run/admin.sock", ""] {
            assert_eq!(place(text).unwrap_err().to_string(), FORMS, "{text}");
        }
        assert_ne!(place("unix:relative").unwrap_err().to_string(), FORMS);
    }
}
