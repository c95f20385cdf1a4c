//! A request, parsed once for all routes.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::{ACCEPT, HOST, HeaderName, HeaderValue, ORIGIN, REFERER, USER_AGENT};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Version};
use onlookers_rooms::{Keys, RoomName, RoomNameError, Site, Visitor, path_of_url, split_url};

use super::client;
use super::query::{Query, QueryError};
use super::wishes::Wishes;
use crate::gate::Claim;
use crate::net::address::{ClientNetwork, Peer};
use crate::net::challenges;
use crate::net::remote::{Agents, Remote};
use crate::painting::Payer;
use crate::settings::Settings;
use crate::transport::Repaint;

/// The value of `page=` that stands for the page of the Referer.
const AUTO: &[u8] = b"auto";

/// The Origin of a page that has none which could be named: of a file, in a sandbox.
const OPAQUE: &[u8] = b"null";

/// A request: its URL, its headers, and its sender.
pub(super) struct Request<'r> {
    pub(super) method: &'r Method,
    pub(super) version: Version,
    pub(super) path: &'r str,
    pub(super) headers: &'r HeaderMap,
    /// Where the request says that it comes from, without `site=`.
    pub(super) claim: Claim<'r>,
    /// `Origin`, which browsers send with requests of scripts.
    pub(super) origin: Option<&'r [u8]>,
    /// The visitor's address, not a proxy's.
    pub(super) address: IpAddr,
    pub(super) wishes: Wishes,
    /// The settings in force when the request came.
    pub(super) settings: Arc<Settings>,
    /// The query as it came; nothing if it is missing.
    pub(super) raw_query: &'r str,
    agent: &'r [u8],
    /// Whether it came from a proxy that is trusted.
    pub(super) is_by_trusted: bool,
    /// Whether it came from a client, and not from a network where proxies are.
    pub(super) is_of_client: bool,
    pub(super) is_tls: bool,
    query: Result<Query<'r>, QueryError>,
}

impl<'r> Request<'r> {
    /// Parses a request that came from `peer`. A bad query is an error only for the routes that read it.
    pub(super) fn parse(parts: &'r Parts, peer: Peer, settings: Arc<Settings>) -> Self {
        let headers = &parts.headers;
        let bytes = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
        let is_forwarded = settings.proxies.trusts(peer);
        let forwarded_host = is_forwarded.then(|| first_of_list(headers, "x-forwarded-host")).flatten();
        Self {
            method: &parts.method,
            version: parts.version,
            path: parts.uri.path(),
            headers,
            claim: Claim {
                referer: bytes(REFERER),
                host: forwarded_host.or_else(|| authority(parts)).or_else(|| bytes(HOST)),
                destination: bytes(HeaderName::from_static("sec-fetch-dest")),
                same_origin: headers.get("sec-fetch-site").map(|site| site == "same-origin"),
                opaque: headers.get(ORIGIN).is_some_and(|origin| origin == OPAQUE),
                site: None,
            },
            origin: bytes(ORIGIN),
            address: settings.proxies.visitor(peer, headers),
            wishes: Wishes::of(headers),
            is_by_trusted: is_forwarded,
            is_of_client: settings.proxies.client(peer.address).is_some(),
            settings,
            is_tls: peer.is_tls,
            agent: bytes(USER_AGENT).unwrap_or_default(),
            raw_query: parts.uri.query().unwrap_or_default(),
            query: Query::parse(parts.uri.query()),
        }
    }

