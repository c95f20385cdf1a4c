//! The answers that aren't a stream: a status, and a short sentence or a picture that says so.

use bytes::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER,
};
use hyper::{Response, StatusCode};

use super::Body;
use super::online::NoPlace;
use super::query::BadQuery;
use crate::gate::Refusal;
use crate::net::capacity::CapacityError;
use crate::picture::notice;
use crate::room::LimitReached;

/// What the routes understand.
const METHODS: &str = "GET, HEAD, OPTIONS";

/// After how many seconds it is worth to ask again for a permit.
const RETRY_SECONDS: &str = "30";

/// An answer with a body; every one says that it is not to be kept, and that its type is not to be guessed.
pub(super) fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(Body::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    response
}

/// A page by itself: nothing but its own pictures and styles, no script.
const POLICY: &str = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; object-src *; \
    frame-src 'self'; base-uri 'none'; form-action 'none'";

/// A page of this server.
pub(super) fn page(html: String) -> Response<Body> {
    let mut response = response(StatusCode::OK, "text/html; charset=utf-8", html);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// An answer in plain words.
pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    response(status, "text/plain; charset=utf-8", text)
}

fn picture(status: StatusCode, sentence: &str) -> Response<Body> {
    response(status, "image/png", notice(sentence))
}

/// The answer to who may not see a count: a picture where a page shows it, so that the site's owner can read it there.
pub(super) fn refused(refusal: &Refusal) -> Response<Body> {
    match refusal {
        Refusal::Direct | Refusal::BadReferer(_) => text(
            StatusCode::FORBIDDEN,
            "You can't view this image directly.\n\
             Embed it in a page: <img loading=\"lazy\" src=\"/online.png\" width=\"200\" height=\"30\" alt=\"Users online\">, \
             with this server's address before /online.png.\n",
        ),
        Refusal::Nameless => picture(StatusCode::FORBIDDEN, "No Referer sent"),
        Refusal::NotAllowed(_) | Refusal::PageNotAllowed(_) => {
            picture(StatusCode::FORBIDDEN, "Not allowed here")
        }
        Refusal::NoPresence(_) => picture(StatusCode::FORBIDDEN, "Reading positions are off here"),
        Refusal::BadSite(_) => text(StatusCode::BAD_REQUEST, "The parameter site is not a site's name.\n"),
    }
}

/// An answer in JSON, which other sites' scripts may read: it holds nothing that isn't public.
pub(super) fn json(status: StatusCode, value: &impl serde::Serialize) -> Response<Body> {
    // Strings, numbers and lists can't fail to be written.
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut response = response(status, "application/json", text + "\n");
    response.headers_mut().insert("access-control-allow-origin", HeaderValue::from_static("*"));
    response
}

/// 400, naming the parameter.
pub(super) fn bad_query(bad: &BadQuery) -> Response<Body> {
    text(StatusCode::BAD_REQUEST, format!("{bad}\n"))
}

/// 404 with a way home.
pub(super) fn not_found() -> Response<Body> {
    response(
        StatusCode::NOT_FOUND,
        "text/html; charset=utf-8",
        "<!doctype html>\n<title>Not found</title>\n<p>There is nothing here. <a href=\"/\">The counter is there.</a></p>\n",
    )
}

/// 405 with Allow.
pub(super) fn method_not_allowed() -> Response<Body> {
    let mut response =
        text(StatusCode::METHOD_NOT_ALLOWED, "Only GET, HEAD and OPTIONS are understood here.\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
    response
}

/// 204 with Allow.
pub(super) fn options() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
    response
}

/// 302 to the same path with another query. Only the query is given, so that it holds below any prefix of a proxy's.
pub(super) fn redirect(query: &str) -> Response<Body> {
    let Ok(location) = HeaderValue::from_str(query) else {
        return text(StatusCode::BAD_REQUEST, "The query of this URL is not printable.\n");
    };
    let mut response = text(StatusCode::FOUND, "");
    response.headers_mut().insert(LOCATION, location);
    response
}

/// 503 with Retry-After, and a picture that says so.
pub(super) fn full(no_place: &NoPlace) -> Response<Body> {
    later(picture(StatusCode::SERVICE_UNAVAILABLE, too_many(no_place)))
}

/// The same in words.
pub(super) fn full_in_words(no_place: &NoPlace) -> Response<Body> {
    later(text(StatusCode::SERVICE_UNAVAILABLE, format!("{}.\n", too_many(no_place))))
}

fn later(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
    response
}

fn too_many(no_place: &NoPlace) -> &'static str {
    match no_place {
        NoPlace::Capacity(CapacityError::Total) => "Too many viewers",
        NoPlace::Capacity(CapacityError::Address) => "Too many pages open",
        NoPlace::Room(LimitReached::Sites) => "Too many sites",
        NoPlace::Room(LimitReached::Pages) => "Too many pages",
    }
}
