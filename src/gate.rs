//! The sites that may embed the counter: judges what a request says about its origin, and gives an [`Admission`] or a
//! [`GateError`]. Pure.

use std::error::Error;
use std::fmt;

pub use pattern::{Pattern, PatternError};

use onlookers_rooms::{RoomName, Site, SiteError};

mod pattern;

/// The sites that may embed the counter.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    allowed: Vec<Pattern>,
}

/// A request's own, unchecked words about where it comes from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claim<'a> {
    /// `Referer`: the embedding page's URL or, from another site, its origin only.
    pub referer: Option<&'a [u8]>,
    /// `Host`: this server's name, as the client wrote it.
    pub host: Option<&'a [u8]>,
    /// `Sec-Fetch-Dest`: the browser's use of the answer. Sent only over https and on loopback.
    pub destination: Option<&'a [u8]>,
    /// `site=`: the site that a page of this server speaks for.
    pub site: Option<&'a str>,
}

/// A request that may see its site's count and be counted there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admission {
    /// The embedding site.
    pub site: Site,
}

/// Why a request may not see a count.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GateError {
    /// No Referer, and not an image load of a browser: somebody opened the URL itself.
    Direct,
    /// An image load without a Referer, while only some sites are allowed.
    Nameless,
    /// The Referer isn't the URL of a web page.
    BadReferer(SiteError),
    /// `site=` isn't a site's name.
    BadSite(SiteError),
    /// A site that isn't on the list.
    NotAllowed(Site),
    /// A page that isn't on its site's list.
    PageNotAllowed(RoomName),
    /// A site without `--presence`, which doesn't show where its readers are.
    NoPresence(Site),
}

impl Gate {
    /// A gate that allows these sites; all sites if the list is empty.
    pub fn new(allowed: Vec<Pattern>) -> Self {
        Self { allowed }
    }

    /// Admits a request to the count of its site.
    ///
    /// # Errors
    /// [`GateError`], if it may not see a count.
    pub fn admit(&self, claim: &Claim<'_>) -> Result<Admission, GateError> {
        let Some(referer) = claim.referer.filter(|referer| !referer.is_empty()) else {
            return self.admit_nameless(claim);
        };
        let embedding = site_of(referer).map_err(GateError::BadReferer)?;
        // A Referer equal to Host is a page of this server; browsers send it from no other page.
        if !is_own(&embedding, claim.host) {
            return self.check(embedding);
        }
        // Only such a page (`/embed`) may speak for a site that isn't its own.
        match claim.site {
            None => Ok(Admission { site: embedding }),
            Some(name) => {
                let site: Site = name.parse().map_err(GateError::BadSite)?;
                if site == embedding { Ok(Admission { site }) } else { self.check(site) }
            }
        }
    }

    fn admit_nameless(&self, claim: &Claim<'_>) -> Result<Admission, GateError> {
        match claim.destination {
            Some(b"image" | b"iframe" | b"frame") if self.allowed.is_empty() => {
                Ok(Admission { site: Site::unnamed() })
            }
            Some(b"image" | b"iframe" | b"frame") => Err(GateError::Nameless),
            _ => Err(GateError::Direct),
        }
    }

    /// Whether `site` may embed.
    pub fn allows(&self, site: &Site) -> bool {
        self.allowed.is_empty() || self.allowed.iter().any(|pattern| pattern.matches(site))
    }

    /// The only site that may embed, if the list names exactly one.
    pub fn only_site(&self) -> Option<Site> {
        match &self.allowed[..] {
            [pattern] => pattern.as_site(),
            _ => None,
        }
    }

    fn check(&self, site: Site) -> Result<Admission, GateError> {
        if self.allows(&site) { Ok(Admission { site }) } else { Err(GateError::NotAllowed(site)) }
    }
}

fn site_of(referer: &[u8]) -> Result<Site, SiteError> {
    Site::of_url(std::str::from_utf8(referer).map_err(|_| SiteError::NotHttp)?)
}

/// Whether `site` is this server's own name.
fn is_own(site: &Site, host: Option<&[u8]>) -> bool {
    let host = host.and_then(|host| std::str::from_utf8(host).ok());
    host.and_then(|host| host.parse::<Site>().ok()).is_some_and(|own| own == *site)
}

/// For the log; the answers' short sentences are in `http/refusal.rs`.
impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("no Referer, and not an image load"),
            Self::Nameless => f.write_str("an image load without a Referer, and only some sites are allowed"),
            Self::BadReferer(_) => f.write_str("the Referer names no site"),
            Self::BadSite(_) => f.write_str("the parameter site names no site"),
            Self::NotAllowed(site) => write!(f, "{site} is not allowed"),
            Self::NoPresence(site) => write!(f, "{site} is without --presence"),
            Self::PageNotAllowed(room) => write!(f, "{room} is not among the pages of its site"),
        }
    }
}

