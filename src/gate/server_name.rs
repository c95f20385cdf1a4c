//! The host names of this server, by which its own pages are known.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use super::pattern::is_host;
use onlookers_rooms::{SiteError, canonical_host, split_port};

/// A host name of this server, on any port: `count.example`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerName(String);

/// Why text is no name of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerNameError(String);

impl ServerName {
    pub(super) fn is(&self, host: &str) -> bool {
        self.0 == host
    }
}

/// Whether `host` is a server's own, whatever it is called: an address, or a name that browsers resolve to the loopback
/// themselves (RFC 6761, section 6.3). A stranger's name can be made to resolve to this server; these can't be a stranger's.
pub(super) fn is_address_or_loopback(host: &str) -> bool {
    // Of a site's characters, only an IPv6 address has a bracket.
    host == "localhost"
        || host.ends_with(".localhost")
        || host.starts_with('[')
        || host.parse::<Ipv4Addr>().is_ok()
}

impl FromStr for ServerName {
    type Err = ServerNameError;

    fn from_str(text: &str) -> Result<Self, ServerNameError> {
        let host = || match split_port(text)? {
            (host, None) => canonical_host(host),
            _ => Err(SiteError::Port),
        };
        let host = host().ok().filter(|host| is_host(host));
        host.map(Self).ok_or_else(|| ServerNameError(text.to_owned()))
    }
}

impl fmt::Display for ServerNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a host name; write count.example, without scheme, port or asterisk", self.0)
    }
}

impl std::error::Error for ServerNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_host_in_its_one_spelling() {
        for text in ["count.example", "COUNT.example.", "count.example:"] {
            assert!(text.parse::<ServerName>().unwrap().is("count.example"), "{text}");
        }
        assert!("bücher.example".parse::<ServerName>().unwrap().is("xn--bcher-kva.example"));
        for text in ["", "https://count.example", "count.example:8080", "*.example", "a b", "count.example/"]
        {
            let error = text.parse::<ServerName>().unwrap_err().to_string();
            assert!(error.contains("write count.example"), "{text}: {error}");
        }
    }

    #[test]
    fn addresses_and_loopback_names_are_the_servers_own() {
        for host in ["localhost", "count.localhost", "127.0.0.1", "192.0.2.1", "[::1]", "[2001:db8::1]"] {
            assert!(is_address_or_loopback(host), "{host}");
        }
        for host in
            ["count.example", "localhost.example", "notlocalhost", "127.0.0.1.nip.example", "127.1", ""]
        {
            assert!(!is_address_or_loopback(host), "{host}");
        }
    }
}
