//! The routes: one match on method and path.

use std::net::IpAddr;

use bytes::Bytes;
use hyper::header::{HOST, HeaderValue, REFERER};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response};

use crate::app::App;
use crate::transport::Answer;
use crate::gate::{Claim, Refusal};

mod answers;
mod clients;
mod cors;
mod demo;
mod denied;
mod embed;
mod events;
mod ignore;
mod livecount;
mod online;
mod query;
mod reading;
mod scripts;
mod still;
mod top;
mod websocket;

/// Where stills are.
const BADGE: &str = "/badge/";

/// Where numbers are.
const COUNT: &str = "/count/";

/// Where counts are as server-sent events.
const EVENTS: &str = "/events/";
/// Where WebSockets are.
const WS: &str = "/ws/";

/// Where the gallery's pictures are.
const SAMPLE: &str = "/sample/";

/// The body of an answer that is no stream.
pub(crate) type Body = http_body_util::Full<Bytes>;

/// Answers a request that came from `peer`.
pub(crate) fn answer(app: &App, request: &Parts, peer: IpAddr) -> Answer {
    match (&request.method, request.uri.path()) {
        (&Method::GET | &Method::HEAD, "/") => Answer::Respond(demo::page(app, request)),
        (&Method::GET | &Method::HEAD, "/online.png") => online::answer(app, request, peer),
        (&Method::GET | &Method::HEAD, "/top.png") => top::picture(app, request, peer),
        (&Method::GET | &Method::HEAD, "/reading.png") => reading::picture(app, request, peer),
        (&Method::GET | &Method::HEAD, "/mark.png") => Answer::Respond(reading::mark(app, request, peer)),
        (&Method::GET | &Method::HEAD, "/top.json") => Answer::Respond(top::list(app, request)),
        (&Method::GET | &Method::HEAD, "/embed") => Answer::Respond(embed::page(app, request)),
        (&Method::GET | &Method::HEAD | &Method::POST, "/ignore") => {
            Answer::Respond(ignore::answer(request, true))
        }
        (&Method::GET | &Method::HEAD | &Method::POST, "/unignore") => {
            Answer::Respond(ignore::answer(request, false))
        }
        (&Method::GET | &Method::HEAD, "/onlookers.js") => Answer::Respond(scripts::module(request)),
        (&Method::GET | &Method::HEAD, "/live") => Answer::Respond(scripts::live(request)),
        (&Method::GET | &Method::HEAD, "/live.js") => Answer::Respond(scripts::live_script(request)),
        (&Method::GET | &Method::HEAD, path) if path.starts_with(BADGE) => {
            Answer::Respond(still::badge(app, request, &path[BADGE.len()..]))
        }
        (&Method::GET | &Method::HEAD, path) if path.starts_with(COUNT) => {
            Answer::Respond(still::count(app, request, &path[COUNT.len()..]))
        }
        (&Method::GET | &Method::HEAD, path) if path.starts_with(SAMPLE) => {
            Answer::Respond(demo::sample(app, request, &path[SAMPLE.len()..]))
        }
        (&Method::GET | &Method::HEAD, path) if path.starts_with(EVENTS) => {
            events::answer(app, request, peer, &path[EVENTS.len()..])
        }
        (&Method::OPTIONS, path) if path.starts_with(EVENTS) => {
            Answer::Respond(events::preflight(app, request, &path[EVENTS.len()..]))
        }
        (&Method::GET | &Method::HEAD, path) if path.starts_with(WS) => {
            websocket::answer(app, request, &path[WS.len()..], peer)
        }
        (&Method::GET | &Method::HEAD, "/livecount/ws") => livecount::answer(app, request, peer),
        (&Method::OPTIONS, _) => Answer::Respond(answers::options()),
        (&Method::GET | &Method::HEAD, _) => Answer::Respond(answers::not_found()),
        _ => Answer::Respond(answers::method_not_allowed()),
    }
}

fn refused(refusal: &Refusal) -> Response<Body> {
    tracing::debug!(%refusal, "refused");
    answers::refused(refusal)
}

fn claim<'a>(headers: &'a HeaderMap, site: Option<&'a str>) -> Claim<'a> {
    let header = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    Claim {
        referer: header(REFERER.as_str()),
        host: header(HOST.as_str()),
        destination: header("sec-fetch-dest"),
        site,
    }
}
