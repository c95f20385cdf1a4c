//! A visitor's address: the socket's peer, or what trusted proxies say in one header; and the network that stands for a client.

use std::net::{IpAddr, Ipv4Addr};

use hyper::HeaderMap;
use ipnet::IpNet;

pub use header::{ClientHeader, ClientHeaderError};
pub(crate) use network::{ClientNetwork, canonical, untranslated};

mod header;
mod network;

/// The other end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Peer {
    /// Its address; the loopback's, if it is local.
    pub(crate) address: IpAddr,
    /// Whether it is a program on this machine that may open the file of a Unix socket. It is believed as a proxy is: by the
    /// mode and the group of the file.
    pub(crate) is_local: bool,
    /// Whether the connection to this server is encrypted.
    pub(crate) is_tls: bool,
}

impl Peer {
    /// The one at `address`, without encryption.
    pub(crate) fn at(address: IpAddr) -> Self {
        Self { address, is_local: false, is_tls: false }
    }

    /// A program on this machine, without encryption.
    pub(crate) fn local() -> Self {
        Self { address: Ipv4Addr::LOCALHOST.into(), is_local: true, is_tls: false }
    }
}

/// The networks of the proxies that are believed, and the one header in which they name the visitor's address.
///
/// It is one header, because a proxy passes on every other one as the visitor wrote it.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ClientHeader,
}

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>, header: ClientHeader) -> Self {
        Self { networks, header }
    }

    /// The address of the visitor whose request came from `peer`.
    ///
    /// Each proxy appends the address of its client, so a list is read from its right end, past trusted addresses, to the
    /// first address that isn't trusted. Anybody may have written what stands to the left of it, and to the left of an
    /// entry that is no address. So a header that can't be read leaves the address of the proxy.
    pub(crate) fn visitor(&self, peer: Peer, headers: &HeaderMap) -> IpAddr {
        let mut visitor = peer.address.to_canonical();
        let mut hops = self.header.hops(headers);
        let mut is_trusted = self.trusts(peer);
        while is_trusted {
            match hops.next() {
                Some(Some(hop)) => visitor = hop,
                Some(None) | None => break,
            }
            is_trusted = self.names(visitor);
        }
        visitor
    }

    /// The client at `address`; none if it is a proxy, or in a private network and so probably one: many clients may share it.
    pub(crate) fn client(&self, address: IpAddr) -> Option<ClientNetwork> {
        let client = ClientNetwork::of(address);
        (client.is_public() && !self.names(address)).then_some(client)
    }

    /// Whether `peer` is one of these proxies, or a local one.
    pub(crate) fn trusts(&self, peer: Peer) -> bool {
        peer.is_local || self.names(peer.address)
    }

    /// Whether there is one of these proxies at `address`.
    fn names(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    /// The visitor by the headers of a trusted proxy at 10.0.0.1, which believes this one of them.
    fn visitor(believed: &str, headers: &[(&str, &[u8])]) -> String {
        visitor_from("10.0.0.1", believed, headers)
    }

    fn visitor_from(peer: &str, believed: &str, headers: &[(&str, &[u8])]) -> String {
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let proxies = TrustedProxies::new(networks, believed.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value).unwrap());
        }
        proxies.visitor(Peer::at(peer.parse().unwrap()), &map).to_string()
    }

    const FORWARDED_FOR: &str = "x-forwarded-for";

    #[test]
    fn headers_of_a_peer_that_is_no_proxy_are_ignored() {
        let headers: [(&str, &[u8]); 1] = [(FORWARDED_FOR, b"198.51.100.1")];
        assert_eq!(visitor_from("192.0.2.1", FORWARDED_FOR, &headers), "192.0.2.1");
        assert_eq!(visitor_from("::ffff:192.0.2.1", FORWARDED_FOR, &[]), "192.0.2.1");
        assert_eq!(visitor_from("::1", FORWARDED_FOR, &headers), "198.51.100.1");
    }

    #[test]
    fn the_list_is_read_from_the_right_past_proxies() {
        for (list, wanted) in [
            ("198.51.100.1", "198.51.100.1"),
            ("203.0.113.9, 198.51.100.1", "198.51.100.1"),
            ("203.0.113.9, 198.51.100.1, 10.2.3.4", "198.51.100.1"),
            ("10.9.9.9, 10.2.3.4", "10.9.9.9"),
            ("198.51.100.1, nonsense, 10.2.3.4", "10.2.3.4"),
            ("", "10.0.0.1"),
            ("198.51.100.1:4711", "198.51.100.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
        ] {
            assert_eq!(visitor(FORWARDED_FOR, &[(FORWARDED_FOR, list.as_bytes())]), wanted, "{list}");
        }
        let two_lines: [(&str, &[u8]); 2] =
            [(FORWARDED_FOR, b"203.0.113.9"), (FORWARDED_FOR, b"198.51.100.1")];
        assert_eq!(visitor(FORWARDED_FOR, &two_lines), "198.51.100.1");
    }

    #[test]
    fn only_the_named_header_is_believed() {
        let others: [(&str, &[u8]); 3] = [
            ("cf-connecting-ip", b"203.0.113.9"),
            ("forwarded", b"for=203.0.113.9"),
            ("x-real-ip", b"203.0.113.9"),
        ];
        assert_eq!(visitor(FORWARDED_FOR, &others), "10.0.0.1");
        for unreadable in [&b"\xe9"[..], b"unknown", b"", b"198.51.100.1, \xe9"] {
            let headers = [&[(FORWARDED_FOR, unreadable)], &others[..]].concat();
            assert_eq!(visitor(FORWARDED_FOR, &headers), "10.0.0.1", "{unreadable:?}");
        }
        let appended: &[u8] = b"\xe9, 198.51.100.1";
        assert_eq!(
            visitor(FORWARDED_FOR, &[&[(FORWARDED_FOR, appended)], &others[..]].concat()),
            "198.51.100.1"
        );
        for believed in ["CF-Connecting-IP", "Forwarded", "X-Real-IP"] {
            assert_eq!(
                visitor(believed, &[&[(FORWARDED_FOR, appended)], &others[..]].concat()),
                "203.0.113.9"
            );
        }
    }

    #[test]
    fn a_header_of_one_address_counts_by_its_last_line() {
        let believed = "cf-connecting-ip";
        let lines: [(&str, &[u8]); 2] = [(believed, b"203.0.113.9"), (believed, b"198.51.100.1")];
        assert_eq!(visitor(believed, &lines), "198.51.100.1");
        assert_eq!(visitor(believed, &[(believed, b"10.9.9.9")]), "10.9.9.9");
        assert_eq!(visitor(believed, &[(believed, b" 2001:db8::1 ")]), "2001:db8::1");
        for unreadable in [&b"203.0.113.9, 198.51.100.1"[..], b"\xe9", b""] {
            let lines = [(believed, &b"203.0.113.9"[..]), (believed, unreadable)];
            assert_eq!(visitor(believed, &lines), "10.0.0.1", "{unreadable:?}");
        }
        assert_eq!(visitor(believed, &[]), "10.0.0.1");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        for (line, wanted) in [
            ("for=203.0.113.9, proto=https;For=\"[2001:db8::1]:80\";by=x, for=10.1.1.1", "2001:db8::1"),
            ("for=203.0.113.9, for=198.51.100.1;host=\"a, for=203.0.113.9\"", "198.51.100.1"),
            ("for=203.0.113.9, for=198.51.100.1;host=\"a\\\", for=203.0.113.9\"", "198.51.100.1"),
            ("for=203.0.113.9, for=_hidden", "10.0.0.1"),
            ("for=203.0.113.9, proto=https", "10.0.0.1"),
            // A quotation mark that a visitor left open reaches into what the proxy appended.
            ("for=\", for=198.51.100.1", "10.0.0.1"),
            ("x=\", for=\"[2001:db8::1]\"", "10.0.0.1"),
        ] {
            assert_eq!(visitor("forwarded", &[("forwarded", line.as_bytes())]), wanted, "{line}");
        }
        let two_lines: [(&str, &[u8]); 2] = [("forwarded", b"for=\""), ("forwarded", b"for=198.51.100.1")];
        assert_eq!(visitor("forwarded", &two_lines), "198.51.100.1");
    }

    #[test]
    fn a_program_on_this_machine_is_believed_without_being_named() {
        let proxies = TrustedProxies::default();
        let visitor = |peer, value: &'static str| {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static(FORWARDED_FOR),
                HeaderValue::from_static(value),
            )]);
            proxies.visitor(peer, &headers).to_string()
        };
        assert_eq!(visitor(Peer::local(), "203.0.113.9, 198.51.100.1"), "198.51.100.1");
        assert_eq!(visitor(Peer::local(), "198.51.100.1, 127.0.0.1"), "127.0.0.1");
        assert_eq!(visitor(Peer::local(), "unknown"), "127.0.0.1");
        assert_eq!(visitor(Peer::at(Ipv4Addr::LOCALHOST.into()), "198.51.100.1"), "127.0.0.1");
    }

    proptest! {
        #[test]
        fn text_left_of_the_visitor_changes_nothing(junk in prop::collection::vec(0x20_u8..=0xff, 0..60)) {
            prop_assume!(!junk.contains(&0x7f));
            let list = [&junk[..], b", 198.51.100.1"].concat();
            prop_assert_eq!(visitor(FORWARDED_FOR, &[(FORWARDED_FOR, &list)]), "198.51.100.1");
        }

        #[test]
        fn no_forwarded_of_a_visitor_names_another_address(junk in "[ -~]{0,40}|(for=|\"|\\\\|,|;|203[.]0[.]113[.]9| ){0,12}") {
            let line = format!("{junk}, for=\"[2001:db8::1]:80\"");
            let known = visitor("forwarded", &[("forwarded", line.as_bytes())]);
            prop_assert!(known == "2001:db8::1" || known == "10.0.0.1", "{known}");
        }
    }
}
