//! Who may embed: from what a request says of itself to an [`Admission`] or a [`Refusal`]. Pure.

use std::fmt;

pub use pattern::{Pattern, PatternError};

use crate::room::{RoomName, Site, SiteError};

mod pattern;

/// The sites that may embed the counter.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    allowed: Vec<Pattern>,
}

/// What a request says of where it comes from; text as it came, nothing of it checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claim<'a> {
    /// `Referer`: the embedding page's URL or, from another site, its origin only.
    pub referer: Option<&'a [u8]>,
    /// `Host`: the name under which this server was asked.
    pub host: Option<&'a [u8]>,
    /// `Sec-Fetch-Dest`: what the browser wants it for; sent over https and on loopback only.
    pub destination: Option<&'a [u8]>,
    /// `site=`: for which site the page speaks, if it is a page of this server.
    pub site: Option<&'a str>,
}

/// A request that may see its site's count, and be counted there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admission {
    /// The embedding site.
    pub site: Site,
}

/// Why a request sees no count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No Referer, and no browser says that it loads an image: somebody looks at the URL itself.
    Direct,
    /// An image load that doesn't say from which page, where only some sites are allowed.
    Nameless,
    /// The Referer isn't the URL of a web page.
    BadReferer(SiteError),
    /// `site=` isn't a site's name.
    BadSite(SiteError),
    /// A site that isn't on the list.
    NotAllowed(Site),
    /// A page that isn't on its site's list.
    PageNotAllowed(RoomName),
    /// A site that doesn't tell where its readers are.
    NoPresence(Site),
}

impl Gate {
    /// A gate for these sites; for every site if there are none.
    pub fn new(allowed: Vec<Pattern>) -> Self {
        Self { allowed }
    }

    /// Judges a request for the picture.
    ///
    /// # Errors
    /// The [`Refusal`], if it may not see a count.
    pub fn admit(&self, claim: &Claim<'_>) -> Result<Admission, Refusal> {
        let Some(referer) = claim.referer.filter(|referer| !referer.is_empty()) else {
            return self.admit_nameless(claim);
        };
        let embedding = site_of(referer).map_err(Refusal::BadReferer)?;
        // A Referer equal to Host is one of the pages this server shows; no other page's browser sends that.
        if !is_own(&embedding, claim.host) {
            return self.check(embedding);
        }
        // Only such a page (`/embed`) may speak for a site that isn't its own.
        match claim.site {
            None => Ok(Admission { site: embedding }),
            Some(name) => {
                let site: Site = name.parse().map_err(Refusal::BadSite)?;
                if site == embedding { Ok(Admission { site }) } else { self.check(site) }
            }
        }
    }

    fn admit_nameless(&self, claim: &Claim<'_>) -> Result<Admission, Refusal> {
        match claim.destination {
            Some(b"image" | b"iframe" | b"frame") if self.allowed.is_empty() => {
                Ok(Admission { site: Site::unnamed() })
            }
            Some(b"image" | b"iframe" | b"frame") => Err(Refusal::Nameless),
            _ => Err(Refusal::Direct),
        }
    }

    /// Whether `site` is one of those that may embed.
    pub fn allows(&self, site: &Site) -> bool {
        self.allowed.is_empty() || self.allowed.iter().any(|pattern| pattern.matches(site))
    }

    /// The one site that may embed, if there is just one and it is named.
    pub fn only_site(&self) -> Option<Site> {
        match &self.allowed[..] {
            [pattern] => pattern.as_site(),
            _ => None,
        }
    }

    fn check(&self, site: Site) -> Result<Admission, Refusal> {
        if self.allows(&site) { Ok(Admission { site }) } else { Err(Refusal::NotAllowed(site)) }
    }
}

fn site_of(referer: &[u8]) -> Result<Site, SiteError> {
    Site::of_url(std::str::from_utf8(referer).map_err(|_| SiteError::NotHttp)?)
}

