//! `/livecount/ws?l=PAGE-URL`: the number alone, as the widget of ThomasHabets/livecount asks for it, so that its pages can
//! switch to this server by changing a host name. They are counted in the same rooms as pages with a picture.

use std::borrow::Cow;

use onlookers_rooms::{PageQuery, RoomName, Site, path_of_url, split_url};
use percent_encoding::percent_decode_str;

use super::admission::check_script;
use super::websocket::key;
use super::{Answer, App, Refusal, Request, grant};
use crate::gate::GateError;
use crate::transport::Format;

pub(super) fn open(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    // livecount's framework answers 400, too, to a request that opens no WebSocket.
    let key = key(request).map_err(|refusal| match refusal {
        Refusal::Version(_) => refusal,
        _ => Refusal::Malformed("This is a WebSocket: open it by livecount's script."),
    })?;
    let url =
        page_url(request).ok_or(Refusal::Malformed("The parameter l is missing: l= and the page's URL."))?;
    let room =
        room(request, &url).ok_or(Refusal::Malformed("The parameter l is not the URL of a web page."))?;
    if !has_origin_of(request, &url) {
        return Err(GateError::NotAllowed(room.of_site().clone()).into());
    }
    check_script(request, &room, request.named_origin(), false)?;
    grant::websocket(app, request, key, (&room, false), (Format::Number, Vec::new()))
}

/// The widget doesn't encode the URL, so a plus sign isn't a space.
fn page_url<'r>(request: &Request<'r>) -> Option<Cow<'r, [u8]>> {
    let url = request.raw_query.split('&').find_map(|pair| pair.strip_prefix("l="))?;
    Some(percent_decode_str(url).into())
}

fn room(request: &Request<'_>, url: &[u8]) -> Option<RoomName> {
    let site = request.settings.gate.canonical(&Site::of_url(url).ok()?);
    let page = request.settings.page_rules(&site).page(path_of_url(url), PageQuery::Drop).ok()?;
    Some(RoomName::page(site, page))
}

/// Whether the page that asks has the URL's scheme, host and port.
fn has_origin_of(request: &Request<'_>, url: &[u8]) -> bool {
    let origin = request.origin.unwrap_or_default();
    let scheme = |url| split_url(url).map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme(origin) == scheme(url) && Site::of_url(origin).is_ok_and(|site| Ok(site) == Site::of_url(url))
}
