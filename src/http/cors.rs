//! Which pages' scripts may read an answer (Fetch Living Standard, CORS protocol).

use std::iter;

use hyper::HeaderMap;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderName,
    HeaderValue, ORIGIN, VARY,
};

/// From where a request comes, if it says so.
pub(super) fn origin(request: &HeaderMap) -> Option<&[u8]> {
    request.get(ORIGIN).map(HeaderValue::as_bytes)
}

/// The fields of an answer to who may read it: that very origin's pages, with the cookie that keeps its owner from being
/// counted; never `*`. And caches have to know that another origin would get another one.
pub(super) fn fields(origin: Option<&[u8]>) -> impl Iterator<Item = (HeaderName, &[u8])> {
    let readable = origin.into_iter().flat_map(|origin| {
        [
            (ACCESS_CONTROL_ALLOW_ORIGIN, origin),
            (ACCESS_CONTROL_ALLOW_CREDENTIALS, b"true"),
            (ACCESS_CONTROL_EXPOSE_HEADERS, b"Retry-After"),
        ]
    });
    iter::once((VARY, &b"Origin"[..])).chain(readable)
}

/// Those fields, for hyper to send.
pub(super) fn readable(origin: Option<&[u8]>) -> HeaderMap {
    let field = |(name, value)| Some((name, HeaderValue::from_bytes(value).ok()?));
    fields(origin).filter_map(field).collect()
}

/// The fields of an answer to who may not read it.
pub(super) fn unreadable() -> HeaderMap {
    readable(None)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_for_the_origin_that_asked_and_names_it_to_the_byte() {
        let readable = readable(Some(b"https://a.example"));
        assert_eq!(readable[VARY], "Origin");
        assert_eq!(readable[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(readable[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(readable.len(), 4);
        assert_eq!(unreadable().len(), 1);
        assert_eq!(unreadable()[VARY], "Origin");
    }
}
