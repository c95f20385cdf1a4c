//! `/online.png`: the live picture of a site or of one of its pages.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use hyper::header::{REFERER, USER_AGENT};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response};

use super::query::{BadQuery, Query, Show};
use super::{Body, answers, claim, clients, ignore, refused, still};
use crate::app::App;
use crate::transport::{Grant, StreamGrant};
use crate::wire::{Opening, multipart};
use crate::transport::Answer;
use crate::feeds::View;
use crate::gate::Refusal;
use crate::net::capacity::{CapacityError, Permit};
use crate::picture::{Style, StyleBuilder};
use crate::room::{LimitReached, Page, CountGuard, RoomName, RoomRef, Site, Visitor};
use crate::settings::Settings;

/// The page that stands for whichever the picture is on.
const AUTO: &str = "auto";

/// Why somebody who may come in can't.
#[derive(Debug)]
pub(super) enum NoPlace {
    Capacity(CapacityError),
    Room(LimitReached),
}

pub(super) fn answer(app: &App, request: &Parts, peer: IpAddr) -> Answer {
    let settings = app.settings();
    let query = match Query::parse(request.uri.query()) {
        Ok(query) => query,
        Err(bad) => return Answer::Respond(answers::bad_query(&bad)),
    };
    let agent = request.headers.get(USER_AGENT).map_or(&b""[..], |agent| agent.as_bytes());
    // Who has a URL of its own has followed the redirect, and was judged then.
    if !query.live.unwrap_or_else(|| query.unique || !clients::takes_no_stream(agent)) {
        return Answer::Respond(still::online(app, request, &query));
    }
    let admission = match settings.gate.admit(&claim(&request.headers, query.site.as_deref())) {
        Ok(admission) => admission,
        Err(refusal) => return Answer::Respond(refused(&refusal)),
    };
    let room = match room_name(admission.site, &query, &request.headers) {
        Ok(room) => room,
        Err(bad) => return Answer::Respond(answers::bad_query(&bad)),
    };
    if !settings.counts(&room) {
        return Answer::Respond(refused(&Refusal::PageNotAllowed(room)));
    }
    let style = match query.style(StyleBuilder::new(settings.label(room.of_site())), &app.themes) {
        Ok(style) => style,
        Err(bad) => return Answer::Respond(answers::bad_query(&bad)),
    };
    // Two Firefox tabs with one URL share one stream, and the second stays blank. So each gets a URL of its own.
    if !query.unique {
        return Answer::Respond(redirect_to_unique(request));
    }
    if request.method == Method::HEAD {
        return Answer::Head(multipart::head());
    }
    match app.ticket(&settings, &room, style, (&query, request, peer)) {
        Ok(grant) => Answer::TakeOver(Grant::Stream(grant)),
        Err(no_place) => {
            tracing::debug!(?no_place, %room, "no place for a viewer");
            Answer::Respond(answers::full(&no_place))
        }
    }
}

/// The room that the picture's page counts in.
pub(super) fn room_name(site: Site, query: &Query<'_>, headers: &HeaderMap) -> Result<RoomName, BadQuery> {
    let page = match query.page.as_deref() {
        None => return Ok(RoomName::site(site)),
        Some(AUTO) => {
            let referer = headers.get(REFERER).and_then(|referer| referer.to_str().ok());
            Page::of_url(referer.unwrap_or_default(), query.page_query)
        }
        Some(path) => Page::new(path, query.page_query),
    };
    page.map(|page| RoomName::page(site, page)).map_err(|why| BadQuery::new("page", why))
}

impl App {
    fn ticket(
        &self,
        settings: &Settings,
        room: &RoomName,
        style: Style,
        (query, request, peer): (&Query<'_>, &Parts, IpAddr),
    ) -> Result<StreamGrant, NoPlace> {
        let (permit, presence) = self.place(settings, room, (query, request, peer))?;
        let view = View::Count { counting: query.counting, style };
        let feed = self.feeds.open(&self.shown(room, query), view);
        let hangs_up_late = clients::hangs_up_late(&request.headers);
        Ok(StreamGrant { opening: Opening::Pictures, feed, guard: presence, permit, hangs_up_late })
    }

    /// Shows a room to somebody whom that doesn't count.
    pub(super) fn watch(
        &self,
        settings: &Settings,
        room: &RoomName,
        view: View,
        (request, peer): (&Parts, IpAddr),
    ) -> Answer {
        if request.method == Method::HEAD {
            return Answer::Head(multipart::head());
        }
        let permit = match self.capacity.acquire(settings.proxies.visitor(peer, &request.headers)) {
            Ok(permit) => permit,
            Err(full) => return Answer::Respond(answers::full(&NoPlace::Capacity(full))),
        };
        let feed = self.feeds.open(&self.rooms.open(room), view);
        let hangs_up_late = clients::hangs_up_late(&request.headers);
        Answer::TakeOver(Grant::Stream(StreamGrant { opening: Opening::Pictures, feed, guard: None, permit, hangs_up_late }))
    }

    /// A permit and, unless they only look, a presence in `room`.
    pub(super) fn place(
        &self,
        settings: &Settings,
        room: &RoomName,
        (query, request, peer): (&Query<'_>, &Parts, IpAddr),
    ) -> Result<(Permit, Option<CountGuard>), NoPlace> {
        let address = settings.proxies.visitor(peer, &request.headers);
        let permit = self.capacity.acquire(address).map_err(NoPlace::Capacity)?;
        if query.peek || ignore::is_ignored(&settings.ignore, address, &request.headers) {
            return Ok((permit, None));
        }
        let presence = self.join(room, &request.headers, address).map_err(NoPlace::Room)?;
        Ok((permit, Some(presence)))
    }

    /// The room whose numbers are shown to who is counted in `room`.
    pub(super) fn shown(&self, room: &RoomName, query: &Query<'_>) -> RoomRef {
        match query.show {
            Some(Show::Site) => self.rooms.open(&room.whole_site().unwrap_or_else(|| room.clone())),
            _ => self.rooms.open(room),
        }
    }

    fn join(
        &self,
        room: &RoomName,
        headers: &HeaderMap,
        address: IpAddr,
    ) -> Result<CountGuard, LimitReached> {
        self.rooms.join(room, self.visitor(room.of_site(), headers, address).as_ref())
    }

    /// As whom somebody is counted on `site`; `None` for who isn't to be told apart.
    pub(super) fn visitor(&self, site: &Site, headers: &HeaderMap, address: IpAddr) -> Option<Visitor> {
        let agent = headers.get(USER_AGENT).map_or(&b""[..], |agent| agent.as_bytes());
        (!wants_no_tracking(headers)).then(|| self.keys.visitor(site, address, agent))
    }
}

/// Whether the visitor asks not to be told apart from others (Global Privacy Control, Do Not Track).
fn wants_no_tracking(headers: &HeaderMap) -> bool {
    ["sec-gpc", "dnt"].iter().any(|name| headers.get(*name).is_some_and(|value| value == "1"))
}

/// 302 to the same picture under a URL that nobody else has.
pub(super) fn redirect_to_unique(request: &Parts) -> Response<Body> {
    answers::redirect(&unique_query(request.uri.query()))
}

/// The query with a `u=` that nobody else has: the number of the request, hashed with a key of this process.
fn unique_query(query: Option<&str>) -> String {
    let unique = RandomState::new().hash_one(());
    match query.filter(|query| !query.is_empty()) {
        Some(query) => format!("?{query}&u={unique:016x}"),
        None => format!("?u={unique:016x}"),
    }
}
