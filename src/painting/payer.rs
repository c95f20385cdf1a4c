//! The party whose share of the painting time a job uses.

use std::net::IpAddr;

use onlookers_rooms::Site;

use crate::metrics::labels;
use crate::net::address::ClientNetwork;

labels! {
    /// The kind of a payer.
    PayerKind {
        /// A site.
        Site = "site",
        /// A client.
        Client = "client",
    }
}

/// A party with a share of the painting time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Payer {
    /// A client: for stills, and for the first frame of a view that nobody had open.
    Client(IpAddr),
    /// A site: for the frames of its open pages.
    Site(Site),
}

impl Payer {
    pub(super) fn kind(&self) -> PayerKind {
        match self {
            Self::Site(_) => PayerKind::Site,
            Self::Client(_) => PayerKind::Client,
        }
    }

    /// Whether it is certainly one party.
    pub(crate) fn is_one(&self) -> bool {
        match self {
            Self::Client(address) => ClientNetwork::of(*address).is_public(),
            Self::Site(_) => true,
        }
    }

    /// The client with that address.
    pub fn client(address: IpAddr) -> Self {
        Self::Client(ClientNetwork::of(address).first_address())
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
