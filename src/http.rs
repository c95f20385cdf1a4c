//! The routes: one match on method and path.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, REFERER};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response};

use crate::delivery::takeover::Answer;
use crate::feed::{FeedRef, Feeds};
use crate::gate::{Claim, Gate, Refusal};
use crate::picture::{Label, Style};
use crate::room::{Presence, RoomName, Rooms};
use crate::seats::{Seat, Seats};
use query::Query;

mod answers;
mod pages;
mod query;

/// What a request is judged by and gets its answer from.
pub(crate) struct House {
    pub(crate) gate: Gate,
    pub(crate) rooms: Rooms,
    pub(crate) feeds: Feeds,
    pub(crate) seats: Arc<Seats>,
    pub(crate) label: Label,
}

/// What a socket is taken over for.
pub(crate) enum Purpose {
    /// To show a feed.
    View(Ticket),
    /// To send the head of a stream and nothing more: HEAD.
    Head,
}

/// Whoever has this is being counted, and is to see this feed.
pub(crate) struct Ticket {
    pub(crate) feed: FeedRef,
    pub(crate) presence: Presence,
    pub(crate) seat: Seat,
}

type Reply = Answer<Purpose>;

/// Answers a request that came from `peer`.
pub(crate) fn answer(house: &House, request: &Parts, peer: IpAddr) -> Reply {
    match (&request.method, request.uri.path()) {
        (&Method::GET | &Method::HEAD, "/") => Answer::Respond(pages::demo(request)),
        (&Method::GET | &Method::HEAD, "/online.png") => online(house, request, peer),
        (&Method::GET | &Method::HEAD, "/embed") => Answer::Respond(embed(house, request)),
        (&Method::OPTIONS, _) => Answer::Respond(answers::options()),
        (&Method::GET | &Method::HEAD, _) => Answer::Respond(answers::not_found()),
        _ => Answer::Respond(answers::method_not_allowed()),
    }
}

/// The live picture of the embedding site.
fn online(house: &House, request: &Parts, peer: IpAddr) -> Reply {
    let query = match Query::parse(request.uri.query()) {
        Ok(query) => query,
        Err(bad) => return Answer::Respond(answers::bad_parameter(bad)),
    };
    let admission = match house.gate.admit(&claim(&request.headers, query.site.as_deref())) {
        Ok(admission) => admission,
        Err(refusal) => return Answer::Respond(refused(&refusal)),
    };
    // Two Firefox tabs with one URL share one stream, and the second stays blank. So each gets a URL of its own.
    if !query.unique {
        return Answer::Respond(answers::redirect(&unique_query(request.uri.query())));
    }
    if request.method == Method::HEAD {
        return Answer::TakeOver(Purpose::Head);
    }
    match house.seats.take(peer) {
        Ok(seat) => Answer::TakeOver(Purpose::View(house.ticket(&RoomName::site(admission.site), seat))),
        Err(full) => {
            tracing::debug!(?full, "no seat for a viewer");
            Answer::Respond(answers::full(full))
        }
    }
}

/// The page for an iframe around the picture.
fn embed(house: &House, request: &Parts) -> Response<Full<Bytes>> {
    let mut claim = claim(&request.headers, None);
    // Seen by itself, without an iframe, it is one of this server's own pages.
    let by_itself = format!("http://{}/", String::from_utf8_lossy(claim.host.unwrap_or_default()));
    if claim.referer.is_none() && !matches!(claim.destination, Some(b"iframe" | b"frame")) {
        claim.referer = Some(by_itself.as_bytes());
    }
    match house.gate.admit(&claim) {
        Ok(admission) => pages::embed(&admission.site),
        Err(refusal) => refused(&refusal),
    }
}

impl House {
    fn ticket(&self, room: &RoomName, seat: Seat) -> Ticket {
        let presence = self.rooms.join(room);
        let feed = self.feeds.open(presence.room(), Style::plain(self.label.clone()));
        Ticket { feed, presence, seat }
    }
}

fn refused(refusal: &Refusal) -> Response<Full<Bytes>> {
    tracing::debug!(%refusal, "refused");
    answers::refused(refusal)
}

fn claim<'a>(headers: &'a HeaderMap, site: Option<&'a str>) -> Claim<'a> {
    let header = |name: &str| headers.get(name).map(hyper::header::HeaderValue::as_bytes);
    Claim {
        referer: header(REFERER.as_str()),
        host: header(HOST.as_str()),
        destination: header("sec-fetch-dest"),
        site,
    }
}

/// The query with a `u=` that nobody else has: the number of the request, hashed with a key of this process.
fn unique_query(query: Option<&str>) -> String {
    let unique = RandomState::new().hash_one(());
    match query.filter(|query| !query.is_empty()) {
        Some(query) => format!("?{query}&u={unique:016x}"),
        None => format!("?u={unique:016x}"),
    }
}
