//! Stills: `/badge/…`, `/count/…`, and `/online.png` for those who take no stream. Never counted, never a stream.

use std::hash::Hasher;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH, REFERER};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use serde::Serialize;
use siphasher::sip::SipHasher13;

use super::query::{BadQuery, Query};
use super::{Body, answers, claim};
use crate::app::App;
use crate::picture::{Style, StyleBuilder, Value, notice};
use crate::room::{Counts, Page, RoomName, RoomNameError, Site};
use crate::settings::Settings;

/// What image proxies obey: GitHub's keeps a picture for a year without it, Gmail's keeps the first for good.
const NEVER_KEEP: HeaderValue = HeaderValue::from_static("max-age=0, no-cache, no-store, must-revalidate");

const PNG: &str = "image/png";

/// Whose numbers a still shows.
enum Shown {
    Room(RoomName),
    /// The whole server: nobody said which site.
    Everyone,
}

/// The numbers, and the most they have been.
#[derive(Clone, Copy)]
struct Numbers {
    now: Counts,
    peak: Counts,
}

/// The answer to `/count/….json`.
#[derive(Serialize)]
struct Count<'a> {
    room: &'a str,
    #[serde(flatten)]
    here: Both,
    site: Both,
    peak: Both,
}

#[derive(Serialize)]
struct Both {
    pages: u64,
    visitors: u64,
}

/// The endpoint schema of shields.io: these keys and no other.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shield<'a> {
    schema_version: u8,
    label: &'a str,
    message: String,
    color: String,
}

/// `/online.png` as one complete picture.
pub(super) fn online(app: &App, request: &Parts, query: &Query<'_>) -> Response<Body> {
    let settings = app.settings();
    let shown = match shown_by(&settings, request, query) {
        Ok(shown) => shown,
        Err(sentence) => return picture(request, notice(sentence)),
    };
    let style = query.style(StyleBuilder::new(settings.label(&shown.site())), &app.themes);
    match style {
        Ok(style) => picture(request, app.png(&shown, query, &style)),
        Err(bad) => picture(request, bad_picture(&bad)),
    }
}