    /// The parsed query.
    ///
    /// # Errors
    /// [`QueryError`], if it can't be parsed.
    pub(super) fn query(&self) -> Result<&Query<'r>, QueryError> {
        self.query.as_ref().map_err(Clone::clone)
    }

    /// The path's first segment with both slashes, as in `/badge/`; the whole path if it has just one slash.
    pub(super) fn directory(&self) -> &'r str {
        &self.path[..self.path.len() - self.rest().len()]
    }

    /// The path after its first segment: `example.com/posts/1` of `/ws/example.com/posts/1`.
    pub(super) fn rest(&self) -> &'r str {
        self.path.get(1..).and_then(|path| path.split_once('/')).map_or("", |(_, rest)| rest)
    }

    /// The room that the path names after its first segment.
    ///
    /// # Errors
    /// [`RoomNameError`], if it isn't a room's name.
    pub(super) fn room(&self) -> Result<RoomName, RoomNameError> {
        self.room_named(self.rest())
    }

    /// The room with this name.
    ///
    /// # Errors
    /// [`RoomNameError`], if it isn't a room's name.
    pub(super) fn room_named(&self, name: &str) -> Result<RoomName, RoomNameError> {
        self.settings.room_named(name)
    }

    /// The room of `site` that `page=` names; the whole site without it.
    ///
    /// # Errors
    /// [`QueryError`], if it isn't a page's name.
    pub(super) fn room_of(&self, site: Site) -> Result<RoomName, QueryError> {
        let query = self.query()?;
        let page = match query.page.as_deref() {
            None => return Ok(RoomName::site(site)),
            Some(AUTO) if self.hides_page() => return Ok(RoomName::site(site)),
            Some(AUTO) => path_of_url(self.claim.referer.unwrap_or_default()),
            Some(path) => path,
        };
        let page = self.settings.page_rules(&site).page(page, query.page_query);
        page.map(|page| RoomName::page(site, page)).map_err(|why| QueryError::new("page", why))
    }

    /// Whether it asks for the page of a Referer that is only an origin.
    pub(super) fn misses_page(&self) -> bool {
        let is_auto = self.query().is_ok_and(|query| query.page.as_deref() == Some(AUTO));
        is_auto && self.claim.referer.is_some() && self.hides_page()
    }

    /// Whether the Referer is missing, or only an origin. That is what browsers send across origins unless a page asks for more,
    /// and then a page can't be told from the front page.
    fn hides_page(&self) -> bool {
        let referer = self.claim.referer.unwrap_or_default();
        let Ok((scheme, authority)) = split_url(referer) else { return true };
        let path = &referer[scheme.len() + "://".len() + authority.len()..];
        matches!(path, b"" | b"/") && self.claim.is_cross_origin()
    }

    /// The Origin, if it names one.
    pub(super) fn named_origin(&self) -> Option<&'r [u8]> {
        self.origin.filter(|origin| *origin != OPAQUE)
    }

    /// Whether its client is known to take no stream.
    pub(super) fn takes_no_stream(&self) -> bool {
        client::takes_no_stream(self.agent)
    }

    /// Whether its client can't show a stream of pictures.
    pub(super) fn shows_no_stream(&self) -> bool {
        client::takes_no_stream(self.agent) || client::shows_no_stream(self.agent)
    }

    /// Whether it asks for an image and says nothing of a page: mail programs, office suites, feed readers.
    pub(super) fn is_image_alone(&self) -> bool {
        let names_page = self.claim.referer.is_some() || self.claim.destination.is_some();
        !names_page && self.accepts_only_images()
    }

    /// Whether the answer is to be shown as an image, on a page or elsewhere.
    pub(super) fn is_for_image(&self) -> bool {
        self.claim
            .destination
            .map_or_else(|| self.accepts_only_images(), |destination| destination == b"image")
    }

    fn accepts_only_images(&self) -> bool {
        let accept = self.headers.get(ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
        let accepts = |kind: &[u8]| accept.windows(kind.len()).any(|part| part.eq_ignore_ascii_case(kind));
        accepts(b"image/") && !accepts(b"text/html")
    }

    /// Whether the configuration denies its client. Authorities and load balancers are answered whoever they are: certificates and
    /// the server's place behind a balancer hang on them.
    pub(super) fn is_denied(&self) -> bool {
        let is_for_all = self.path == "/healthz" || self.path.starts_with(challenges::PATH);
        !is_for_all && self.settings.denied.denies_client(self.address, self.agent)
    }

    /// Its client, as it is known while a stream is open.
    pub(super) fn remote(&self, agents: &Agents) -> Remote {
        // A script says by Origin where it is, a picture by Referer.
        let page = self.named_origin().or(self.claim.referer);
        let app = Claim { referer: page, ..self.claim }.app();
        agents.remote(self.address, self.agent, app.as_deref())
    }

    /// How often a stream is to be sent its frame while nothing changes.
    pub(super) fn repaint(&self, is_events: bool) -> Repaint {
        // Firefox closes streams of events at once, unlike pictures, when the page has gone.
        if !is_events && client::hangs_up_late(self.agent) {
            return Repaint::Twice;
        }
        let is_direct = self.is_of_client && !client::came_through_proxy(self.headers);
        if is_direct && client::hangs_up_at_once(self.agent) { Repaint::Rarely } else { Repaint::Once }
    }

    /// Whether an open page that asks this is counted, as far as its visitor and the settings say. A `Sec-Purpose` of
    /// `prefetch;prerender` says nothing about it: Chromium asks so for the lazy picture of a prerendered page once that is
    /// shown. One of `prefetch` alone is a link's, which nobody looks at.
    pub(super) fn is_counted(&self) -> bool {
        if self.headers.get("sec-purpose").is_some_and(|purpose| purpose == "prefetch") {
            return false;
        }
        let is_ignored = self.settings.ignore().iter().any(|network| network.contains(&self.address));
        !(is_ignored || self.wishes.not_counted)
    }

    /// The network that stands for the client wherever clients are counted or told apart.
    pub(super) fn client(&self) -> ClientNetwork {
        ClientNetwork::of(self.address)
    }

    /// The visitor as whom an open page is counted on `site`; `None` if visitors must not be told apart.
    pub(super) fn visitor(&self, keys: &Keys, site: &Site) -> Option<Visitor> {
        (!self.wishes.no_tracking).then(|| keys.visitor(site, self.client().first_address(), self.agent))
    }

    /// The visitor whom the page knows by `session=`. Who must not be told apart isn't by this either.
    pub(super) fn session(&self, keys: &Keys, site: &Site) -> Option<Visitor> {
        let id = self.query.as_ref().ok()?.session.as_ref()?;
        (!self.wishes.no_tracking).then(|| keys.session(site, id.as_str()))
    }

    /// The client, which pays for what is painted for it alone.
    pub(super) fn payer(&self) -> Payer {
        Payer::client(self.address)
    }

    /// Whether the request came by https, to this server or to a proxy. It changes only texts and cookies, so anybody may claim it.
    pub(super) fn is_https(&self) -> bool {
        self.is_tls
            || first_of_list(self.headers, "x-forwarded-proto")
                .is_some_and(|it| it.eq_ignore_ascii_case(b"https"))
    }

    /// This server's address as the client wrote it, as in `https://count.example`; empty without a valid `Host`.
    pub(super) fn server_address(&self) -> String {
        let host = self.claim.host.and_then(|host| std::str::from_utf8(host).ok()?.parse::<Site>().ok());
        let scheme = if self.is_https() { "https" } else { "http" };
        host.map(|host| format!("{scheme}://{host}")).unwrap_or_default()
    }
}

/// What HTTP/2 has instead of `Host`.
pub(super) fn authority(parts: &Parts) -> Option<&[u8]> {
    let authority = parts.uri.authority().filter(|_| parts.version == Version::HTTP_2)?;
    Some(authority.as_str().as_bytes())
}

/// The first item of a header to which each proxy may append: as the first of the proxies saw it, which the browser talks to.
fn first_of_list<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    lines
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .find(|item| !item.is_empty())
}
