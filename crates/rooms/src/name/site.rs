//! Names of sites: parsed once, one spelling for each.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::sync::Arc;

use idna::AsciiDenyList;

/// The longest host name that DNS can carry, in bytes (RFC 1035, section 2.3.4, less the root's dot and lengths).
const LONGEST_HOST: usize = 253;

/// A site: the host of the pages that embed a counter, and the port if it isn't the scheme's own.
///
/// Host names are in lower case, internationalised ones as their ASCII form (UTS 46), without a trailing dot:
/// `example.com`, `xn--bcher-kva.example`, `localhost:3000`, `[::1]:8080`. At most 259 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Site(Arc<str>);

/// Text that names no site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SiteError {
    /// Not an `http:` or `https:` URL.
    NotHttp,
    /// Not a host name or an address.
    Host,
    /// Not a port.
    Port,
}

impl Site {
    /// The site of the pages that don't say where they are, because they send no Referer.
    pub fn unnamed() -> Self {
        Self(Arc::from(""))
    }

    /// The site of the page at `url`, as a Referer names it.
    ///
    /// # Errors
    /// [`SiteError`] if `url` isn't that of a page on the web.
    pub fn of_url(url: &(impl AsRef<[u8]> + ?Sized)) -> Result<Self, SiteError> {
        let (scheme, authority) = split_url(url.as_ref())?;
        let default_port = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => 443,
            _ if scheme.eq_ignore_ascii_case("http") => 80,
            _ => return Err(SiteError::NotHttp),
        };
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_userinfo, host)| host);
        let (host, port) = split_port(host_and_port)?;
        Self::new(host, port.filter(|port| *port != default_port))
    }

    fn new(host: &str, port: Option<u16>) -> Result<Self, SiteError> {
        let host = canonical_host(host)?;
        Ok(Self(match port {
            Some(port) => format!("{host}:{port}").into(),
            None => host.into(),
        }))
    }

    /// The whole name: `example.com`, `localhost:3000`; empty for [`Site::unnamed`].
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host alone.
    pub fn host(&self) -> &str {
        self.split().0
    }

    /// The port, unless it is the scheme's own.
    pub fn port(&self) -> Option<u16> {
        self.split().1
    }

    /// Split each time, because names are in memory by the hundred thousand.
    fn split(&self) -> (&str, Option<u16>) {
        split_port(&self.0).unwrap_or((&self.0, None))
    }
}

/// `example.com` or `example.com:8080`, as a Host header or a `site=` names it. The ports 80 and 443 are left out of
/// the name, because the scheme isn't known here.
impl FromStr for Site {
    type Err = SiteError;

    fn from_str(text: &str) -> Result<Self, SiteError> {
        let (host, port) = split_port(text)?;
        Self::new(host, port.filter(|port| !matches!(port, 80 | 443)))
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The scheme and the authority of a URL, which is text up to there: a path may be in any encoding.
///
/// # Errors
/// [`SiteError`], if it has none of these.
pub fn split_url(url: &[u8]) -> Result<(&str, &str), SiteError> {
    let at = url.windows(3).position(|mark| mark == b"://").ok_or(SiteError::NotHttp)?;
    let (scheme, rest) = (&url[..at], &url[at + 3..]);
    let end = rest.iter().position(|byte| b"/?#\\".contains(byte)).unwrap_or(rest.len());
    let scheme = std::str::from_utf8(scheme).map_err(|_| SiteError::NotHttp)?;
    Ok((scheme, std::str::from_utf8(&rest[..end]).map_err(|_| SiteError::Host)?))
}

/// Splits `host:port`; an IPv6 host is in brackets, which stay.
///
/// # Errors
/// [`SiteError`], if it is neither.
pub fn split_port(text: &str) -> Result<(&str, Option<u16>), SiteError> {
    let host_end = match text.strip_prefix('[') {
        Some(_) => text.find(']').ok_or(SiteError::Host)? + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at(host_end);
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, None)),
        None => Err(SiteError::Host),
        // `host:` with nothing after it means the default port (RFC 3986, section 3.2.3).
        Some("") => Ok((host, None)),
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
            port.parse().map(|port| (host, Some(port))).map_err(|_| SiteError::Port)
        }
        Some(_) => Err(SiteError::Port),
    }
}

