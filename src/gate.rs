//! The sites that may embed the counter: judges what a request says about its origin, and gives an [`Admission`] or a
//! [`GateError`]. Pure.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt;

pub use pattern::{Pattern, PatternError};
pub use server_name::{ServerName, ServerNameError};

pub(crate) use denied::DeniedSites;
use onlookers_rooms::{RoomName, Site, SiteError};
use origin::Embedder;

mod denied;
mod origin;
mod pattern;
mod server_name;

/// The sites that may embed the counter, and the names of the server whose own pages may speak for them.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    allowed: Vec<Pattern>,
    names: Vec<ServerName>,
    /// Sites whose pages are another site's.
    aliases: HashMap<Site, Site>,
    /// The sites of which an alias is allowed.
    allowed_by_alias: HashSet<Site>,
    denied: DeniedSites,
}

/// A request's own, unchecked words about where it comes from. A browser's scripts can't change any of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claim<'a> {
    /// `Referer`: the embedding page's URL or, from another site, its origin only.
    pub referer: Option<&'a [u8]>,
    /// `Host`: this server's name, as the client wrote it.
    pub host: Option<&'a [u8]>,
    /// `Sec-Fetch-Dest`: the browser's use of the answer. Sent only over https and on loopback.
    pub destination: Option<&'a [u8]>,
    /// `Sec-Fetch-Site: same-origin`: the page is at Host, though it may send no Referer; false for another value. Sent only
    /// over https and on loopback.
    pub same_origin: Option<bool>,
    /// `Origin: null`: a page without an origin that could be named, such as a file.
    pub opaque: bool,
    /// `site=`: the site that a page of this server speaks for. Empty, it is one whose pages send no Referer.
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
    /// Likewise, and it would be a page of this server if that had this name.
    NotOwnName(Site),
    /// A page that isn't on its site's list.
    PageNotAllowed(RoomName),
    /// A site without `--presence`, which doesn't show where its readers are.
    NoPresence(Site),
}

/// Whether a Host header names an address or the loopback, and so nobody but the server that it is sent to.
pub(crate) fn is_address_or_loopback(host: &[u8]) -> bool {
    origin::site_of_host(Some(host)).is_some_and(|site| server_name::is_address_or_loopback(site.host()))
}

impl Gate {
    /// A gate that allows these sites; all sites if the list is empty.
    pub fn new(allowed: Vec<Pattern>) -> Self {
        Self { allowed, ..Self::default() }
    }

    /// The same gate of a server with these names, besides its addresses and loopback names.
    pub fn named(self, names: Vec<ServerName>) -> Self {
        Self { names, ..self }
    }

    /// The same gate, to which each key of `aliases` is its value: it is allowed where that is.
    pub fn with_aliases(self, aliases: HashMap<Site, Site>) -> Self {
        let listed =
            aliases.iter().filter(|(alias, _)| self.includes(&Embedder::on_the_web((*alias).clone())));
        let allowed_by_alias = listed.map(|(_, site)| site.clone()).collect();
        Self { aliases, allowed_by_alias, ..self }
    }

    /// The same gate, which lets none of these sites in, whatever is allowed; a site under all of its names, if it is under one.
    pub fn denying(self, denied: Vec<Pattern>) -> Self {
        Self { denied: DeniedSites::new(denied, &self.aliases), ..self }
    }

    /// The sites that it never lets in.
    pub(crate) fn denied(&self) -> &DeniedSites {
        &self.denied
    }

    /// The site that `site` is, be it by an alias.
    pub fn canonical(&self, site: &Site) -> Site {
        self.aliases.get(site).unwrap_or(site).clone()
    }

    /// Admits a request to the count of its site.
    ///
    /// # Errors
    /// [`GateError`], if it may not see a count.
    pub fn admit(&self, claim: &Claim<'_>) -> Result<Admission, GateError> {
        let Some(embedder) = claim.embedder()? else { return self.admit_nameless(claim) };
        // A Referer equal to Host is a page of this server, if Host is a name of this server.
        if !embedder.is_at(claim.host) {
            return self.check(embedder);
        }
        let embedding = embedder.site.clone();
        // Without a Referer only Host says where the page is, and a proxy may have put the server's address there.
        let is_own = if claim.has_referer() {
            self.has_name(embedding.host())
        } else {
            self.is_stated(embedding.host())
        };
        if !is_own {
            return self.check(embedder).map_err(|_| GateError::NotOwnName(embedding));
        }
        // Only such a page (`/embed`) may speak for a site that isn't its own.
        match claim.site {
            None if self.denies(&embedding, None) => Err(GateError::NotAllowed(embedding)),
            None => Ok(Admission { site: self.canonical(&embedding) }),
            Some(name) => {
                let site = self.canonical(&name.parse().map_err(GateError::BadSite)?);
                if !self.denies(&site, None) && (site == self.canonical(&embedding) || self.allows(&site)) {
                    Ok(Admission { site })
                } else {
                    Err(GateError::NotAllowed(site))
                }
            }
        }
    }

