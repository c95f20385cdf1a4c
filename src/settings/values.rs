//! Values of settings, as people, shells and compose files write them.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

/// A value with spaces around it, as in `a.example, b.example`.
///
/// # Errors
/// That of the value's own parser.
pub(crate) fn trimmed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|error: T::Err| error.to_string())
}

/// A network, `192.0.2.0/24`, or an address, which is a network of one.
///
/// # Errors
/// A sentence, if it is neither.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| "write 192.0.2.0/24 or 2001:db8::/32, or one address".to_owned())
}

/// An address to listen on: `127.0.0.1:9192`, `[::]:9192`, `localhost:9192`, or `:9192` for all addresses of the machine.
///
/// # Errors
/// A sentence, if it is none of them.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let port_of = |host: &str| text.strip_prefix(host)?.strip_prefix(':')?.parse().ok();
    let all = port_of("").map(|port: u16| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    let local = port_of("localhost").map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let refusal =
        || "write 127.0.0.1:9192, [::1]:9192, localhost:9192, or :9192 for all addresses".to_owned();
    all.or(local).map_or_else(|| text.parse().map_err(|_| refusal()), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_one() {
        let network = |text| network(text).map(|network| network.to_string());
        assert_eq!(network(" 192.0.2.7").unwrap(), "192.0.2.7/32");
        assert_eq!(network("2001:db8::7").unwrap(), "2001:db8::7/128");
        assert_eq!(network("10.0.0.0/8 ").unwrap(), "10.0.0.0/8");
        assert!(network("10.0.0.0/33").unwrap_err().contains("write"));
    }

    #[test]
    fn an_address_to_listen_on_has_four_forms() {
        for (text, address) in [
            (":9192", "[::]:9192"),
            ("localhost:80", "127.0.0.1:80"),
            ("0.0.0.0:1", "0.0.0.0:1"),
            (" [::1]:0", "[::1]:0"),
        ] {
            assert_eq!(listen(text).unwrap().to_string(), address, "{text}");
        }
        for text in ["9192", "localhost", "example.com:80", ":", ":65536", "localhost:x"] {
            assert!(listen(text).unwrap_err().contains("localhost:9192"), "{text}");
        }
    }
}
