//! What other nodes count in a room is known only while somebody looks at it here. A request for another room waits until it is.

use std::sync::Arc;

use hyper::Method;
use onlookers_rooms::{RoomName, Site};

use super::admission::embedding_room;
use super::{App, Request, events, online, top, websocket};
use crate::net::address::ClientNetwork;
use crate::nodes::Requested;

/// What a request has to wait for.
pub(super) enum Unknown {
    Counts(Vec<RoomName>),
    Ranking(Site),
}

/// What a request has to wait for; nothing if this server counts alone, or would refuse the request.
pub(super) fn unknown(app: &App, request: &Request<'_>) -> Option<(Arc<Requested>, Unknown)> {
    let requested = Arc::clone(&app.requested);
    if !app.rooms.is_sharing() || !matches!(*request.method, Method::GET | Method::HEAD) {
        return None;
    }
    let rooms = if request.path == "/top.json" {
        let site = top::admitted_site(request).ok()?;
        if !app.rooms.knows_ranking(&site) {
            return Some((requested, Unknown::Ranking(site)));
        }
        top::pages(app, &site)
    } else {
        shown(app, request)
    };
    let unknown: Vec<_> = rooms.into_iter().filter(|room| !app.rooms.knows_others(room)).collect();
    (!unknown.is_empty()).then_some((requested, Unknown::Counts(unknown)))
}

impl Unknown {
    /// Waits, but not for long.
    pub(super) async fn wait(self, requested: &Requested, client: ClientNetwork) {
        match self {
            Self::Counts(rooms) => requested.wait_for(&rooms, client).await,
            Self::Ranking(site) => requested.wait_for_ranking(&site, top::MAX_LISTED, client).await,
        }
    }
}

/// The rooms whose counts the answer shows.
fn shown(app: &App, request: &Request<'_>) -> Vec<RoomName> {
    let room = match request.path {
        "/online.png" if online::wants_still(request) => online::still_room(request).ok().flatten(),
        "/online.png" => live(app, request),
        _ => match request.directory() {
            "/badge/" | "/count/" => named(request),
            "/events/" => events::admit(request).ok().map(|(room, _)| room),
            "/ws/" => websocket::admit(request).ok().map(|(room, ..)| room),
            _ => None,
        },
    };
    let site = room.as_ref().and_then(RoomName::whole_site).filter(|_| request.directory() == "/count/");
    room.into_iter().chain(site).collect()
}

/// That of a picture that is about to be streamed.
fn live(app: &App, request: &Request<'_>) -> Option<RoomName> {
    let query = request.query().ok().filter(|query| query.unique)?;
    Some(query.shown(&embedding_room(app, request).ok()?).into_owned())
}

fn named(request: &Request<'_>) -> Option<RoomName> {
    let (name, _) = request.rest().rsplit_once('.')?;
    request.room_named(name).ok().filter(|room| request.settings.shows(room))
}
