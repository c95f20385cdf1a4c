//! Whole files, with an ETag and 304: stills, scripts and pages.

use std::hash::Hasher;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::{Response, StatusCode};
use siphasher::sip::SipHasher13;

use super::Request;
use super::respond::{self, Body, HTML, NEVER_KEEP};

/// The tags of the files that the client has already.
pub(super) struct KnownTags(Vec<HeaderValue>);

impl KnownTags {
    pub(super) fn of(request: &Request<'_>) -> Self {
        Self(request.headers.get_all(IF_NONE_MATCH).iter().cloned().collect())
    }
}

/// A file that must be asked for each time, as its content may change at any moment.
pub(super) fn fresh(known: &KnownTags, content_type: &'static str, file: impl Into<Bytes>) -> Response<Body> {
    kept(known, content_type, file, NEVER_KEEP)
}

/// A page of this server.
pub(super) fn page(request: &Request<'_>, html: String, policy: HeaderValue) -> Response<Body> {
    let mut page = kept(&KnownTags::of(request), HTML, html, HeaderValue::from_static("no-store"));
    page.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    page
}

/// A file with this `Cache-Control`; or 304, if the client has the same bytes already.
pub(super) fn kept(
    known: &KnownTags,
    content_type: &'static str,
    file: impl Into<Bytes>,
    cache_control: HeaderValue,
) -> Response<Body> {
    let file = file.into();
    let tag = tag_of(&file);
    let is_known = known.0.iter().any(|tags| contains(tags, &tag));
    let mut response = match is_known {
        true => respond::empty(StatusCode::NOT_MODIFIED),
        false => respond::response(StatusCode::OK, content_type, file),
    };
    response.headers_mut().extend(HeaderValue::from_str(&tag).ok().map(|tag| (ETAG, tag)));
    response.headers_mut().insert(CACHE_CONTROL, cache_control);
    response
}

/// Whether a list of tags contains this one; a weak tag (`W/"…"`) counts too (RFC 9110, section 13.1.2).
fn contains(tags: &HeaderValue, tag: &str) -> bool {
    let tags = tags.to_str().unwrap_or_default();
    tags.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// A hash without a key: equal files have equal tags after a restart and on other nodes, too.
fn tag_of(file: &[u8]) -> String {
    let mut hasher = SipHasher13::new();
    hasher.write(file);
    format!("\"{:016x}\"", hasher.finish())
}
