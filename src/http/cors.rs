//! Which pages' scripts may read an answer (Fetch Living Standard, CORS protocol).

use hyper::HeaderMap;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderValue, ORIGIN,
    VARY,
};

/// From where a request comes, if it says so: a copy, which keeps nothing of the request itself in memory.
pub(super) fn origin(request: &HeaderMap) -> Option<HeaderValue> {
    request.get(ORIGIN).and_then(|origin| HeaderValue::from_bytes(origin.as_bytes()).ok())
}

/// The fields of an answer to who may read it: that very origin's pages, with the cookie that keeps its owner from being
/// counted; never `*`.
pub(super) fn readable(origin: Option<HeaderValue>) -> HeaderMap {
    let mut fields = unreadable();
    if let Some(origin) = origin {
        fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        fields.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    }
    fields
}

/// The fields of an answer to who may not: caches have to know that another origin would get another one.
pub(super) fn unreadable() -> HeaderMap {
    HeaderMap::from_iter([(VARY, HeaderValue::from_static("Origin"))])
}

/// What a browser asks before it lets a page's script send a header that isn't safelisted, as `Last-Event-ID`.
pub(super) fn preflight(request: &HeaderMap) -> HeaderMap {
    let mut fields = readable(origin(request));
    if fields.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        fields.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD"));
        fields.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Last-Event-ID, Cache-Control"));
        fields.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    }
    fields
}
