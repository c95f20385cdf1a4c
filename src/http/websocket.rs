//! `/ws/example.com/posts/1`: WebSockets, for pages with scripts.

use hyper::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::{HeaderMap, Method, Version};
use onlookers_rooms::RoomName;

use super::admission::{Script, check_script};
use super::query::{Query, Show};
use super::refusal::WEBSOCKET_VERSION;
use super::{Answer, App, Refusal, Request, grant};
use crate::feeds::Topic;
use crate::gate::GateError;
use crate::settings::Audience;
use crate::transport::Format;
use crate::wire::handshake::Key;

pub(super) fn open(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let (key, query, (room, peek, script)) = (key(request)?, request.query()?, admit(request)?);
    let is_shown = match request.settings.ranking(room.of_site()) {
        Audience::Everyone => true,
        Audience::Own => script == Script::Own,
        Audience::Nobody => false,
    };
    if query.top.is_some() && !is_shown {
        return Err(GateError::NotAllowed(room.of_site().clone()).into());
    }
    let (format, counts) = match script {
        Script::Own => (Format::Json, Topic::Counts),
        Script::Foreign => (Format::CountsAlone, Topic::CountsAlone),
    };
    grant::websocket(app, request, key, (&room, peek), (format, of_site(&room, query, counts)))
}

/// The room, whether the client only peeks, as a crawler that runs scripts does, and whose script it is.
pub(super) fn admit(request: &Request<'_>) -> Result<(RoomName, bool, Script), Refusal> {
    let (query, room) = (request.query()?, request.room()?);
    let peek = query.peek || request.takes_no_stream();
    let script = check_script(request, &room, request.named_origin(), peek)?;
    Ok((room, peek, script))
}

/// The key of a request that opens a WebSocket (RFC 6455, section 4.2.1).
///
/// # Errors
/// [`Refusal`], if the request doesn't open one.
pub(super) fn key(request: &Request<'_>) -> Result<Key, Refusal> {
    let headers = request.headers;
    if request.version == Version::HTTP_2 {
        // Its `Upgrade` and `Connection` would be malformed (RFC 9113, section 8.2.2), and RFC 8441 isn't offered.
        return Err(Refusal::Version("WebSockets are opened with HTTP/1.1 here, not with HTTP/2."));
    }
    if !(has_token(headers, UPGRADE, "websocket") && has_token(headers, CONNECTION, "upgrade")) {
        return Err(Refusal::NoUpgrade("This is a WebSocket: open it by a script."));
    }
    if headers.get(SEC_WEBSOCKET_VERSION) != Some(&WEBSOCKET_VERSION) {
        return Err(Refusal::NoUpgrade("This WebSocket speaks version 13 of the protocol."));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).and_then(|key| Key::new(key.as_bytes()));
    let is_get = request.method == Method::GET && request.version == Version::HTTP_11;
    let malformed = Refusal::Malformed("This request doesn't open a WebSocket as RFC 6455 has it.");
    key.filter(|_| is_get).ok_or(malformed)
}

/// Whether a header that is a list contains this token.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Messages about the whole site that are sent from the beginning: its ranking; its counts, before those of the page.
fn of_site(room: &RoomName, query: &Query<'_>, counts: Topic) -> Vec<Topic> {
    let site = (query.show == Some(Show::Site) && room.as_page().is_some()).then_some(counts);
    query.top.map(|rows| Topic::Top { rows }).into_iter().chain(site).collect()
}
