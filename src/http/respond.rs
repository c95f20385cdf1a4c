//! Answers that aren't a stream.

use bytes::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::cors;

/// The body of an answer that isn't a stream.
pub(super) type Body = http_body_util::Full<Bytes>;

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const PLAIN: &str = "text/plain; charset=utf-8";
pub(super) const PNG: &str = "image/png";
pub(super) const SVG: &str = "image/svg+xml";
pub(super) const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// For `Cache-Control`. Image proxies obey no less: without it GitHub's keeps a picture for a year, Gmail's for good.
pub(super) const NEVER_KEEP: HeaderValue =
    HeaderValue::from_static("max-age=0, no-cache, no-store, must-revalidate");

/// The `Content-Security-Policy` of a page that shows this server's pictures, and runs no script.
pub(super) const NO_SCRIPTS: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; object-src *; frame-src 'self'; \
     base-uri 'none'; form-action 'none'",
);

/// The methods of most routes.
pub(super) const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// An answer with a body, which must not be stored, and whose type browsers must not guess.
pub(super) fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = empty(status);
    *response.body_mut() = Body::new(body.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    response
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

/// An answer in plain words.
pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    response(status, PLAIN, text)
}

/// A page that differs from one request to the next.
pub(super) fn page(html: String, policy: HeaderValue) -> Response<Body> {
    let mut response = response(StatusCode::OK, HTML, html);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// JSON that scripts of any site may read, as it holds nothing that isn't public.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    // Serializing strings, numbers and lists can't fail.
    let text = serde_json::to_string(value).unwrap_or_default();
    cors::of_any_page(response(status, "application/json", text + "\n"))
}

/// The same answer, for clients that otherwise keep a number for long.
pub(super) fn never_kept(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, NEVER_KEEP);
    response
}

/// The endpoint schema of shields.io: these keys and no other.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shield<'a> {
    schema_version: u8,
    label: &'a str,
    message: &'a str,
    color: &'a str,
}

/// A badge that shields.io draws.
pub(super) fn shield(label: &str, message: &str, color: &str) -> Response<Body> {
    never_kept(json(StatusCode::OK, &Shield { schema_version: 1, label, message, color }))
}

/// For a picture that couldn't be painted: the server is stopping.
pub(super) fn unpainted() -> Response<Body> {
    text(StatusCode::SERVICE_UNAVAILABLE, "This picture could not be painted.\n")
}

/// 204 with Allow.
pub(super) fn options() -> Response<Body> {
    let mut response = empty(StatusCode::NO_CONTENT);
    response.headers_mut().insert(ALLOW, METHODS);
    response
}

/// A redirect to a relative URL, which stays valid under a proxy's path prefix.
pub(super) fn redirect(status: StatusCode, location: HeaderValue) -> Response<Body> {
    let mut response = text(status, "");
    response.headers_mut().insert(LOCATION, location);
    response
}
