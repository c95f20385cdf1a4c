//! The fields that say which pages' scripts may read an answer (Fetch Living Standard, CORS protocol).

use std::iter;

use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderName,
    HeaderValue, VARY,
};
use hyper::{HeaderMap, Response};

const ANY: HeaderValue = HeaderValue::from_static("*");
const READING: HeaderValue = HeaderValue::from_static("GET, HEAD");
/// The headers that scripts and browsers send with such requests, besides those that need no leave.
const SENT: HeaderValue = HeaderValue::from_static("Last-Event-ID, Cache-Control");
/// A day in seconds, for which a browser needn't ask again.
const DAY: HeaderValue = HeaderValue::from_static("86400");

/// The fields of an answer that pages of `origin` may read, and no others: never `*`. With credentials, so that the cookie
/// which keeps its owner from being counted is sent. `Vary` tells caches that another origin gets another answer.
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

/// The same fields, for hyper to send.
pub(super) fn readable(origin: Option<&[u8]>) -> HeaderMap {
    let field = |(name, value)| Some((name, HeaderValue::from_bytes(value).ok()?));
    fields(origin).filter_map(field).collect()
}

/// The fields of an answer that no other site's page may read.
pub(super) fn unreadable() -> HeaderMap {
    readable(None)
}

/// The fields of an answer to a browser that asks whether a script may send headers that aren't safelisted.
pub(super) fn preflight(origin: Option<&[u8]>) -> HeaderMap {
    let mut fields = readable(origin);
    if fields.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        fields.insert(ACCESS_CONTROL_ALLOW_METHODS, READING);
        fields.insert(ACCESS_CONTROL_ALLOW_HEADERS, SENT);
        fields.insert(ACCESS_CONTROL_MAX_AGE, DAY);
    }
    fields
}

/// The same answer, which scripts of any page may read, as it holds nothing that isn't public. Without credentials, which
/// browsers refuse beside `*`.
pub(super) fn of_any_page<B>(mut answer: Response<B>) -> Response<B> {
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    answer
}

/// The fields of an answer to a browser that asks whether a script of any page may read such an answer.
pub(super) fn preflight_of_any_page() -> HeaderMap {
    HeaderMap::from_iter([
        (ACCESS_CONTROL_ALLOW_ORIGIN, ANY),
        (ACCESS_CONTROL_ALLOW_METHODS, READING),
        // Not `*`: a page's script must not say what only proxies may, such as X-Forwarded-Host.
        (ACCESS_CONTROL_ALLOW_HEADERS, SENT),
        (ACCESS_CONTROL_MAX_AGE, DAY),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_the_origin_that_asked() {
        let readable = readable(Some(b"https://a.example"));
        assert_eq!(readable[VARY], "Origin");
        assert_eq!(readable[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(readable[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(readable.len(), 4);
        assert_eq!(unreadable().len(), 1);
        assert_eq!(unreadable()[VARY], "Origin");
    }

    #[test]
    fn what_any_page_may_read_comes_without_credentials() {
        for fields in [of_any_page(Response::new(())).headers(), &preflight_of_any_page()] {
            assert_eq!(fields[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
            assert!(!fields.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
        }
    }
}