/// Whose numbers: of the page that asks, where that is said; of `site=`; of the one allowed site; of the whole server.
fn shown_by(settings: &Settings, request: &Parts, query: &Query<'_>) -> Result<Shown, &'static str> {
    let by_referer = || settings.gate.admit(&claim(&request.headers, query.site.as_deref())).ok();
    let site = match (&query.site, request.headers.contains_key(REFERER)) {
        (None, true) => Some(by_referer().ok_or("Not allowed here")?.site),
        (Some(name), _) => Some(name.parse().map_err(|_| "Bad site name")?),
        (None, false) => settings.gate.only_site(),
    };
    let Some(site) = site else { return Ok(Shown::Everyone) };
    let page = query.page.as_deref().map(|path| Page::new(path, query.page_query));
    let room = match page.transpose().map_err(|_| "Bad page name")? {
        Some(page) => RoomName::page(site, page),
        None => RoomName::site(site),
    };
    if settings.shows(&room) { Ok(Shown::Room(room)) } else { Err("Not allowed here") }
}

/// `/badge/example.com/posts/1.png`, `.svg`, `.json`; `path` is what stands behind `/badge/`.
pub(super) fn badge(app: &App, request: &Parts, path: &str) -> Response<Body> {
    let Some((name, extension)) = path.rsplit_once('.') else { return answers::not_found() };
    match extension {
        "png" => drawn(app, request, name, |style, value| (PNG, app.pictures.png(style, value))),
        "svg" => drawn(app, request, name, |style, value| ("image/svg+xml", app.pictures.svg(style, value))),
        "json" => shield(app, request, name),
        _ => answers::not_found(),
    }
}

/// A picture and 200 even when something is wrong: proxies keep errors, and pages show them as broken.
fn drawn(
    app: &App,
    request: &Parts,
    name: &str,
    draw: impl Fn(&Style, Value) -> (&'static str, Bytes),
) -> Response<Body> {
    match app.badge(request, name) {
        Ok((style, value)) => {
            let (content_type, file) = draw(&style, value);
            answer(request, content_type, file)
        }
        Err(Wrong::Parameter(bad)) => picture(request, bad_picture(&bad)),
        Err(Wrong::Sentence(sentence)) => picture(request, notice(sentence)),
    }
}

fn shield(app: &App, request: &Parts, name: &str) -> Response<Body> {
    let (label, message, color) = match app.badge(request, name) {
        Ok((style, value)) => {
            (style.label().as_str().to_owned(), style.message(value), style.color().to_string())
        }
        Err(Wrong::Parameter(bad)) => ("error".to_owned(), format!("bad {}", bad.name()), "red".to_owned()),
        Err(Wrong::Sentence(sentence)) => ("error".to_owned(), sentence.to_lowercase(), "red".to_owned()),
    };
    let shield = Shield { schema_version: 1, label: &label, message, color };
    fresh(answers::json(StatusCode::OK, &shield))
}

/// `/count/example.com/posts/1.json`, `.txt`; `path` is what stands behind `/count/`.
pub(super) fn count(app: &App, request: &Parts, path: &str) -> Response<Body> {
    let Some((name, extension @ ("json" | "txt"))) = path.rsplit_once('.') else {
        return answers::not_found();
    };
    let query = match Query::parse(request.uri.query()) {
        Ok(query) => query,
        Err(bad) => return answers::bad_query(&bad),
    };
    let room = match room_at(name) {
        Ok(room) => room,
        Err(sentence) => return answers::text(StatusCode::BAD_REQUEST, format!("{sentence}.\n")),
    };
    if !app.settings().shows(&room) {
        return answers::text(StatusCode::FORBIDDEN, "This count is not shown here.\n");
    }
    let here = app.numbers_of(&room);
    if extension == "txt" {
        return fresh(answers::text(StatusCode::OK, here.now.of(query.counting).to_string()));
    }
    let site = room.whole_site().map_or(here, |site| app.numbers_of(&site));
    let count = Count {
        room: &room.to_string(),
        here: here.now.into(),
        site: site.now.into(),
        peak: here.peak.into(),
    };
    fresh(answers::json(StatusCode::OK, &count))
}

/// What is wrong with a request for a badge.
enum Wrong {
    Parameter(BadQuery),
    Sentence(&'static str),
}

impl App {
    fn badge(&self, request: &Parts, name: &str) -> Result<(Style, Value), Wrong> {
        let settings = self.settings();
        let query = Query::parse(request.uri.query()).map_err(Wrong::Parameter)?;
        let room = room_at(name).map_err(Wrong::Sentence)?;
        if !settings.shows(&room) {
            return Err(Wrong::Sentence("Not allowed here"));
        }
        let style = query.style(StyleBuilder::flat(settings.label(room.of_site())), &self.themes);
        let style = style.map_err(Wrong::Parameter)?;
        let value = value(self.numbers_of(&room), &query, &style);
        Ok((style, value))
    }

    fn png(&self, shown: &Shown, query: &Query<'_>, style: &Style) -> Bytes {
        let numbers = match shown {
            Shown::Room(room) => self.numbers_of(room),
            Shown::Everyone => Numbers { now: self.rooms.totals(), peak: self.rooms.totals() },
        };
        self.pictures.png(style, value(numbers, query, style))
    }

    /// Of a room that doesn't exist nobody is in: asking doesn't bring it into being.
    fn numbers_of(&self, room: &RoomName) -> Numbers {
        let room = self.rooms.find(room);
        let of = |number: fn(&crate::room::Room) -> Counts| {
            room.as_ref().map(|room| number(room)).unwrap_or_default()
        };
        Numbers { now: of(crate::room::Room::counts), peak: of(crate::room::Room::peak) }
    }
}

impl Shown {
    fn site(&self) -> Site {
        match self {
            Self::Room(room) => room.of_site().clone(),
            Self::Everyone => Site::unnamed(),
        }
    }
}

impl From<Counts> for Both {
    fn from(Counts { tabs, visitors }: Counts) -> Self {
        Self { pages: tabs, visitors }
    }
}

fn value(numbers: Numbers, query: &Query<'_>, style: &Style) -> Value {
    let now = numbers.now.of(query.counting);
    if style.shows_peak() {
        Value::Peak { now, peak: numbers.peak.of(query.counting) }
    } else {
        Value::Count(now)
    }
}

/// The room that a path names: a site, or with a slash behind it one of its pages.
pub(super) fn room_at(name: &str) -> Result<RoomName, &'static str> {
    name.parse().map_err(|why| match why {
        RoomNameError::Site(_) => "Bad site name",
        RoomNameError::Page(_) => "Bad page name",
    })
}

fn bad_picture(bad: &BadQuery) -> Bytes {
    notice(&format!("Bad {}", bad.name()))
}

fn picture(request: &Parts, png: Bytes) -> Response<Body> {
    answer(request, PNG, png)
}

/// A whole file that nobody may keep, or 304 to who has this one.
pub(super) fn answer(request: &Parts, content_type: &'static str, file: Bytes) -> Response<Body> {
    fresh(tagged(request, content_type, file))
}

/// A whole file, or 304 to who has it already.
pub(super) fn tagged(request: &Parts, content_type: &'static str, file: Bytes) -> Response<Body> {
    let tag = tag_of(&file);
    let known = request.headers.get_all(IF_NONE_MATCH).iter().any(|tags| names(tags, &tag));
    let mut response = if known {
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        answers::response(StatusCode::OK, content_type, file)
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Whether a list of tags has this one; a weak tag (`W/"…"`) is as good here (RFC 9110, section 13.1.2).
fn names(tags: &HeaderValue, tag: &str) -> bool {
    let tags = tags.to_str().unwrap_or_default();
    tags.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// Equal files have equal tags, also after a restart and on other nodes: a hash without a key.
fn tag_of(file: &[u8]) -> String {
    let mut hasher = SipHasher13::new();
    hasher.write(file);
    format!("\"{:016x}\"", hasher.finish())
}

fn fresh(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, NEVER_KEEP);
    response
}
