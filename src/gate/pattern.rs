//! An entry of the list of sites that may embed: `example.com`, `*.example.org`, `localhost:3000`, `capacitor://localhost`.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use onlookers_rooms::{Site, SiteError};
use onlookers_rooms::{canonical_host, split_port};

use super::origin::{Embedder, app_scheme};

/// The sites that an entry of the list stands for.
///
/// `example.com` is that host on any port; `example.com:8080` on that port only, where 80 and 443 match a URL without a
/// port; `*.example.org` every host below `example.org`, but not `example.org` itself. Internationalised names may have
/// either spelling. `capacitor://localhost` is that host in an app; `file://` are pages that don't say where they are, which
/// files are, and also pages that send no Referer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    /// The scheme of an app's pages; those of the web if it is missing.
    app: Option<String>,
    /// Empty for [`Site::unnamed`].
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
    /// Whether the pattern stands for a page that embeds.
    pub(super) fn includes(&self, embedder: &Embedder) -> bool {
        self.app == embedder.app && self.matches(&embedder.site)
    }

    /// Whether the pattern stands for `site`, be it on the web or in an app.
    pub fn matches(&self, site: &Site) -> bool {
        self.matches_host(site.host()) && self.port.is_none_or(|port| matches_port(port, site.port()))
    }

    /// Whether the pattern stands for pages of `site`: those of the app with that scheme, or those on the web. What doesn't say
    /// where it is has no scheme either.
    pub(super) fn denies(&self, site: &Site, app: Option<&str>) -> bool {
        self.matches(site) && (self.app.as_deref() == app || self.host.is_empty())
    }

    /// The site that it stands for, if that is exactly one.
    pub(crate) fn as_site(&self) -> Option<Site> {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        (!self.below).then(|| format!("{}{port}", self.host).parse().ok()).flatten()
    }

    fn files() -> Self {
        Self { app: Some("file".to_owned()), host: String::new(), below: false, port: None }
    }

    fn matches_host(&self, host: &str) -> bool {
        if !self.below {
            return host == self.host;
        }
        host.strip_suffix(&self.host).is_some_and(|labels| labels.ends_with('.'))
    }
}

/// Whether a host could be that of a page: letters, digits, hyphens and underscores between dots, or an address. A last label
/// of digits makes it an address (URL Living Standard, section 3.5).
pub(super) fn is_host(host: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    match is_number {
        true => host.parse::<Ipv4Addr>().is_ok(),
        false => host.starts_with('[') || !host.is_empty() && host.chars().all(is_part),
    }
}

fn matches_port(wanted: u16, port: Option<u16>) -> bool {
    port.map_or(matches!(wanted, 80 | 443), |port| port == wanted)
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse = |why| PatternError { text: text.to_owned(), why };
        let (app, rest) = match text.split_once("://") {
            Some((scheme, "" | "/")) if scheme.eq_ignore_ascii_case("file") => return Ok(Self::files()),
            // A file has no host, nor a Referer.
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("file") => return Err(refuse(SiteError::Host)),
            Some((scheme, rest)) => (Some(app_scheme(scheme).ok_or_else(|| refuse(SiteError::Host))?), rest),
            None => (None, text),
        };
        let (below, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let (host, port) = split_port(rest).map_err(refuse)?;
        let host = canonical_host(host).map_err(refuse)?;
        // Marks that a shell has left, or an asterisk elsewhere, would count as letters, and the pattern would match nothing.
        if !is_host(&host) || port == Some(0) {
            return Err(refuse(SiteError::Host));
        }
        Ok(Self { app, host, below, port })
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is {}; write example.com, *.example.com, example.com:8080 or capacitor://localhost",
            self.text, self.why
        )
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
    fn a_scheme_matches_that_apps_pages_only() {
        let includes = |pattern: &str, url: &str| {
            let embedder = Embedder::of_url(url.as_bytes()).unwrap();
            pattern.parse::<Pattern>().unwrap().includes(&embedder)
        };
        assert!(includes("capacitor://localhost", "capacitor://localhost"));
        assert!(includes("App://Obsidian.md", "app://obsidian.md/index.html"));
        assert!(includes("app://*.example", "app://a.example"));
        assert!(includes("tauri://localhost:1420", "tauri://localhost:1420/"));
        for url in ["http://localhost/", "ionic://localhost", "capacitor://localhost.example"] {
            assert!(!includes("capacitor://localhost", url), "{url}");
        }
        assert!(!includes("localhost", "capacitor://localhost"));
        assert!("file://".parse::<Pattern>().unwrap().matches(&Site::unnamed()));
        assert!(!matches("file://", "https://example.com/"));
    }

    #[test]
    fn bad_patterns_are_refused_with_a_sentence() {
        for text in [
            "",
            "*",
            "*.",
            "a.*.example",
            "\"example.com\"",
            "a.example;b.example",
            "$HOST",
            "a.example b.example",
            "https://example.com",
            "example.com/path",
            "a b",
            "example.com:x",
            "://a",
            "app://",
            "file://a/b",
            "file://server",
            "example.com:0",
            "999.1.1.1",
        ] {
            assert!(text.parse::<Pattern>().is_err(), "{text:?}");
        }
        assert_eq!(
            "exa mple".parse::<Pattern>().unwrap_err().to_string(),
            "\"exa mple\" is not a host name; write example.com, *.example.com, example.com:8080 or capacitor://localhost"
        );
    }
}
