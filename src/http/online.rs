//! `/online.png`: the picture of a site or of one of its pages; live, or one still for clients that take no stream.

use std::hash::{BuildHasher, RandomState};

use hyper::StatusCode;
use hyper::header::HeaderValue;
use onlookers_picture::StyleBuilder;
use onlookers_rooms::{RoomName, RoomNameError, Site};

use super::admission::{embedding_room, embedding_site};
use super::grant::Shown;
use super::numbers::Numbers;
use super::query::QueryError;
use super::{Answer, App, Refusal, Request, cors, grant, respond, still};
use crate::feeds::View;
use crate::gate::GateError;

/// Whether the answer is a still. A client with a unique URL has followed a redirect, and does take the stream.
pub(super) fn wants_still(request: &Request<'_>) -> bool {
    let Ok(query) = request.query() else { return false };
    let takes_stream = || query.unique || !request.shows_no_stream();
    !query.live.unwrap_or_else(|| !request.is_image_alone() && takes_stream())
}

/// The live picture.
///
/// Everything is judged before the redirect too, though the unique URL is judged again: it may come from anywhere. A
/// client that doesn't follow redirects is told what is wrong with its request, and judging opens nothing.
pub(super) fn live(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let (query, room) = (request.query()?, embedding_room(app, request)?);
    let usual = StyleBuilder::new(request.settings.label(room.of_site()));
    let style = query.style(usual.clone(), &app.themes)?;
    if !query.unique {
        return redirect_to_unique(request);
    }
    let counted = (!query.peek && request.is_counted()).then_some(&room);
    let view = |style| View::Count { counting: query.counting, style };
    let usual = view(usual.build(&app.themes).map_err(QueryError::from)?);
    grant::stream(app, request, counted, Shown { room: &query.shown(&room), view: view(style), usual })
}

/// A redirect to the same picture under a URL that no other page has. Two Firefox tabs with one URL would share one
/// stream, and the second would stay blank.
pub(super) fn redirect_to_unique(request: &Request<'_>) -> Result<Answer, Refusal> {
    // `RandomState` hashes with a key of this process and a number that differs each time.
    let query = request.query()?.with_unique(RandomState::new().hash_one(()));
    let location = HeaderValue::try_from(query);
    let location = location.map_err(|_| Refusal::Malformed("The query of this URL is not printable."))?;
    grant::respond(cors::of_any_page(respond::redirect(StatusCode::FOUND, location)))
}

/// The picture as a still.
pub(super) fn still(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let (query, room) = (request.query()?, still_room(request)?);
    let site = room.as_ref().map_or_else(Site::unnamed, |room| room.of_site().clone());
    let style = query.style(StyleBuilder::new(request.settings.label(&site)), &app.themes)?;
    let numbers = match room {
        Some(room) => Numbers::of(app, &room),
        None => Numbers::of_server(app),
    };
    let value = numbers.value(query, &style);
    still::png(app, request, style, value)
}

/// The room of a still: of the embedding page, where the request says which; of `site=`; of the one allowed site. `None` is
/// the whole server.
pub(super) fn still_room(request: &Request<'_>) -> Result<Option<RoomName>, Refusal> {
    let (query, settings) = (request.query()?, &request.settings);
    let site = match &query.site {
        Some(name) if !name.is_empty() => {
            Some(settings.gate.canonical(&name.parse().map_err(RoomNameError::Site)?))
        }
        _ if request.claim.referer.is_some() || request.claim.same_origin == Some(true) => {
            Some(embedding_site(request)?)
        }
        _ => settings.gate.only_site(),
    };
    let Some(site) = site else { return Ok(None) };
    let room = request.room_of(site)?;
    if settings.shows(&room) { Ok(Some(room)) } else { Err(GateError::PageNotAllowed(room).into()) }
}
