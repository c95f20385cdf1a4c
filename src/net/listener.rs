//! A listener, as a configuration writes it: where it listens, and what comes before HTTP on its connections.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// `127.0.0.1:9192`, or with TLS `tls:[::]:443`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether its connections begin with a TLS handshake.
    pub tls: bool,
}

/// A text that names no listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenerError;

impl Listener {
    /// The scheme of URLs there.
    pub fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }
}

impl FromStr for Listener {
    type Err = ListenerError;

    fn from_str(text: &str) -> Result<Self, ListenerError> {
        let text = text.trim();
        let (tls, place) = text.strip_prefix("tls:").map_or((false, text), |place| (true, place));
        Ok(Self { address: address(place).ok_or(ListenerError)?, tls })
    }
}

/// `127.0.0.1:9192`, `[::]:9192`, `localhost:9192`, or `:9192` for all addresses of the machine.
fn address(text: &str) -> Option<SocketAddr> {
    let port_of = |host: &str| text.strip_prefix(host)?.strip_prefix(':')?.parse().ok();
    let all = port_of("").map(|port: u16| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    let local = port_of("localhost").map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    all.or(local).or_else(|| text.parse().ok())
}

impl fmt::Display for ListenerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "write 127.0.0.1:9192, [::1]:9192, localhost:9192, or :9192 for all addresses; with TLS tls:[::]:443",
        )
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
            for (prefix, tls) in [("", false), ("tls:", true)] {
                let listener: Listener = format!("{prefix}{}", text.trim()).parse().unwrap();
                assert_eq!((listener.address.to_string().as_str(), listener.tls), (address, tls), "{text}");
            }
            assert_eq!(text.parse::<Listener>().unwrap().address.to_string(), address);
        }
        for text in ["9192", "localhost", "example.com:80", ":", ":65536", "localhost:x", "tls:", "tls:443"] {
            assert!(text.parse::<Listener>().unwrap_err().to_string().contains("localhost:9192"), "{text}");
        }
    }
}