impl Error for GateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::BadReferer(error) | Self::BadSite(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gate(patterns: &[&str]) -> Gate {
        Gate::new(patterns.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn from_page(referer: &str) -> Claim<'_> {
        Claim { referer: Some(referer.as_bytes()), host: Some(b"count.example"), ..Claim::default() }
    }

    fn admitted(gate: &Gate, claim: &Claim<'_>) -> Option<String> {
        gate.admit(claim).ok().map(|admission| admission.site.to_string())
    }

    #[test]
    fn an_open_gate_admits_each_site_to_its_own_count() {
        let open = gate(&[]);
        assert_eq!(admitted(&open, &from_page("https://a.example/x")).as_deref(), Some("a.example"));
        assert_eq!(admitted(&open, &from_page("https://b.example/x")).as_deref(), Some("b.example"));
    }

    #[test]
    fn without_a_referer_only_open_gates_admit_image_loads() {
        let image = Claim { destination: Some(b"image"), ..Claim::default() };
        let typed = Claim { destination: Some(b"document"), ..Claim::default() };
        assert_eq!(admitted(&gate(&[]), &image).as_deref(), Some(""));
        assert_eq!(gate(&[]).admit(&typed), Err(GateError::Direct));
        assert_eq!(gate(&[]).admit(&Claim::default()), Err(GateError::Direct));
        assert_eq!(
            gate(&[]).admit(&Claim { referer: Some(b""), ..Claim::default() }),
            Err(GateError::Direct)
        );
        assert_eq!(gate(&["example.com"]).admit(&image), Err(GateError::Nameless));
    }

    #[test]
    fn a_closed_gate_admits_its_sites_and_its_own_pages() {
        let closed = gate(&["example.com", "*.example.org"]);
        for referer in ["https://example.com/", "http://EXAMPLE.com:8080/", "https://a.b.example.org/"] {
            assert!(admitted(&closed, &from_page(referer)).is_some(), "{referer}");
        }
        assert_eq!(admitted(&closed, &from_page("http://count.example/")).as_deref(), Some("count.example"));
        for referer in
            ["https://example.org/", "https://badexample.com/", "https://example.com.evil.example/"]
        {
            assert!(matches!(closed.admit(&from_page(referer)), Err(GateError::NotAllowed(_))), "{referer}");
        }
    }

    #[test]
    fn only_this_servers_pages_speak_for_another_site() {
        let closed = gate(&["example.com"]);
        let speak = |referer, site| Claim { site: Some(site), ..from_page(referer) };
        let embed = "https://count.example/embed";
        assert_eq!(admitted(&closed, &speak(embed, "example.com")).as_deref(), Some("example.com"));
        assert_eq!(admitted(&closed, &speak(embed, "evil.example")), None);
        assert_eq!(closed.admit(&speak(embed, "..")), Err(GateError::BadSite(SiteError::Host)));
        let open = gate(&[]);
        assert_eq!(
            admitted(&open, &speak("https://evil.example/", "example.com")).as_deref(),
            Some("evil.example")
        );
    }

    #[test]
    fn a_referer_that_is_no_url_is_refused() {
        for referer in ["about:blank", "android-app://com.example/", "nonsense", "https:///"] {
            assert!(
                matches!(gate(&[]).admit(&from_page(referer)), Err(GateError::BadReferer(_))),
                "{referer}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_claim_admits_another_site(
            referer in prop::option::of(prop::collection::vec(any::<u8>(), 0..80)),
            host in prop::option::of("[a-z.:0-9]{0,20}"),
            site in prop::option::of("\\PC{0,20}"),
            destination in prop::option::of("image|document|iframe|x"),
        ) {
            let claim = Claim {
                referer: referer.as_deref(),
                host: host.as_deref().map(str::as_bytes),
                destination: destination.as_deref().map(str::as_bytes),
                site: site.as_deref(),
            };
            if let Ok(Admission { site }) = gate(&["example.com"]).admit(&claim) {
                prop_assert!(site.host() == "example.com" || is_own(&site, claim.host));
            }
        }

        #[test]
        fn hosts_below_a_pattern_are_admitted_and_no_others(host in "([a-c]{1,2}\\.){0,3}(example|xexample)\\.com") {
            let is_admitted = admitted(&gate(&["*.example.com"]), &from_page(&format!("https://{host}/"))).is_some();
            prop_assert_eq!(is_admitted, host.ends_with(".example.com"));
        }
    }
}
