//! `/embed`: a tiny page around the picture, for an iframe. Chromium closes the stream of a framed page at once, and the
//! page reloads itself after an outage. Loaded in advance, it counts nobody: its picture is lazy, so a browser asks for that
//! once the page is shown.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use hyper::header::{HeaderValue, REFRESH};
use onlookers_picture::{Style, StyleBuilder, Value};
use onlookers_rooms::RoomName;

use super::admission::warn_of_hidden_pages;
use super::query::Query;
use super::respond::{self, NO_SCRIPTS};
use super::{Answer, App, Refusal, Request, grant, tag};
use crate::gate::Claim;

const PAGE: &str = include_str!("../../demo/embed.html");

/// The time after which the page reloads itself if its URL doesn't say.
const USUAL: Duration = Duration::from_mins(5);

/// The page, with the picture of the site that frames it.
pub(super) fn page(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let (settings, query) = (&request.settings, request.query()?);
    let mut claim = Claim { site: query.site.as_deref(), ..request.claim };
    // Seen without an iframe, it is one of this server's own pages, and speaks for no other site.
    let itself = format!("http://{}/", String::from_utf8_lossy(claim.host.unwrap_or_default()));
    if claim.referer.is_none() && !matches!(claim.destination, Some(b"iframe" | b"frame")) {
        claim = Claim { referer: Some(itself.as_bytes()), site: None, ..claim };
    }
    let site = settings.gate.admit(&claim)?.site;
    let style = query.style(StyleBuilder::new(settings.label(&site)), &app.themes)?;
    // The picture's own Referer is this page, so `auto` means the page around it only here.
    let room = request.room_of(site)?;
    if request.misses_page() {
        warn_of_hidden_pages(app, room.of_site());
    }
    let mut page = respond::page(html(&room, query, &style), NO_SCRIPTS);
    page.headers_mut().insert(REFRESH, reload(&room, query)?);
    grant::respond(page)
}

fn html(room: &RoomName, query: &Query<'_>, style: &Style) -> String {
    // A site without a name is one whose pages send no Referer, so this page must not send one either.
    let site = room.of_site().as_str();
    let policy = if site.is_empty() { "no-referrer" } else { "same-origin" };
    let sources = tag::sources("online.png", &query.for_picture(site, room.as_page()), query.has("scale"));
    let (width, height) = style.size(Value::Count(0));
    PAGE.replace("{{policy}}", policy)
        .replace("{{sources}}", &sources.replace('&', "&amp;"))
        .replace("{{width}}", &width.to_string())
        .replace("{{height}}", &height.to_string())
        .replace("{{alt}}", &tag::alt(style))
}

/// The header that has the page reloaded, after half the time to one and a half times the time, so that not all pages come back at once
/// after an outage. The Referer is this page's own URL then, so the URL says which page is around it.
fn reload(room: &RoomName, query: &Query<'_>) -> Result<HeaderValue, Refusal> {
    let half = (query.refresh.unwrap_or(USUAL).as_secs() / 2).max(1);
    let seconds = half + RandomState::new().hash_one(()) % (2 * half);
    let url = query.for_frame(room.of_site().as_str(), room.as_page());
    let refresh = HeaderValue::try_from(format!("{seconds}; url=?{url}"));
    refresh.map_err(|_| Refusal::Malformed("The query of this URL is not printable."))
}
