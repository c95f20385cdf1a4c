//! Grants: a request that has been judged gets a stream or a WebSocket, for which its connection is taken over.

use hyper::{Method, Response};
use onlookers_rooms::RoomName;

use super::respond::{self, Body};
use super::{App, Refusal, Request};
use crate::feeds::{Topic, View};
use crate::transport::{Answer, Format, Grant, Session, StreamGrant, WebSocketGrant};
use crate::wire::Opening;
use crate::wire::handshake::Key;

/// A room, as a stream is to show it.
pub(super) struct Shown<'n> {
    pub(super) room: &'n RoomName,
    pub(super) view: View,
    /// How it is shown to those who ask for one view too many.
    pub(super) usual: View,
}

/// The stream of `shown`, or its head for HEAD. The viewer is counted in `counted_in`, if that is given.
///
/// # Errors
/// [`Refusal`], if there is no capacity, or no place in the room.
pub(super) fn stream(
    app: &App,
    request: &Request<'_>,
    counted_in: Option<&RoomName>,
    Shown { room: shown, view, usual }: Shown<'_>,
) -> Result<Answer, Refusal> {
    let is_events = view == View::Events;
    // A copy of the Origin holds nothing of the request itself in memory.
    let origin = || request.origin.map(Box::from);
    let opening = || if is_events { Opening::Events { origin: origin() } } else { Opening::Pictures };
    if request.method == Method::HEAD {
        return Ok(Answer::Head(opening()));
    }
    let client = request.client();
    let permit = app.capacity.acquire(client, counted_in.and_then(|room| app.page_of(room, client)))?;
    let permit = permit.with_remote(app.agents.as_ref().map(|agents| request.remote(agents)));
    let join = |room: &RoomName| {
        let site = room.of_site();
        let session = if is_events { request.session(&app.keys, site) } else { None };
        app.rooms.join(room, session.or_else(|| request.visitor(&app.keys, site)).as_ref())
    };
    let guard = counted_in.map(join).transpose()?;
    // Browsers name the origin of a page that means to read its picture.
    let is_readable = !is_events && request.origin.is_some();
    let form = |view| if is_readable { View::Readable(Box::new(view)) } else { view };
    let (view, usual) = (form(view), form(usual));
    let (feed, painting) = app.feeds.open(&app.rooms.open(shown), view, &usual, &request.payer());
    let grant = StreamGrant { opening: opening(), feed, guard, permit, repaint: request.repaint(is_events) };
    let Some(painting) = painting else { return Ok(Answer::TakeOver(Grant::Stream(grant))) };
    Ok(Answer::Later(Box::pin(async move {
        match painting.await {
            Ok(()) => Answer::TakeOver(Grant::Stream(grant)),
            Err(_) => Answer::Respond(respond::unpainted()),
        }
    })))
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
    let (client, is_counted) = (request.client(), !peek && request.is_counted());
    let page_of = if is_counted { app.page_of(room, client) } else { None };
    let permit = app.capacity.acquire(client, page_of)?;
    let permit = permit.with_remote(app.agents.as_ref().map(|agents| request.remote(agents)));
    let visitor = request.visitor(&app.keys, room.of_site());
    let id = app.feeds.new_viewer_id();
    let (topic, named) = match format {
        Format::Json => (Topic::Counts, request.session(&app.keys, room.of_site())),
        Format::CountsAlone => (Topic::CountsAlone, None),
        Format::Number => (Topic::Number, None),
    };
    let first = app.join_group(room, topic, id, is_counted.then_some(named.as_ref().or(visitor.as_ref())))?;
    // The room's own copy of the name: another one would take memory for each connection.
    let site = first.group().room.site().clone();
    let mut memberships = vec![first];
    for topic in more {
        memberships.push(app.join_group(&RoomName::site(site.clone()), topic, id, None)?);
    }
    let session = Session::new(id, client, site, visitor, is_counted).named(named);
    let grant = WebSocketGrant { key, session, format, memberships, permit };
    Ok(Answer::TakeOver(Grant::WebSocket(Box::new(grant))))
}

/// A whole answer, which hyper sends.
pub(super) fn respond(response: Response<Body>) -> Result<Answer, Refusal> {
    Ok(Answer::Respond(response))
}
