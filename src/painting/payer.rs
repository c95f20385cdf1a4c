//! The party whose share of the painting time a job uses.

use std::net::{IpAddr, Ipv6Addr};

use onlookers_rooms::Site;

/// A party with a share of the painting time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Payer {
    /// A client: for stills, and for the first frame of a view that nobody had open.
    Client(IpAddr),
    /// A site: for the frames of its open pages.
    Site(Site),
}

impl Payer {
    /// The client with that address. One network of IPv6 (/64) is one client, which has all of its addresses.
    pub fn client(address: IpAddr) -> Self {
        let network = |address: Ipv6Addr| Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX));
        Self::Client(match address.to_canonical() {
            IpAddr::V6(address) => network(address).into(),
            address => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let client = |address: &str| Payer::client(address.parse().unwrap());
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:0:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }
}
