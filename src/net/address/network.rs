//! The network by which a client is known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

/// How many bits of a mapped address come before that of IPv4 (RFC 4291, section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// The network that stands for one client: an IPv4 address, or the /64 of an IPv6 address.
///
/// A /64 is what one subscriber or one machine gets (RFC 6177, RFC 8273), and it can have any address in it for every
/// connection. So limits, and what tells visitors apart, must go by the /64. Networks that are allowed or ignored by the
/// configuration are compared with the whole address instead.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// The network of a client at `address`.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match untranslated(address) {
            IpAddr::V6(address) => prefix(address),
            address => address,
        })
    }

    /// Whether it is in the public internet. A private one is mostly a proxy's, and many clients come from there.
    pub(crate) fn is_public(self) -> bool {
        match self.0 {
            IpAddr::V4(ip) => {
                !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified())
            }
            IpAddr::V6(ip) => {
                !(ip.is_unique_local() || ip.is_unicast_link_local() || ip == prefix_of_loopback())
            }
        }
    }

    /// Its lowest address: one for each network.
    pub(crate) fn first_address(self) -> IpAddr {
        self.0
    }
}

/// The network of `::1`, which nobody else has.
fn prefix_of_loopback() -> Ipv6Addr {
    Ipv6Addr::UNSPECIFIED
}

fn prefix(address: Ipv6Addr) -> IpAddr {
    let [a, b, c, d, ..] = address.segments();
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
}

/// The address of IPv4 that one of IPv6 stands for, if it does: as a socket of both writes it, or a translator.
pub(crate) fn untranslated(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        // A translator's prefix (RFC 6052) has all of IPv4 in one /64, in the last 32 bits.
        IpAddr::V6(address) if address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            Ipv4Addr::from_bits(address.to_bits() as u32).into()
        }
        address => address,
    }
}

/// The network of IPv4 that one of IPv6 stands for, as `::ffff:192.0.2.0/120` does: the addresses that it is compared with are
/// those of IPv4.
pub(crate) fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(MAPPED_BITS)) {
        (IpAddr::V4(address), Some(length)) if network.addr().is_ipv6() => {
            Ipv4Net::new(address, length).map_or(network, IpNet::V4)
        }
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> ClientNetwork {
        ClientNetwork::of(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_ipv6_in_one_64_are_one_client() {
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    #[test]
    fn private_addresses_are_no_public_clients() {
        for private in
            ["127.0.0.9", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"]
        {
            assert!(!of(private).is_public(), "{private}");
        }
        assert!(of("192.0.2.1").is_public() && of("2001:db8::1").is_public());
    }

    #[test]
    fn each_address_of_ipv4_is_a_client_however_it_is_written() {
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("::ffff:192.0.2.1"), of("::ffff:192.0.2.2"));
        assert_ne!(of("64:ff9b::192.0.2.1"), of("64:ff9b::192.0.2.2"));
        for same in ["::ffff:192.0.2.1", "64:ff9b::192.0.2.1"] {
            assert_eq!(of(same), of("192.0.2.1"));
        }
    }
}
