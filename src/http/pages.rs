//! The pages that this server shows: the demo page, and the page for an iframe.

use std::hash::{BuildHasher, RandomState};

use hyper::header::{CONTENT_SECURITY_POLICY, HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::Body;
use super::answers::response;
use crate::room::Site;

const DEMO: &str = include_str!("../../demo/index.html");
const EMBED: &str = include_str!("../../demo/embed.html");

/// Where the demo page names this server's address.
const ADDRESS: &str = "{{address}}";

/// After how many seconds a framed page loads itself again, which brings back a counter that an outage has ended; and
/// over how many seconds more that is spread, so that an outage isn't followed by everybody at once.
const HEAL_SECONDS: (u64, u64) = (240, 120);

/// A page by itself: nothing but its own pictures and styles, no script.
const POLICY: &str = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; object-src *; frame-src 'self'; base-uri 'none'; form-action 'none'";

/// The demo page, with the tag as it is to be copied.
pub(super) fn demo(request: &Parts) -> Response<Body> {
    html(DEMO.replace(ADDRESS, &address(request)))
}

/// A page with the picture of `site` and nothing else.
pub(super) fn embed(site: &Site) -> Response<Body> {
    let (least, spread) = HEAL_SECONDS;
    let seconds = least + RandomState::new().hash_one(()) % spread;
    // A site that has no name is one whose pages send no Referer: neither does this one, then.
    let (query, policy) = match site.as_str() {
        "" => (String::new(), "no-referrer"),
        name => (format!("?site={}", encode(name)), "same-origin"),
    };
    html(
        EMBED
            .replace("{{seconds}}", &seconds.to_string())
            .replace("{{query}}", &query)
            .replace("{{policy}}", policy),
    )
}

fn html(page: String) -> Response<Body> {
    let mut response = response(StatusCode::OK, "text/html; charset=utf-8", page);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// The address under which the page was asked for. A proxy that ends TLS says so in X-Forwarded-Proto; it changes
/// nothing but this text.
fn address(request: &Parts) -> String {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = if header("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    let host = header(HOST.as_str()).and_then(|host| host.parse::<Site>().ok());
    match host {
        Some(host) => format!("{scheme}://{host}"),
        None => String::new(),
    }
}

fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
