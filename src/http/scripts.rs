//! `/onlookers.js`, the module for pages with scripts, and `/live`, a page that shows what it can do.

use bytes::Bytes;
use hyper::Response;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};
use hyper::http::request::Parts;

use super::{Body, answers, demo, still};

const MODULE: &str = include_str!("../../js/onlookers.js");

const PAGE: &str = include_str!("../../demo/live.html");

const PAGES_SCRIPT: &str = include_str!("../../demo/live.js");

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// For an hour pages need not ask whether there is a newer one: the protocol only grows.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// This server's scripts and streams, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
    style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The module. Browsers load modules from other sites only if those let any page have them.
pub(super) fn module(request: &Parts) -> Response<Body> {
    let mut response = still::tagged(request, JAVASCRIPT, Bytes::from_static(MODULE.as_bytes()));
    response.headers_mut().insert(CACHE_CONTROL, KEEP);
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// The page.
pub(super) fn live(request: &Parts) -> Response<Body> {
    let mut page = answers::page(PAGE.replace("{{address}}", &demo::address(request)));
    page.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    page
}

/// Its script.
pub(super) fn live_script(request: &Parts) -> Response<Body> {
    still::answer(request, JAVASCRIPT, Bytes::from_static(PAGES_SCRIPT.as_bytes()))
}
