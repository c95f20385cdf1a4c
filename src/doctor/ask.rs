//! The requests, as a browser on a page sends them.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};

use hyper::HeaderMap;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, HeaderName, HeaderValue, ORIGIN, REFERER, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use onlookers_rooms::Site;

use super::fetch::Network;
use super::url::Url;
use crate::wire::diagnosis;
use crate::wire::handshake::Key;

/// As the server needs it to take the doctor for a browser.
const AGENT: &str = concat!("Mozilla/5.0 (X11; Linux x86_64) onlookers-doctor/", env!("CARGO_PKG_VERSION"));

/// Asks for one room of a counter, as a page that shows it.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) network: Network,
    /// The counter's folder: `https://count.example/`.
    base: Url,
    /// The origin of the page.
    origin: String,
    site: Site,
    /// The page; the whole site without it.
    page: Option<String>,
}

impl Asker {
    /// As a page of `site`, whose origin is given; without one, as a page of the counter itself. The room is one that nobody
    /// else looks at.
    pub(super) fn new(network: Network, base: Url, site: Option<(Site, String)>) -> Self {
        let (site, origin) = site.unwrap_or_else(|| (base.site().clone(), base.origin()));
        Self { network, base, origin, site, page: Some(format!("/onlookers-doctor/{:016x}", random())) }
    }

    /// The same, for the whole site: where pages have no count of their own.
    pub(super) fn of_site(mut self) -> Self {
        self.page = None;
        self
    }

    pub(super) fn has_page(&self) -> bool {
        self.page.is_some()
    }

    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    fn is_own(&self) -> bool {
        self.origin == self.base.origin()
    }

    /// The picture, before it redirects to a unique address. `peek` looks without being counted.
    pub(super) fn redirect(&self) -> Url {
        self.base.beside(&format!("online.png?peek=1{}", self.page_parameter()))
    }

    /// The picture under a unique address.
    pub(super) fn picture(&self) -> Url {
        self.base.beside(&format!("online.png?u={:016x}{}", random(), self.page_parameter()))
    }

    pub(super) fn events(&self) -> Url {
        self.base.beside(&format!("events/{}?peek=1", self.room()))
    }

    pub(super) fn websocket(&self) -> Url {
        self.base.beside(&format!("ws/{}?peek=1", self.room()))
    }

    pub(super) fn number(&self) -> Url {
        self.base.beside(&format!("count/{}.txt", self.room()))
    }

    fn page_parameter(&self) -> String {
        self.page.as_ref().map(|page| format!("&page={page}")).unwrap_or_default()
    }

    fn room(&self) -> String {
        format!("{}{}", self.site, self.page.as_deref().unwrap_or_default())
    }

    pub(super) fn picture_headers(&self) -> HeaderMap {
        let mut headers = browser("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5");
        put(&mut headers, REFERER, &self.referer());
        put(&mut headers, HeaderName::from_static("sec-fetch-dest"), "image");
        put(&mut headers, HeaderName::from_static("sec-fetch-mode"), "no-cors");
        put(&mut headers, HeaderName::from_static("sec-fetch-site"), self.fetch_site());
        headers
    }

    pub(super) fn events_headers(&self) -> HeaderMap {
        let mut headers = browser("text/event-stream");
        put(&mut headers, ORIGIN, &self.origin);
        put(&mut headers, REFERER, &self.referer());
        headers
    }

    pub(super) fn websocket_headers(&self, key: &Key) -> HeaderMap {
        let mut headers = browser("*/*");
        put(&mut headers, ORIGIN, &self.origin);
        put(&mut headers, CONNECTION, "Upgrade");
        put(&mut headers, UPGRADE, "websocket");
        put(&mut headers, SEC_WEBSOCKET_VERSION, "13");
        put(&mut headers, SEC_WEBSOCKET_KEY, &String::from_utf8_lossy(key.as_bytes()));
        headers
    }

    /// Browsers name only the origin of the page to another site.
    pub(super) fn referer(&self) -> String {
        format!("{}/", self.origin)
    }

    fn fetch_site(&self) -> &'static str {
        if self.is_own() { "same-origin" } else { "cross-site" }
    }
}

/// The headers of every request of a browser.
pub(super) fn browser(accept: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd"));
    headers
}

/// The same, that ask how they arrive.
pub(super) fn asking(mut headers: HeaderMap) -> HeaderMap {
    put(&mut headers, HeaderName::from_static(diagnosis::HEADER), "1");
    headers
}

/// Sets a header. What can't be in one is left out: names of sites and origins always can.
pub(super) fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn random() -> u64 {
    RandomState::new().hash_one(())
}

pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hash = DefaultHasher::new();
    bytes.hash(&mut hash);
    hash.finish()
}
