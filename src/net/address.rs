//! A visitor's address: the socket's peer, or what trusted proxies say in a header.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use ipnet::IpNet;

/// The networks of the proxies whose forwarding headers are believed.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The address of the visitor whose request came from `peer`.
    ///
    /// Each proxy appends the address of its client, so the list is read from its right end, past trusted addresses, to
    /// the first address that isn't trusted. Anybody may have written what stands to the left of it. The first header
    /// present counts: X-Forwarded-For, then Forwarded (RFC 7239), then CF-Connecting-IP. Proxies append to
    /// X-Forwarded-For by default, and pass the others on as the visitor wrote them.
    pub(crate) fn visitor(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let hops = hops(headers);
        let mut visitor = peer;
        for hop in hops.iter().rev() {
            // Nothing to the left of an unreadable address can be trusted.
            let Some(address) = hop else { break };
            visitor = *address;
            if !self.trusts(visitor) {
                break;
            }
        }
        visitor
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The addresses that the proxies appended, nearest last; `None` for an entry that is not an address.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let list = |name: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(str::to_owned).collect::<Vec<_>>()
    };
    let forwarded_for = list("x-forwarded-for");
    if !forwarded_for.is_empty() {
        return forwarded_for.iter().map(|hop| address(hop)).collect();
    }
    let forwarded = list("forwarded");
    if !forwarded.is_empty() {
        return forwarded.iter().map(|hop| address(for_of(hop)?)).collect();
    }
    list("cf-connecting-ip").iter().map(|hop| address(hop)).collect()
}

/// The `for=` value of one element of Forwarded.
fn for_of(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    })
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    bare.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn visitor(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        proxies.visitor(peer.parse().unwrap(), &map).to_string()
    }

    #[test]
    fn headers_of_a_peer_that_is_no_proxy_are_ignored() {
        assert_eq!(visitor("192.0.2.1", &[("x-forwarded-for", "198.51.100.1")]), "192.0.2.1");
        assert_eq!(visitor("::ffff:192.0.2.1", &[]), "192.0.2.1");
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
        ] {
            assert_eq!(visitor("10.0.0.1", &[("x-forwarded-for", list)]), wanted, "{list}");
        }
        let two_lines = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(visitor("10.0.0.1", &two_lines), "198.51.100.1");
    }

    #[test]
    fn other_headers_count_if_x_forwarded_for_is_missing() {
        let forwarded =
            ("forwarded", "for=203.0.113.9, proto=https;For=\"[2001:db8::1]:80\";by=x, for=10.1.1.1");
        assert_eq!(visitor("::1", &[forwarded]), "2001:db8::1");
        assert_eq!(visitor("::1", &[("forwarded", "for=_hidden")]), "::1");
        assert_eq!(visitor("::1", &[("cf-connecting-ip", "198.51.100.1")]), "198.51.100.1");
        let both = [("cf-connecting-ip", "203.0.113.9"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(visitor("::1", &both), "198.51.100.1");
    }

    proptest! {
        #[test]
        fn text_left_of_the_visitor_changes_nothing(junk in "[ -~]{0,60}") {
            prop_assert_eq!(visitor("10.0.0.1", &[("x-forwarded-for", &format!("{junk}, 198.51.100.1"))]), "198.51.100.1");
        }
    }
}
