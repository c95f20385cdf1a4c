//! `/embed`: a tiny page around the picture, for an iframe. Its reader is uncounted at once in Chromium, and it heals
//! itself.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use hyper::Response;
use hyper::http::request::Parts;

use super::query::{BadQuery, Query};
use super::{Body, answers, claim, refused};
use crate::app::App;
use crate::picture::{Style, StyleBuilder, Value};
use crate::room::Site;

const PAGE: &str = include_str!("../../demo/embed.html");

/// After what time the page loads itself again, if its URL doesn't say; that brings back a counter which an outage ended.
const REFRESH: Duration = Duration::from_mins(5);

/// The page, with the picture of the site that frames it.
pub(super) fn page(app: &App, request: &Parts) -> Response<Body> {
    let settings = app.settings();
    let mut claim = claim(&request.headers, None);
    // Seen by itself, without an iframe, it is one of this server's own pages.
    let by_itself = format!("http://{}/", String::from_utf8_lossy(claim.host.unwrap_or_default()));
    if claim.referer.is_none() && !matches!(claim.destination, Some(b"iframe" | b"frame")) {
        claim.referer = Some(by_itself.as_bytes());
    }
    let site = match settings.gate.admit(&claim) {
        Ok(admission) => admission.site,
        Err(refusal) => return refused(&refusal),
    };
    let parsed = Query::parse(request.uri.query()).and_then(|query| {
        let style = query.style(StyleBuilder::new(settings.label(&site)), &app.themes)?;
        Ok((query, style))
    });
    match parsed {
        Ok((query, style)) => around(&site, &query, &style),
        Err(bad) => answers::bad_query(&bad),
    }
}

fn around(site: &Site, query: &Query<'_>, style: &Style) -> Response<Body> {
    // A site that has no name is one whose pages send no Referer: neither does this one, then.
    let (own, policy) = match site.as_str() {
        "" => (None, "no-referrer"),
        name => (Some(("site", name)), "same-origin"),
    };
    let src = query.for_the_picture(own).replace('&', "&amp;");
    let (width, height) = style.size(Value::Count(0));
    answers::page(
        PAGE.replace("{{seconds}}", &seconds(query.refresh.unwrap_or(REFRESH)).to_string())
            .replace("{{policy}}", policy)
            .replace("{{query}}", &src)
            .replace("{{width}}", &width.to_string())
            .replace("{{height}}", &height.to_string()),
    )
}

/// Somewhere in the second half of the time and as much behind it: an outage isn't followed by everybody at once.
fn seconds(refresh: Duration) -> u64 {
    let half = (refresh.as_secs() / 2).max(1);
    half + RandomState::new().hash_one(()) % (2 * half)
}

/// The times that `refresh=` can say.
pub(super) fn refresh(value: &str) -> Result<Duration, BadQuery> {
    let time = humantime::parse_duration(value).ok();
    let within = |time: &Duration| (Duration::from_secs(10)..=Duration::from_hours(24)).contains(time);
    time.filter(within).ok_or_else(|| BadQuery::new("refresh", "it can be 10s to 24h"))
}
