//! An entry of the list of sites that may embed: `example.com`, `*.example.org`, `localhost:3000`.

use std::fmt;
use std::str::FromStr;

use onlookers_rooms::{Site, SiteError};
use onlookers_rooms::{canonical_host, split_port};

/// The sites that an entry of the list stands for.
///
/// `example.com` is that host on any port; `example.com:8080` on that port only, where 80 and 443 match a URL without a
/// port; `*.example.org` every host below `example.org`, but not `example.org` itself. Internationalised names may have
/// either spelling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    host: String,
    below: bool,
    port: Option<u16>,
}

/// Why text is not a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatternError {
    text: String,
    why: SiteError,
}

impl Pattern {
    /// Whether the pattern stands for `site`.
    pub fn matches(&self, site: &Site) -> bool {
        self.matches_host(site.host()) && self.port.is_none_or(|port| matches_port(port, site.port()))
    }

    /// The site that it stands for, if that is exactly one.
    pub(crate) fn as_site(&self) -> Option<Site> {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        (!self.below).then(|| format!("{}{port}", self.host).parse().ok()).flatten()
    }

    fn matches_host(&self, host: &str) -> bool {
        if !self.below {
            return host == self.host;
        }
        host.strip_suffix(&self.host).is_some_and(|labels| labels.ends_with('.'))
    }
}

/// Whether a host could be that of a page: letters, digits, hyphens and underscores between dots, or an address.
pub(super) fn is_host(host: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    host.starts_with('[') || !host.is_empty() && host.chars().all(is_part)
}

fn matches_port(wanted: u16, port: Option<u16>) -> bool {
    port.map_or(matches!(wanted, 80 | 443), |port| port == wanted)
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse = |why| PatternError { text: text.to_owned(), why };
        let (below, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (host, port) = split_port(rest).map_err(refuse)?;
        let host = canonical_host(host).map_err(refuse)?;
        // Marks that a shell has left, or an asterisk elsewhere, would count as letters, and the pattern would match nothing.
        if !is_host(&host) {
            return Err(refuse(SiteError::Host));
        }
        Ok(Self { host, below, port })
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is {}; write example.com, *.example.com or example.com:8080", self.text, self.why)
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, url: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(&Site::of_url(url).unwrap())
    }

    #[test]
    fn a_host_matches_itself_on_any_port() {
        assert!(matches("example.com", "https://example.com/"));
        assert!(matches("Example.COM.", "http://example.com:8080/"));
        assert!(!matches("example.com", "https://www.example.com/"));
    }

    #[test]
    fn a_port_matches_only_that_port() {
        assert!(matches("localhost:3000", "http://localhost:3000/"));
        assert!(!matches("localhost:3000", "http://localhost:3001/"));
        assert!(!matches("localhost:3000", "http://localhost/"));
        assert!(matches("example.com:443", "https://example.com/"));
        assert!(matches("[::1]:8080", "http://[::1]:8080/"));
    }

    #[test]
    fn an_asterisk_matches_hosts_below() {
        assert!(matches("*.example.org", "https://a.example.org/"));
        assert!(matches("*.example.org:8080", "https://a.b.example.org:8080/"));
        assert!(!matches("*.example.org", "https://example.org/"));
        assert!(!matches("*.example.org", "https://badexample.org/"));
    }

    #[test]
    fn internationalised_names_have_two_spellings() {
        for pattern in ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example"] {
            assert!(matches(pattern, "https://bücher.example/"), "{pattern}");
            assert!(matches(pattern, "https://xn--bcher-kva.example/"), "{pattern}");
        }
    }

    #[test]
    fn bad_patterns_are_refused_with_a_sentence() {
        for text in
            ["", "*", "*.", "a.*.example", "\"example.com\"", "a.example;b.example", "$HOST", "a.example b.example", "https://example.com", "example.com/path", "a b", "example.com:x"]
        {
            assert!(text.parse::<Pattern>().is_err(), "{text:?}");
        }
        assert_eq!(
            "exa mple".parse::<Pattern>().unwrap_err().to_string(),
            "\"exa mple\" is not a host name; write example.com, *.example.com or example.com:8080"
        );
    }
}