/// Whether `site` is the one under whose name this server was asked.
fn is_own(site: &Site, host: Option<&[u8]>) -> bool {
    let host = host.and_then(|host| std::str::from_utf8(host).ok());
    host.and_then(|host| host.parse::<Site>().ok()).is_some_and(|own| own == *site)
}

/// The whole reason, for the log; the answers' short sentences are in `http.rs`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("no Referer, and not an image load"),
            Self::Nameless => f.write_str("an image load without a Referer, and only some sites are allowed"),
            Self::BadReferer(why) => write!(f, "the Referer is {why}"),
            Self::BadSite(why) => write!(f, "the parameter site is {why}"),
            Self::NotAllowed(site) => write!(f, "{site} is not allowed"),
            Self::NoPresence(site) => write!(f, "{site} is without --presence"),
            Self::PageNotAllowed(room) => write!(f, "{room} is not among the pages of its site"),
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
    fn an_open_gate_counts_every_site_for_itself() {
        let open = gate(&[]);
        assert_eq!(admitted(&open, &from_page("https://a.example/x")).as_deref(), Some("a.example"));
        assert_eq!(admitted(&open, &from_page("https://b.example/x")).as_deref(), Some("b.example"));
    }

    #[test]
    fn without_a_referer_only_an_image_load_enters_and_only_an_open_gate() {
        let image = Claim { destination: Some(b"image"), ..Claim::default() };
        let typed = Claim { destination: Some(b"document"), ..Claim::default() };
        assert_eq!(admitted(&gate(&[]), &image).as_deref(), Some(""));
        assert_eq!(gate(&[]).admit(&typed), Err(Refusal::Direct));
        assert_eq!(gate(&[]).admit(&Claim::default()), Err(Refusal::Direct));
        assert_eq!(gate(&[]).admit(&Claim { referer: Some(b""), ..Claim::default() }), Err(Refusal::Direct));
        assert_eq!(gate(&["example.com"]).admit(&image), Err(Refusal::Nameless));
    }

    #[test]
    fn a_closed_gate_lets_in_its_sites_and_its_own_pages() {
        let closed = gate(&["example.com", "*.example.org"]);
        for referer in ["https://example.com/", "http://EXAMPLE.com:8080/", "https://a.b.example.org/"] {
            assert!(admitted(&closed, &from_page(referer)).is_some(), "{referer}");
        }
        assert_eq!(admitted(&closed, &from_page("http://count.example/")).as_deref(), Some("count.example"));
        for referer in
            ["https://example.org/", "https://badexample.com/", "https://example.com.evil.example/"]
        {
            assert!(matches!(closed.admit(&from_page(referer)), Err(Refusal::NotAllowed(_))), "{referer}");
        }
    }

    #[test]
    fn only_this_servers_pages_speak_for_another_site() {
        let closed = gate(&["example.com"]);
        let speak = |referer, site| Claim { site: Some(site), ..from_page(referer) };
        let embed = "https://count.example/embed";
        assert_eq!(admitted(&closed, &speak(embed, "example.com")).as_deref(), Some("example.com"));
        assert_eq!(admitted(&closed, &speak(embed, "evil.example")), None);
        assert_eq!(closed.admit(&speak(embed, "..")), Err(Refusal::BadSite(SiteError::Host)));
        let open = gate(&[]);
        assert_eq!(
            admitted(&open, &speak("https://evil.example/", "example.com")).as_deref(),
            Some("evil.example")
        );
    }

    #[test]
    fn a_referer_that_is_no_url_is_refused() {
        for referer in ["about:blank", "android-app://com.example/", "nonsense", "https:///"] {
            assert!(matches!(gate(&[]).admit(&from_page(referer)), Err(Refusal::BadReferer(_))), "{referer}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_nobody_else_gets_in(
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
        fn a_host_is_allowed_exactly_if_it_is_below_the_pattern(host in "([a-c]{1,2}\\.){0,3}(example|xexample)\\.com") {
            let let_in = admitted(&gate(&["*.example.com"]), &from_page(&format!("https://{host}/"))).is_some();
            prop_assert_eq!(let_in, host.ends_with(".example.com"));
        }
    }
}