/// The one spelling of a host: lower case, ASCII, no trailing dot.
///
/// # Errors
/// [`SiteError::Host`], if it isn't one.
pub fn canonical_host(host: &str) -> Result<String, SiteError> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().map_err(|_| SiteError::Host)?;
        return Ok(format!("[{address}]"));
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    // The bound comes before the conversion, whose work grows with its input: 4 bytes hold any character.
    if host.len() > 4 * LONGEST_HOST {
        return Err(SiteError::Host);
    }
    let ascii =
        idna::domain_to_ascii_cow(host.as_bytes(), AsciiDenyList::URL).map_err(|_| SiteError::Host)?;
    // A dot may have been spelled in another script, so what follows looks at the result.
    let well_formed = ascii.len() <= LONGEST_HOST && ascii.split('.').all(|label| !label.is_empty());
    if well_formed { Ok(ascii.into_owned()) } else { Err(SiteError::Host) }
}

impl fmt::Display for SiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHttp => "not the URL of a web page",
            Self::Host => "not a host name",
            Self::Port => "not a port",
        })
    }
}

impl std::error::Error for SiteError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_site_has_one_name() {
        for (url, name) in [
            ("https://example.com/", "example.com"),
            ("HTTPS://Example.COM./posts/1?a=b#c", "example.com"),
            ("http://example.com:80", "example.com"),
            ("https://example.com:443/", "example.com"),
            ("http://example.com:443/", "example.com:443"),
            ("http://localhost:3000/x", "localhost:3000"),
            ("http://user:pass@example.com/", "example.com"),
            ("http://[::1]:8080/", "[::1]:8080"),
            ("http://[0:0:0:0:0:0:0:1]/", "[::1]"),
            ("https://bücher.example/", "xn--bcher-kva.example"),
            ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
            ("https://BÜCHER。example/", "xn--bcher-kva.example"),
            ("https://my_host.example/", "my_host.example"),
        ] {
            assert_eq!(Site::of_url(url).map(|site| site.to_string()).as_deref(), Ok(name), "{url}");
        }
    }

    #[test]
    fn text_that_names_no_site_is_refused() {
        for (url, error) in [
            ("", SiteError::NotHttp),
            ("example.com", SiteError::NotHttp),
            ("ftp://example.com/", SiteError::NotHttp),
            ("file:///etc/passwd", SiteError::NotHttp),
            ("https://", SiteError::Host),
            ("https:///path", SiteError::Host),
            ("https://.", SiteError::Host),
            ("https://a..b/", SiteError::Host),
            ("https://exa mple.com/", SiteError::Host),
            ("https://[::1/", SiteError::Host),
            ("https://[::g]/", SiteError::Host),
            ("https://[::1]x/", SiteError::Host),
            ("https://example.com:99999/", SiteError::Port),
            ("https://example.com:+1/", SiteError::Port),
            ("https://example.com:8a/", SiteError::Port),
        ] {
            assert_eq!(Site::of_url(url), Err(error), "{url}");
        }
        assert_eq!(Site::of_url(&format!("https://{}/", "a.".repeat(10_000))), Err(SiteError::Host));
        assert_eq!(Site::of_url(b"https://r\xe9els.example/"), Err(SiteError::Host));
        assert!(Site::of_url(b"https://example.com/r\xe9els").is_ok(), "a path is octets");
    }

    #[test]
    fn host_and_port_are_told_apart() {
        let site: Site = "[::1]:8080".parse().unwrap();
        assert_eq!((site.host(), site.port()), ("[::1]", Some(8080)));
        let site: Site = "Example.com:443".parse().unwrap();
        assert_eq!((site.host(), site.port()), ("example.com", None));
        assert_eq!((Site::unnamed().host(), Site::unnamed().port()), ("", None));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_name_names_itself(text in "\\PC{0,300}", port in any::<u16>()) {
            let _ = Site::of_url(&text);
            let _ = text.parse::<Site>();
            if let Ok(site) = Site::of_url(&format!("https://{text}:{port}/")) {
                prop_assert!(site.as_str().len() <= LONGEST_HOST + 6);
                prop_assert_eq!(Site::of_url(&format!("https://{site}/")), Ok(site));
            }
        }
    }
}
