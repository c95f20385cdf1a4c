//! `/onlookers.js`, the module for pages with scripts; `/live` and `/live.js`, a page that shows what it can do.

use bytes::Bytes;
use hyper::header::HeaderValue;

use super::respond::JAVASCRIPT;
use super::static_file::KnownTags;
use super::{Answer, App, Refusal, Request, cors, grant, static_file};

const MODULE: &[u8] = include_bytes!("../../js/onlookers.js");
const PAGE: &str = include_str!("../../demo/live.html");
const PAGE_SCRIPT: &[u8] = include_bytes!("../../demo/live.js");

/// For an hour pages need not ask for a newer module: messages of older protocols stay valid.
const HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// The page's `Content-Security-Policy`: this server's scripts and streams, and nothing else.
const OWN_SCRIPTS: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
     style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
);

/// The module. Browsers load a module from another site only if that site lets every page read it.
pub(super) fn module(_: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let module = static_file::kept(&KnownTags::of(request), JAVASCRIPT, Bytes::from_static(MODULE), HOUR);
    grant::respond(cors::of_any_page(module))
}

/// The page.
pub(super) fn page(_: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let page = PAGE.replace("{{address}}", &request.server_address());
    grant::respond(static_file::page(request, page, OWN_SCRIPTS))
}

/// The page's script.
pub(super) fn script(_: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    grant::respond(static_file::fresh(&KnownTags::of(request), JAVASCRIPT, Bytes::from_static(PAGE_SCRIPT)))
}
