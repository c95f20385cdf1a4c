//! `/livecount/ws?l=PAGE-URL`: the number alone, as the widget of ThomasHabets/livecount asks for it; so its pages move
//! here by changing a host name. The page counts in the same room as one with the picture.

use std::borrow::Cow;
use std::net::IpAddr;

use hyper::header::ORIGIN;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;

use super::denied::Denied;
use super::websocket::{Wanted, admit, key, opened};
use crate::app::App;
use crate::feeds::Topic;
use crate::transport::Answer;
use crate::transport::{Format, WebSocketGrant};
use crate::gate::Refusal;
use crate::room::{Page, PageQuery, RoomName, Site};

pub(super) fn answer(app: &App, request: &Parts, peer: IpAddr) -> Answer {
    opened(judge(app, request, peer))
}

fn judge(app: &App, request: &Parts, peer: IpAddr) -> Result<WebSocketGrant, Denied> {
    let bad = |sentence: &str| Denied::Bad(sentence.to_owned());
    // What livecount's framework says to a request that opens no WebSocket.
    let key = key(request).map_err(|_| bad("This is a WebSocket: open it by livecount's script."))?;
    let url = page_url(request).ok_or_else(|| bad("The parameter l is missing: l= and the page's URL."))?;
    let room = room(&url).ok_or_else(|| bad("The parameter l is not the URL of a web page."))?;
    if !has_origin_of(request, &url) {
        return Err(Refusal::NotAllowed(room.of_site().clone()).into());
    }
    let settings = app.settings();
    admit(&settings, &request.headers, &room)?;
    let wanted =
        Wanted { room, peek: false, format: Format::Number, topic: Topic::Number, more: Vec::new() };
    app.grant(&settings, key, wanted, (request, peer)).map_err(Denied::Full)
}

/// The widget puts the URL there as it is, so a plus sign is no space.
fn page_url(request: &Parts) -> Option<Cow<'_, str>> {
    let query = request.uri.query().unwrap_or_default();
    let url = query.split('&').find_map(|pair| pair.strip_prefix("l="))?;
    percent_decode_str(url).decode_utf8().ok()
}

fn room(url: &str) -> Option<RoomName> {
    Some(RoomName::page(Site::of_url(url).ok()?, Page::of_url(url, PageQuery::Drop).ok()?))
}

/// Whether the page that asks is of the URL's scheme, host and port.
fn has_origin_of(request: &Parts, url: &str) -> bool {
    let origin = request.headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    let scheme = |url: &str| url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme(origin) == scheme(url) && Site::of_url(origin).is_ok_and(|site| Ok(site) == Site::of_url(url))
}
