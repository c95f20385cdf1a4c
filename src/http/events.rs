//! `/events/example.com/posts/1`: a room's counts as server-sent events, for pages with scripts.

use std::fmt;
use std::net::IpAddr;

use hyper::header::{HeaderValue, ORIGIN, USER_AGENT};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};

use super::online::NoPlace;
use super::query::{BadQuery, Query};
use super::{Body, answers, claim, clients, cors, still};
use crate::app::App;
use crate::transport::Answer;
use crate::transport::{Grant, StreamGrant};
use crate::wire::{Opening, events};
use crate::feeds::View;
use crate::gate::{Claim, Refusal};
use crate::room::RoomName;
use crate::settings::Settings;

/// Why there are no events.
#[derive(Debug)]
enum Denied {
    Query(BadQuery),
    Name(&'static str),
    Refused(Refusal),
    NoPlace(NoPlace),
}

/// The stream, or its head; `path` is what stands behind `/events/`.
pub(super) fn answer(app: &App, request: &Parts, peer: IpAddr, path: &str) -> Answer {
    let settings = app.settings();
    let (room, query) = match admit(&settings, request, path) {
        Ok(admitted) => admitted,
        Err(denied) => return Answer::Respond(with(cors::unreadable(), denied.answer())),
    };
    let origin = cors::origin(&request.headers);
    if request.method == Method::HEAD {
        let mut head = Vec::new();
        events::write_head(&mut head, origin);
        return Answer::Head(head.into());
    }
    match app.listener(&settings, &room, (&query, request, peer)) {
        Ok(grant) => Answer::TakeOver(Grant::Stream(grant)),
        Err(no_place) => Answer::Respond(with(cors::readable(origin), Denied::NoPlace(no_place).answer())),
    }
}

/// Says what a page's script may send and read.
pub(super) fn preflight(app: &App, request: &Parts, path: &str) -> Response<Body> {
    let fields = match admit(&app.settings(), request, path) {
        Ok(_) => cors::preflight(&request.headers),
        Err(_) => cors::unreadable(),
    };
    with(fields, answers::options())
}

/// The room, if whoever asks may be counted in it or look at it.
fn admit<'r>(settings: &Settings, request: &'r Parts, path: &str) -> Result<(RoomName, Query<'r>), Denied> {
    let room = still::room_at(path).map_err(Denied::Name)?;
    let mut query = Query::parse(request.uri.query()).map_err(Denied::Query)?;
    // A crawler that runs scripts is nobody who looks.
    let agent = request.headers.get(USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
    query.peek |= clients::takes_no_stream(agent);
    judge(settings, &request.headers, &room, query.peek).map_err(Denied::Refused)?;
    Ok((room, query))
}

/// A page is counted on its own site only: on the one that its Origin names, which comes with requests to another site, or
/// else its Referer. Whoever only looks may see what `/count/…` shows to anybody, unless it is a page of a site that isn't
/// allowed.
fn judge(settings: &Settings, headers: &HeaderMap, room: &RoomName, peek: bool) -> Result<(), Refusal> {
    let site = room.of_site();
    let claim = claim(headers, Some(site.as_str()));
    let page = headers.get(ORIGIN).map(HeaderValue::as_bytes).or(claim.referer);
    let own = match (page, peek) {
        (None, true) => false,
        _ => settings.gate.admit(&Claim { referer: page, destination: None, ..claim })?.site == *site,
    };
    let allowed = own || (peek && settings.gate.allows(site));
    match allowed {
        true if settings.counts(room) => Ok(()),
        true => Err(Refusal::PageNotAllowed(room.clone())),
        false => Err(Refusal::NotAllowed(site.clone())),
    }
}

impl App {
    fn listener(
        &self,
        settings: &Settings,
        room: &RoomName,
        (query, request, peer): (&Query<'_>, &Parts, IpAddr),
    ) -> Result<StreamGrant, NoPlace> {
        let (permit, presence) = self.place(settings, room, (query, request, peer))?;
        let feed = self.feeds.open(&self.shown(room, query), View::Events);
        // Firefox, too, hangs up at once when the page that listens has gone.
        // A copy of the Origin, which keeps nothing of the request itself in memory.
        let origin = cors::origin(&request.headers).map(Box::from);
        let opening = Opening::Events { origin };
        Ok(StreamGrant { opening, feed, guard: presence, permit, hangs_up_late: false })
    }
}

fn with(fields: HeaderMap, mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().extend(fields);
    answer
}

impl Denied {
    fn answer(&self) -> Response<Body> {
        tracing::debug!(%self, "no events");
        match self {
            Self::Query(bad) => answers::bad_query(bad),
            Self::Name(sentence) => answers::text(StatusCode::BAD_REQUEST, format!("{sentence}.\n")),
            Self::Refused(Refusal::Direct) => answers::text(
                StatusCode::FORBIDDEN,
                "These events are for pages, and this request doesn't say from which it comes.\n\
                 To look without being counted, add ?peek=1.\n",
            ),
            Self::Refused(_) => answers::text(StatusCode::FORBIDDEN, "Not allowed here.\n"),
            Self::NoPlace(no_place) => answers::full_in_words(no_place),
        }
    }
}

/// For the log.
impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(bad) => bad.fmt(f),
            Self::Name(sentence) => f.write_str(sentence),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NoPlace(no_place) => write!(f, "no place: {no_place:?}"),
        }
    }
}
