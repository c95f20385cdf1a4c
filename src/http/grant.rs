//! Grants: a request that has been judged gets a stream or a WebSocket, for which its connection is taken over.

use hyper::{Method, Response};
use onlookers_rooms::RoomName;

use super::respond::Body;
use super::{App, Refusal, Request};
use crate::feeds::{Topic, View};
use crate::transport::{Answer, Format, Grant, Session, StreamGrant, WebSocketGrant};
use crate::wire::handshake::Key;
use crate::wire::{Opening, events, multipart};

/// The stream of `shown` in one view, or its head for HEAD. The viewer is counted in `counted_in`, if that is given.
///
/// # Errors
/// [`Refusal`], if there is no capacity or no place in the room.
pub(super) fn stream(
    app: &App,
    request: &Request<'_>,
    counted_in: Option<&RoomName>,
    (shown, view): (&RoomName, View),
) -> Result<Answer, Refusal> {
    let is_events = view == View::Events;
    if request.method == Method::HEAD {
        return Ok(Answer::Head(if is_events { events::head(request.origin) } else { multipart::head() }));
    }
    let permit = app.capacity.acquire(request.client())?;
    let join = |room: &RoomName| app.rooms.join(room, request.visitor(&app.keys, room.of_site()).as_ref());
    let guard = counted_in.map(join).transpose()?;
    let feed = app.feeds.open(&app.rooms.open(shown), view);
    // A copy of the Origin holds nothing of the request itself in memory.
    let origin = request.origin.map(Box::from);
    let opening = if is_events { Opening::Events { origin } } else { Opening::Pictures };
    // Firefox closes streams of events at once, unlike pictures, when the page has gone.
    let hangs_up_late = !is_events && request.hangs_up_late();
    Ok(Answer::TakeOver(Grant::Stream(StreamGrant { opening, feed, guard, permit, hangs_up_late })))
}

/// A WebSocket that receives `room`, and `more` of its whole site; counted unless it peeks.
///
/// # Errors
/// [`Refusal`], if there is no capacity or no place in the room.
pub(super) fn websocket(
    app: &App,
    request: &Request<'_>,
    key: Key,
    (room, peek): (&RoomName, bool),
    (format, more): (Format, Vec<Topic>),
) -> Result<Answer, Refusal> {
    let permit = app.capacity.acquire(request.client())?;
    let is_counted = !peek && request.is_counted();
    let visitor = request.visitor(&app.keys, room.of_site());
    let id = app.feeds.new_viewer_id();
    let topic = if format == Format::Number { Topic::Number } else { Topic::Counts };
    let first = app.join_group(room, topic, id, is_counted.then_some(visitor.as_ref()))?;
    // The room's own copy of the name: another one would take memory for each connection.
    let site = first.group().room.site().clone();
    let mut memberships = vec![first];
    for topic in more {
        memberships.push(app.join_group(&RoomName::site(site.clone()), topic, id, None)?);
    }
    let session = Session::new(id, site, visitor, is_counted);
    let grant = WebSocketGrant { key, session, format, memberships, permit };
    Ok(Answer::TakeOver(Grant::WebSocket(Box::new(grant))))
}

/// A whole answer, which hyper sends.
pub(super) fn respond(response: Response<Body>) -> Result<Answer, Refusal> {
    Ok(Answer::Respond(response))
}
