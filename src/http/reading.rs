//! `/reading.png`: where in a page its readers are; `/mark.png`: how a page without a script tells that.

use std::net::IpAddr;

use hyper::header::USER_AGENT;
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use super::online::{redirect_to_unique, room_name};
use super::query::{BadQuery, Query};
use super::{Body, answers, claim, clients, ignore, refused};
use crate::app::App;
use crate::transport::Answer;
use crate::feeds::View;
use crate::gate::Refusal;
use crate::picture::{Strip, clear_pixel};
use crate::room::RoomName;
use crate::settings::Settings;

/// Why there is no strip, and no mark is taken.
enum Denied {
    Query(BadQuery),
    Refused(Refusal),
}

/// The live strip. Whoever looks at it isn't counted by it.
pub(super) fn picture(app: &App, request: &Parts, peer: IpAddr) -> Answer {
    let settings = app.settings();
    let judged = admit(&settings, request).and_then(|(room, query)| Ok((room, strip(&query)?, query.unique)));
    let (room, strip, unique) = match judged {
        Ok(judged) => judged,
        Err(denied) => return Answer::Respond(denied.answer()),
    };
    if !unique {
        return Answer::Respond(redirect_to_unique(request));
    }
    app.watch(&settings, &room, View::Reading(strip), (request, peer))
}

/// One clear pixel. A browser that loads it, lazily, has come as far down the page as that is.
///
/// Whoever isn't counted, or not told apart from others, gets it too, and nothing is noted.
pub(super) fn mark(app: &App, request: &Parts, peer: IpAddr) -> Response<Body> {
    let settings = app.settings();
    let judged = admit(&settings, request).and_then(|(room, query)| {
        let missing = || BadQuery::new("at", "missing; write at=40 for two fifths down the page");
        Ok((room, query.at.ok_or_else(missing).map_err(Denied::Query)?))
    });
    let (room, position) = match judged {
        Ok(judged) => judged,
        Err(denied) => return denied.answer(),
    };
    let address = settings.proxies.visitor(peer, &request.headers);
    if is_reader(&settings, request, address)
        && let Some(visitor) = app.visitor(room.of_site(), &request.headers, address)
    {
        app.rooms.reach(&room, &visitor, position);
    }
    answers::response(StatusCode::OK, "image/png", clear_pixel())
}

fn is_reader(settings: &Settings, request: &Parts, address: IpAddr) -> bool {
    let agent = request.headers.get(USER_AGENT).map_or(&b""[..], |agent| agent.as_bytes());
    request.method == Method::GET
        && !clients::takes_no_stream(agent)
        && !ignore::is_ignored(&settings.ignore, address, &request.headers)
}

fn admit<'r>(settings: &Settings, request: &'r Parts) -> Result<(RoomName, Query<'r>), Denied> {
    let query = Query::parse(request.uri.query()).map_err(Denied::Query)?;
    let claim = claim(&request.headers, query.site.as_deref());
    let site = settings.gate.admit(&claim).map_err(Denied::Refused)?.site;
    if !settings.presence(&site) {
        return Err(Denied::Refused(Refusal::NoPresence(site)));
    }
    let room = room_name(site, &query, &request.headers).map_err(Denied::Query)?;
    if !settings.counts(&room) {
        return Err(Denied::Refused(Refusal::PageNotAllowed(room)));
    }
    Ok((room, query))
}

fn strip(query: &Query<'_>) -> Result<Strip, Denied> {
    let usual = Strip::default();
    let (width, height) = (query.width.unwrap_or(usual.width()), query.height.unwrap_or(usual.height()));
    let wrong = if query.width.is_some() { "width" } else { "height" };
    Strip::new(width, height).map_err(|why| Denied::Query(BadQuery::new(wrong, why)))
}

impl Denied {
    fn answer(&self) -> Response<Body> {
        match self {
            Self::Query(bad) => answers::bad_query(bad),
            Self::Refused(refusal) => refused(refusal),
        }
    }
}