    fn admit_nameless(&self, claim: &Claim<'_>) -> Result<Admission, GateError> {
        let is_shown = matches!(claim.destination, Some(b"image" | b"iframe" | b"frame"));
        if (claim.opaque || is_shown) && self.allows(&Site::unnamed()) {
            Ok(Admission { site: Site::unnamed() })
        } else if is_shown {
            Err(GateError::Nameless)
        } else {
            Err(GateError::Direct)
        }
    }

    /// Whether this server is called so. Anybody can have a name resolve to its address, and then scripts from there send a
    /// Host equal to their Origin (DNS rebinding). Where every site may embed anyway, any name will do unless one is stated.
    fn has_name(&self, host: &str) -> bool {
        let believes_all = self.allowed.is_empty() && self.names.is_empty();
        believes_all || server_name::is_address_or_loopback(host) || self.is_stated(host)
    }

    fn is_stated(&self, host: &str) -> bool {
        self.names.iter().any(|name| name.is(host))
    }

    /// Whether `site` may embed, be it by the name of an alias.
    pub fn allows(&self, site: &Site) -> bool {
        !self.denies(site, None)
            && (self.allowed.is_empty()
                || self.allowed.iter().any(|pattern| pattern.matches(site))
                || self.allowed_by_alias.contains(site))
    }

    /// An app's pages have no other names.
    fn denies(&self, site: &Site, app: Option<&str>) -> bool {
        let site = if app.is_none() { &self.canonical(site) } else { site };
        self.denied.deny(site, app)
    }

    /// The only site that may embed, if the list names exactly one.
    pub fn only_site(&self) -> Option<Site> {
        match &self.allowed[..] {
            [pattern] => pattern.as_site().map(|site| self.canonical(&site)),
            _ => None,
        }
    }

    fn check(&self, embedder: Embedder) -> Result<Admission, GateError> {
        // An app's pages are those of no host on the web.
        let is_on_web = embedder.app.is_none();
        let site = if is_on_web { self.canonical(&embedder.site) } else { embedder.site.clone() };
        let is_allowed = self.allowed.is_empty()
            || self.includes(&embedder)
            || is_on_web
                && (self.allowed_by_alias.contains(&site)
                    || self.includes(&Embedder::on_the_web(site.clone())));
        let is_allowed = is_allowed && !self.denies(&embedder.site, embedder.app.as_deref());
        if is_allowed { Ok(Admission { site }) } else { Err(GateError::NotAllowed(embedder.site)) }
    }

    fn includes(&self, embedder: &Embedder) -> bool {
        self.allowed.iter().any(|pattern| pattern.includes(embedder))
    }
}

impl Claim<'_> {
    /// The site that the request says it comes from, whether or not that may embed; `None` if it doesn't say.
    ///
    /// # Errors
    /// [`GateError::BadReferer`], if that isn't a page's.
    pub fn embedding_site(&self) -> Result<Option<Site>, GateError> {
        Ok(self.embedder()?.map(|embedder| embedder.site))
    }

    /// Whether the page is at another origin than this server, so that a browser may send only its origin as the Referer.
    pub fn is_cross_origin(&self) -> bool {
        let is_here = || self.embedder().ok().flatten().is_some_and(|embedder| embedder.is_at(self.host));
        // It says more than a comparison with Host: that names no scheme.
        !self.same_origin.unwrap_or_else(is_here)
    }

    /// The scheme of the app whose page it is; none for pages on the web.
    pub(crate) fn app(&self) -> Option<String> {
        self.embedder().ok().flatten()?.app
    }

    fn has_referer(&self) -> bool {
        self.referer.is_some_and(|referer| !referer.is_empty())
    }

    fn embedder(&self) -> Result<Option<Embedder>, GateError> {
        match self.referer.filter(|referer| !referer.is_empty()) {
            Some(referer) => Embedder::of_url(referer).map(Some).map_err(GateError::BadReferer),
            None if self.same_origin == Some(true) && self.site != Some("") => {
                Ok(origin::site_of_host(self.host).map(Embedder::on_the_web))
            }
            None => Ok(None),
        }
    }
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
            Self::NotOwnName(site) => {
                write!(
                    f,
                    "{site} is not allowed, and not a name of this server: --name {} would make it one",
                    site.host()
                )
            }
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
mod tests;
