//! Clients and sites that the configuration denies: they are refused, and a reload ends what they have open.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use onlookers_rooms::Site;

use crate::gate::DeniedSites;
use crate::net::address::untranslated;
use crate::net::remote::Remote;

/// The bounds of an [`AgentPattern`], in letters. Very short ones would stand for nearly everybody.
const LENGTHS: std::ops::RangeInclusive<usize> = 3..=200;

/// A part of the `User-Agent` by which clients are known: `BadBot`. Letters are the same in either case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentPattern(String);

/// A text that isn't such a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AgentPatternError;

impl AgentPattern {
    fn matches(&self, agent: &[u8]) -> bool {
        agent.windows(self.0.len()).any(|part| part.eq_ignore_ascii_case(self.0.as_bytes()))
    }
}

/// All that is denied.
#[derive(Debug, Default)]
pub(crate) struct DenyList {
    networks: Vec<IpNet>,
    sites: DeniedSites,
    agents: Vec<AgentPattern>,
}

impl DenyList {
    pub(crate) fn new(networks: Vec<IpNet>, sites: DeniedSites, agents: Vec<AgentPattern>) -> Self {
        Self { networks, sites, agents }
    }

    /// Whether nobody is denied.
    pub(crate) fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.sites.is_empty() && self.agents.is_empty()
    }

    /// Whether a client at that address with that `User-Agent` is denied.
    pub(crate) fn denies_client(&self, address: IpAddr, agent: &[u8]) -> bool {
        // A translator's address is that of IPv4, too, as where clients are told apart.
        let addresses = [address.to_canonical(), untranslated(address)];
        self.networks.iter().any(|network| addresses.iter().any(|address| network.contains(address)))
            || self.agents.iter().any(|pattern| pattern.matches(agent))
    }

    /// Whether a viewer of `site` is denied. Of one that isn't known, the site alone is judged.
    pub(crate) fn denies(&self, remote: Option<&Remote>, site: &Site) -> bool {
        self.sites.deny(site, remote.and_then(Remote::app))
            || remote.is_some_and(|remote| self.denies_client(remote.address(), remote.agent()))
    }
}

impl FromStr for AgentPattern {
    type Err = AgentPatternError;

    fn from_str(text: &str) -> Result<Self, AgentPatternError> {
        let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if is_printable && LENGTHS.contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AgentPatternError)
        }
    }
}

impl fmt::Display for AgentPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write a part of a User-Agent, as BadBot: 3 to 200 letters, digits and signs of ASCII")
    }
}

impl std::error::Error for AgentPatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_denied_by_network_and_by_a_part_of_their_agent() {
        let networks = vec!["198.51.100.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        let list = DenyList::new(networks, DeniedSites::default(), vec!["BadBot".parse().unwrap()]);
        let denies =
            |address: &str, agent: &str| list.denies_client(address.parse().unwrap(), agent.as_bytes());
        assert!(denies("198.51.100.7", "") && denies("::ffff:198.51.100.7", "") && denies("2001:db8::1", ""));
        assert!(
            denies("192.0.2.1", "Mozilla/5.0 (badbot/1.0)") && !denies("192.0.2.1", "Mozilla/5.0 (bad bot)")
        );
    }

    #[test]
    fn an_address_of_ipv4_is_denied_however_it_is_written() {
        let network = |text: &str| crate::settings::values::network(text).unwrap();
        let denies = |text: &str, address: &str| {
            DenyList::new(vec![network(text)], DeniedSites::default(), Vec::new())
                .denies_client(address.parse().unwrap(), b"")
        };
        let same = ["192.0.2.7", "::ffff:192.0.2.7", "64:ff9b::192.0.2.7"];
        for text in ["192.0.2.0/24", "::ffff:192.0.2.0/120"] {
            assert!(same.iter().all(|address| denies(text, address)), "{text}");
            assert!(!denies(text, "192.0.3.7") && !denies(text, "64:ff9b::192.0.3.7"), "{text}");
        }
        // Those that come through a translator alone.
        let translated = "64:ff9b::/96";
        assert!(denies(translated, same[2]) && !denies(translated, same[0]) && !denies(translated, same[1]));
    }

    #[test]
    fn a_part_that_stands_for_everybody_is_refused() {
        for text in ["", "ab", "b\u{f6}t", "a\tb", &"x".repeat(201)] {
            assert_eq!(text.parse::<AgentPattern>(), Err(AgentPatternError), "{text:?}");
        }
    }
}
