//! A listener, as a configuration writes it: where it listens, and what comes before HTTP on its connections.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

pub use file::{Group, SocketFile};

mod file;

/// `127.0.0.1:9192`, with TLS `tls:[::]:443`, after a proxy `proxy+tls:[::]:443`, and at other places `unix:/run/onlookers.sock`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// Whether its connections begin with a header of the PROXY protocol.
    pub proxy: bool,
    /// What its connections speak, after that header.
    pub speaks: Speaks,
    /// Where it listens.
    pub place: Place,
}

/// What the connections of a listener speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaks {
    /// HTTP.
    Http,
    /// HTTP, after a TLS handshake.
    Tls,
    /// HTTP, and each answer leads to the same address with https.
    Redirect,
}

/// Where connections come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(SocketFile),
    /// Another program, which passes connections over a Unix datagram socket.
    Passed(SocketFile),
    /// The sockets that systemd has opened: all of them, or those of a name.
    Systemd(Option<String>),
}

/// A text that names no listener, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenerError(&'static str);

const FORMS: &str = "write 127.0.0.1:9192, [::1]:9192, localhost:9192, or :9192 for all addresses; unix:/PATH, passed:/PATH, systemd \
    or fd:NAME; with TLS tls:[::]:443; for the PROXY protocol proxy+ before all that";

impl Listener {
    /// A TCP listener without TLS on this port, which may be made to redirect.
    pub(crate) fn is_plain_at(&self, port: u16) -> bool {
        let is_there = matches!(self.place, Place::Tcp(address) if address.port() == port);
        is_there && self.speaks == Speaks::Http
    }

    /// Redirects from all addresses of the machine.
    pub(crate) fn redirecting(port: u16) -> Self {
        let place = Place::Tcp((Ipv6Addr::UNSPECIFIED, port).into());
        Self { proxy: false, speaks: Speaks::Redirect, place }
    }
}

impl FromStr for Listener {
    type Err = ListenerError;

    fn from_str(text: &str) -> Result<Self, ListenerError> {
        let text = text.trim();
        let (proxy, text) = text.strip_prefix("proxy+").map_or((false, text), |text| (true, text));
        let prefixes = [("tls:", Speaks::Tls), ("redirect:", Speaks::Redirect)];
        let found = prefixes.iter().find_map(|(prefix, speaks)| Some((*speaks, text.strip_prefix(prefix)?)));
        let (speaks, text) = found.unwrap_or((Speaks::Http, text));
        Ok(Self { proxy, speaks, place: text.parse()? })
    }
}

impl FromStr for Place {
    type Err = ListenerError;

    fn from_str(text: &str) -> Result<Self, ListenerError> {
        if let Some(address) = address(text) {
            return Ok(Self::Tcp(address));
        }
        match text.split_once(':') {
            None if text == "systemd" => Ok(Self::Systemd(None)),
            Some(("fd", "")) => Err(ListenerError("the name of a socket is missing; write fd:NAME")),
            Some(("fd", name)) => Ok(Self::Systemd(Some(name.to_owned()))),
            Some(("unix", file)) => file.parse().map(Self::Unix),
            Some(("passed", file)) => file.parse().map(Self::Passed),
            _ => Err(ListenerError(FORMS)),
        }
    }
}

/// `127.0.0.1:9192`, `[::]:9192`, `localhost:9192`, or `:9192` for all addresses of the machine.
fn address(text: &str) -> Option<SocketAddr> {
    let port_of = |host: &str| text.strip_prefix(host)?.strip_prefix(':')?.parse().ok();
    let all = port_of("").map(|port: u16| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    let local = port_of("localhost").map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    all.or(local).or_else(|| text.parse().ok())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(SocketFile { path, .. }) => write!(f, "unix:{}", path.display()),
            Self::Passed(SocketFile { path, .. }) => write!(f, "passed:{}", path.display()),
            Self::Systemd(None) => f.write_str("systemd"),
            Self::Systemd(Some(name)) => write!(f, "fd:{name}"),
        }
    }
}

impl fmt::Display for ListenerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ListenerError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_has_four_forms() {
        for (text, address) in [
            (":9192", "[::]:9192"),
            ("localhost:80", "127.0.0.1:80"),
            ("0.0.0.0:1", "0.0.0.0:1"),
            (" [::1]:0", "[::1]:0"),
        ] {
            let place = Place::Tcp(address.parse().unwrap());
            for proxy in [false, true] {
                for (prefix, speaks) in
                    [("", Speaks::Http), ("tls:", Speaks::Tls), ("redirect:", Speaks::Redirect)]
                {
                    let before = if proxy { "proxy+" } else { "" };
                    let listener = format!("{before}{prefix}{}", text.trim()).parse();
                    assert_eq!(listener, Ok(Listener { proxy, speaks, place: place.clone() }), "{text}");
                }
            }
            assert_eq!(text.parse::<Listener>().unwrap().place, place);
        }
        for text in [
            "9192",
            "localhost",
            "example.com:80",
            ":",
            ":65536",
            "localhost:x",
            "tls:",
            "tls:443",
            "tls:proxy+:1",
        ] {
            assert!(text.parse::<Listener>().unwrap_err().to_string().contains("localhost:9192"), "{text}");
        }
    }

    #[test]
    fn every_place_combines_with_tls_and_the_proxy_protocol() {
        for place in ["[::]:443", "unix:/run/o.sock", "passed:/run/o.sock", "systemd", "fd:web"] {
            let of = |text: String| text.parse::<Listener>().unwrap();
            assert_eq!(of(place.to_owned()).place.to_string(), place);
            let both = of(format!("proxy+tls:{place}"));
            assert_eq!((both.proxy, both.speaks), (true, Speaks::Tls));
            assert_eq!(both.place, of(place.to_owned()).place);
        }
    }

    #[test]
    fn a_place_that_is_half_named_is_refused_with_a_sentence() {
        for (text, word) in [
            ("fd:", "fd:NAME"),
            ("unix:", "from / on"),
            ("unix:run/o.sock", "from / on"),
            ("unix:/o?mode=8", "mode=0660"),
            ("tls:unix:/o?mode=01000", "mode=0660"),
            ("unix:/o?owner=www-data", "mode= and group="),
            ("passed:/o?group=", "group=www-data"),
            ("systemd:web", "fd:NAME"),
        ] {
            let error = text.parse::<Listener>().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
        assert!(format!("unix:/{}", "x".repeat(107)).parse::<Listener>().is_err());
        assert!(format!("unix:/{}", "x".repeat(106)).parse::<Listener>().is_ok());
    }
}
