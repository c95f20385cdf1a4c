//! What `onlookers doctor` is told of its own request.

use hyper::Response;
use hyper::header::{HeaderName, HeaderValue, ORIGIN, REFERER};

use super::respond::Body;
use super::{Request, client};
use crate::wire::diagnosis::{self, Received};

/// Adds how the request has arrived, if it asks for that. The preflight of no route allows the header, so other sites' pages
/// can't ask.
pub(super) fn describe(mut response: Response<Body>, request: &Request<'_>) -> Response<Body> {
    if request.headers.contains_key(diagnosis::HEADER)
        && let Ok(value) = HeaderValue::try_from(received(request).to_header())
    {
        response.headers_mut().insert(HeaderName::from_static(diagnosis::HEADER), value);
    }
    response
}

fn received(request: &Request<'_>) -> Received {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let field = |name| request.headers.get(name).map(|value| text(value.as_bytes())).unwrap_or_default();
    let is_public = request.settings.proxies.client(request.address).is_some();
    Received {
        host: text(request.claim.host.unwrap_or_default()),
        is_https: request.is_https(),
        is_tls: request.is_tls,
        is_by_trusted: request.is_by_trusted,
        is_forwarded: client::came_through_proxy(request.headers),
        address: is_public.then_some(request.address),
        referer: field(REFERER),
        origin: field(ORIGIN),
    }
}
