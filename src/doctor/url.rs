//! Addresses that the doctor visits: http and https, parsed once.

use std::fmt;

use hyper::header::HeaderValue;
use onlookers_rooms::Site;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The longest address, in bytes.
const MAX_LENGTH: usize = 4_000;

/// The longest chain of directories that is resolved.
const MAX_SEGMENTS: usize = 200;

/// What a request's line can't have in it.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'\\');

/// An address of http or https.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Url {
    pub(super) is_https: bool,
    site: Site,
    path: String,
    query: Option<String>,
}

impl Url {
    /// Parses an absolute address. A fragment is dropped.
    ///
    /// # Errors
    /// A sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || "write it as https://count.example/".to_owned();
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return Err(format!("it is longer than {MAX_LENGTH} bytes"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        let site = Site::of_url(text).map_err(|_| bad())?;
        let target = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
        let mut url = Self { is_https, site, path: "/".to_owned(), query: None };
        url.set_target(target);
        Ok(url)
    }

    /// The address that `reference`, in a page at this one, leads to; none if that is of another scheme.
    pub(super) fn join(&self, reference: &str) -> Option<Self> {
        let reference = reference.trim();
        let has_scheme = reference.split_once(':').is_some_and(|(scheme, _)| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        });
        if has_scheme {
            return Self::parse(reference).ok();
        }
        if reference.starts_with("//") {
            return Self::parse(&format!("{}:{reference}", self.scheme())).ok();
        }
        if reference.len() > MAX_LENGTH {
            return None;
        }
        let directory = &self.path[..=self.path.rfind('/')?];
        let mut url = self.clone();
        match reference.bytes().next() {
            None | Some(b'#') => {}
            Some(b'/') => url.set_target(reference),
            Some(b'?') => url.set_target(&format!("{}{reference}", self.path)),
            Some(_) => url.set_target(&format!("{directory}{reference}")),
        }
        Some(url)
    }

    /// The address of a file or folder beside this one, with a query.
    pub(super) fn beside(&self, name: &str) -> Self {
        let directory = self.path.rfind('/').map_or("/", |at| &self.path[..=at]).to_owned();
        let mut url = self.clone();
        url.set_target(&format!("{directory}{name}"));
        url
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.is_https { "https" } else { "http" }
    }

    /// The host, and the port if it isn't the scheme's own, as a `Host` has them.
    pub(super) fn authority(&self) -> &str {
        self.site.as_str()
    }

    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// Its host without brackets.
    pub(super) fn host(&self) -> &str {
        self.site.host().trim_start_matches('[').trim_end_matches(']')
    }

    pub(super) fn port(&self) -> u16 {
        self.site.port().unwrap_or(if self.is_https { 443 } else { 80 })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether its query has this parameter with this value.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        let query = self.query.as_deref().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).any(|pair| pair == (name.into(), value.into()))
    }

    /// The same address by https.
    pub(super) fn with_https(&self) -> Self {
        Self { is_https: true, ..self.clone() }
    }

    /// The last part of the path: `online.png`.
    pub(super) fn file(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The scheme and the authority.
    pub(super) fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority())
    }

    /// The path and the query, as a request's line has them.
    pub(super) fn target(&self) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", self.path)
    }

    /// `Host`.
    pub(super) fn host_header(&self) -> HeaderValue {
        // The name of a site is ASCII that a header may have.
        HeaderValue::from_str(self.authority()).unwrap_or(HeaderValue::from_static("invalid"))
    }

    fn set_target(&mut self, target: &str) {
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        self.path = without_dots(&utf8_percent_encode(path, ESCAPED).to_string());
        self.query = query.map(|query| utf8_percent_encode(query, ESCAPED).to_string());
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.target())
    }
}

/// The path without `.` and `..` (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.trim_start_matches('/').split('/').take(MAX_SEGMENTS) {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        segments.push("");
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_parsed_into_its_parts() {
        let url = Url::parse("HTTPS://Bücher.Example:443/a/../b c?page=/é#x").unwrap();
        assert_eq!(url.to_string(), "https://xn--bcher-kva.example/b%20c?page=/%C3%A9");
        assert_eq!((url.host(), url.port()), ("xn--bcher-kva.example", 443));
        let url = Url::parse("http://[::1]:9192").unwrap();
        assert_eq!((url.host(), url.port(), url.target()), ("::1", 9192, "/".to_owned()));
        assert_eq!(Url::parse("http://count.example?live=1").unwrap().target(), "/?live=1");
        for bad in ["count.example", "ftp://count.example/", "https://", "https://a b/", "http://x:99999/"] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn references_are_resolved_as_browsers_do() {
        let page = Url::parse("https://example.com/posts/1?a=b").unwrap();
        for (reference, wanted) in [
            ("https://count.example/online.png", "https://count.example/online.png"),
            ("//count.example/online.png?u=1", "https://count.example/online.png?u=1"),
            ("/online.png", "https://example.com/online.png"),
            ("online.png", "https://example.com/posts/online.png"),
            ("../online.png", "https://example.com/online.png"),
            ("?page=auto", "https://example.com/posts/1?page=auto"),
            ("", "https://example.com/posts/1?a=b"),
            ("x?page=http://y", "https://example.com/posts/x?page=http://y"),
        ] {
            assert_eq!(page.join(reference).unwrap().to_string(), wanted, "{reference}");
        }
        for other in ["data:image/png;base64,", "javascript:alert(1)", "mailto:a@b"] {
            assert_eq!(page.join(other), None, "{other}");
        }
        assert_eq!(page.beside("x?y").to_string(), "https://example.com/posts/x?y");
    }
}
