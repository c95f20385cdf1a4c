//! `/reading.png`: where in a page its readers are; `/mark.png`: how a page without a script tells that.

use hyper::{Method, StatusCode};
use onlookers_picture::{Strip, clear_pixel};
use onlookers_rooms::RoomName;

use super::admission::embedding_room;
use super::grant::Shown;
use super::online::redirect_to_unique;
use super::query::QueryError;
use super::respond::{self, PNG};
use super::{Answer, App, Refusal, Request, cors, grant};
use crate::feeds::View;
use crate::gate::GateError;

/// The live strip. Its viewers aren't counted.
pub(super) fn picture(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let (room, strip) = (room(app, request)?, strip(request)?);
    if !request.query()?.unique {
        return redirect_to_unique(request);
    }
    let usual = View::Reading(Strip::default());
    grant::stream(app, request, None, Shown { room: &room, view: View::Reading(strip), usual })
}

/// One clear pixel. A browser that loads it, lazily, has come as far down the page as the picture is. It is the same for
/// visitors who aren't counted or must not be told apart, but nothing is noted about them.
pub(super) fn mark(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let room = room(app, request)?;
    let missing = || QueryError::new("at", "missing; write at=40 for two fifths down the page");
    let position = request.query()?.at.ok_or_else(missing)?;
    let visitor = if is_reader(request) { request.visitor(&app.keys, room.of_site()) } else { None };
    if let Some(visitor) = visitor {
        app.rooms.reach(&room, &visitor, position);
    }
    grant::respond(cors::of_any_page(respond::response(StatusCode::OK, PNG, clear_pixel())))
}

fn is_reader(request: &Request<'_>) -> bool {
    request.method == Method::GET && request.is_counted() && !request.takes_no_stream()
}

fn room(app: &App, request: &Request<'_>) -> Result<RoomName, Refusal> {
    let room = embedding_room(app, request)?;
    match request.settings.presence(room.of_site()) {
        true => Ok(room),
        false => Err(GateError::NoPresence(room.of_site().clone()).into()),
    }
}

fn strip(request: &Request<'_>) -> Result<Strip, QueryError> {
    let (query, usual) = (request.query()?, Strip::default());
    let bad = if query.width.is_some() { "width" } else { "height" };
    let (width, height) = (query.width.unwrap_or(usual.width()), query.height.unwrap_or(usual.height()));
    let strip = Strip::new(width, height).map_err(|why| QueryError::new(bad, why))?;
    Ok(strip.with(query.appearance()?))
}
