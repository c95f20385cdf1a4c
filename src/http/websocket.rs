//! `/ws/…`: WebSockets, for pages with scripts.

use std::net::IpAddr;

use hyper::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
    USER_AGENT,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Version};

use super::denied::{Denied, VERSION};
use super::online::NoPlace;
use super::query::{Query, Show};
use super::{clients, ignore};
use crate::app::App;
use crate::feeds::Topic;
use crate::config::Audience;
use crate::transport::Answer;
use crate::transport::{Format, Grant, Session, WebSocketGrant};
use crate::wire::handshake::Key;
use crate::gate::{Claim, Refusal};
use crate::room::RoomName;
use crate::settings::Settings;

/// `path` is what stands behind `/ws/`.
pub(super) fn answer(app: &App, request: &Parts, path: &str, peer: IpAddr) -> Answer {
    opened(judge(app, request, path, peer))
}

pub(super) fn opened(judged: Result<WebSocketGrant, Denied>) -> Answer {
    match judged {
        Ok(grant) => Answer::TakeOver(Grant::WebSocket(Box::new(grant))),
        Err(denied) => Answer::Respond(denied.response()),
    }
}

fn judge(app: &App, request: &Parts, path: &str, peer: IpAddr) -> Result<WebSocketGrant, Denied> {
    let key = key(request)?;
    let mut query = Query::parse(request.uri.query()).map_err(|bad| Denied::Bad(bad.to_string()))?;
    // A crawler that runs scripts is nobody who looks.
    let agent = request.headers.get(USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
    query.peek |= clients::takes_no_stream(agent);
    let no_room = |why| Denied::Bad(format!("This is not the name of a room: {why}."));
    let room: RoomName = path.parse().map_err(no_room)?;
    let settings = app.settings();
    admit(&settings, &request.headers, &room)?;
    if query.top.is_some() && settings.ranking(room.of_site()) == Audience::Nobody {
        return Err(Refusal::NotAllowed(room.of_site().clone()).into());
    }
    let more = more(&room, &query);
    let wanted = Wanted { room, peek: query.peek, format: Format::Json, topic: Topic::Counts, more };
    app.grant(&settings, key, wanted, (request, peer)).map_err(Denied::Full)
}

/// The key of a request that opens a WebSocket (RFC 6455, section 4.2.1).
///
/// # Errors
/// [`Denied`], to one that doesn't.
pub(super) fn key(request: &Parts) -> Result<Key, Denied> {
    let headers = &request.headers;
    if !(has_token(headers, UPGRADE, "websocket") && has_token(headers, CONNECTION, "upgrade")) {
        return Err(Denied::NoUpgrade("This is a WebSocket: open it by a script."));
    }
    if headers.get(SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        return Err(Denied::NoUpgrade("This WebSocket speaks version 13 of the protocol."));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).and_then(|key| Key::new(key.as_bytes()));
    let is_get = request.method == Method::GET && request.version == Version::HTTP_11;
    let why = "This request doesn't open a WebSocket as RFC 6455 has it.";
    key.filter(|_| is_get).ok_or_else(|| Denied::Bad(why.to_owned()))
}

/// Whether a header that is a list has this token.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// The page that opens a WebSocket says by `Origin` where it is, as one with a picture does by `Referer`; the same gate
/// judges it. It gets at the rooms of its own site only.
pub(super) fn admit(settings: &Settings, headers: &HeaderMap, room: &RoomName) -> Result<(), Refusal> {
    let claim = Claim {
        referer: headers.get(ORIGIN).map(HeaderValue::as_bytes),
        host: headers.get(HOST).map(HeaderValue::as_bytes),
        destination: None,
        site: Some(room.of_site().as_str()),
    };
    let admission = settings.gate.admit(&claim)?;
    if admission.site != *room.of_site() {
        return Err(Refusal::NotAllowed(admission.site));
    }
    if settings.counts(room) { Ok(()) } else { Err(Refusal::PageNotAllowed(room.clone())) }
}

/// What else is told from the beginning, of the whole site: its ranking; its count, before that of the page.
fn more(room: &RoomName, query: &Query<'_>) -> Vec<Topic> {
    let site = (query.show == Some(Show::Site) && room.as_page().is_some()).then_some(Topic::Counts);
    query.top.map(|rows| Topic::Top { rows }).into_iter().chain(site).collect()
}

/// What a WebSocket is wanted for.
pub(super) struct Wanted {
    pub(super) room: RoomName,
    pub(super) peek: bool,
    pub(super) format: Format,
    pub(super) topic: Topic,
    /// What else it is to be told of the whole site.
    pub(super) more: Vec<Topic>,
}

impl App {
    /// Takes a permit and a place in the room.
    pub(super) fn grant(
        &self,
        settings: &Settings,
        key: Key,
        wanted: Wanted,
        (request, peer): (&Parts, IpAddr),
    ) -> Result<WebSocketGrant, NoPlace> {
        let Wanted { room, peek, format, topic, more } = wanted;
        let address = settings.proxies.visitor(peer, &request.headers);
        let permit = self.capacity.acquire(address).map_err(NoPlace::Capacity)?;
        let counted = !peek && !ignore::is_ignored(&settings.ignore, address, &request.headers);
        let visitor = self.visitor(room.of_site(), &request.headers, address);
        let id = self.feeds.new_viewer_id();
        let who = counted.then_some(visitor.as_ref());
        let first = self.join_group(&room, topic, id, who).map_err(NoPlace::Room)?;
        // In the room's own spelling: another copy would be another piece of memory for each page.
        let site = first.group().room().site().clone();
        let mut memberships = vec![first];
        for topic in more {
            let whole = RoomName::site(site.clone());
            memberships.push(self.join_group(&whole, topic, id, None).map_err(NoPlace::Room)?);
        }
        let session = Session::new(id, site, visitor, counted);
        Ok(WebSocketGrant { key, session, format, memberships, permit })
    }
}
