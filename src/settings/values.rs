//! Values of settings, as people, shells and compose files write them.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::net::address::canonical;

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
        .map(canonical)
        .map_err(|_| "write 192.0.2.0/24 or 2001:db8::/32, or one address".to_owned())
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
    }

    #[test]
    fn a_network_of_mapped_addresses_is_one_of_ipv4() {
        for (text, wanted) in [
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("2001:db8::/120", "2001:db8::/120"),
            // More than the mapped ones.
            ("::fffe:0:0/95", "::fffe:0:0/95"),
            ("64:ff9b::192.0.2.0/120", "64:ff9b::c000:200/120"),
        ] {
            assert_eq!(network(text).unwrap().to_string(), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        assert!(network("10.0.0.0/33").unwrap_err().contains("write"));
    }
}
