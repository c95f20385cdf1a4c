//! Answers of `redirect:` listeners: the same address, with https.

use hyper::StatusCode;
use hyper::header::{HOST, HeaderValue, LOCATION};
use hyper::http::request::Parts;
use onlookers_rooms::Site;

use super::request::{Request, authority};
use super::{App, respond};
use crate::net::address::Peer;
use crate::net::challenges;
use crate::transport::Answer;

/// The answer, where https is on `port`; none for what is answered or refused here, without https.
pub(crate) fn redirect(app: &App, parts: &Parts, peer: Peer, port: u16) -> Option<Answer> {
    let is_challenge = parts.uri.path().starts_with(challenges::PATH);
    if is_challenge || Request::parse(parts, peer, app.settings()).is_denied() {
        return None;
    }
    let answer = match location(parts, port) {
        Some(location) => {
            let mut answer = respond::text(StatusCode::PERMANENT_REDIRECT, "This server is at https.\n");
            answer.headers_mut().insert(LOCATION, location);
            answer
        }
        None => respond::text(StatusCode::BAD_REQUEST, "The request names no host, or no path.\n"),
    };
    Some(Answer::Respond(answer))
}

/// The address that was asked for, with https. It has the host that the client names, if that is one.
fn location(parts: &Parts, port: u16) -> Option<HeaderValue> {
    let host = authority(parts).or_else(|| parts.headers.get(HOST).map(HeaderValue::as_bytes))?;
    let site: Site = std::str::from_utf8(host).ok()?.parse().ok()?;
    let path = parts.uri.path_and_query().map(|path| path.as_str()).filter(|path| path.starts_with('/'))?;
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    HeaderValue::try_from(format!("https://{}{port}{path}", site.host())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads_to(target: &str, host: &[u8], port: u16) -> Option<String> {
        let request = hyper::Request::builder().uri(target).header(HOST, host).body(()).unwrap();
        location(&request.into_parts().0, port).map(|location| location.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_address_is_the_same_but_for_scheme_and_port() {
        for (target, host, port, wanted) in [
            ("/", "count.example", 443, Some("https://count.example/")),
            (
                "/online.png?page=/a&x",
                "Count.Example:80",
                443,
                Some("https://count.example/online.png?page=/a&x"),
            ),
            ("/a", "count.example:8080", 8443, Some("https://count.example:8443/a")),
            ("/a", "[::1]:80", 443, Some("https://[::1]/a")),
            ("//evil.example/a", "count.example", 443, Some("https://count.example//evil.example/a")),
            ("http://evil.example/a", "count.example", 443, Some("https://count.example/a")),
            ("*", "count.example", 443, None),
            ("/", "count.example/evil", 443, None),
            ("/", "evil@count.example\\x", 443, None),
            ("/", "", 443, None),
        ] {
            assert_eq!(leads_to(target, host.as_bytes(), port).as_deref(), wanted, "{target} {host}");
        }
        assert_eq!(leads_to("/", b"\xff.example", 443), None);
    }
}
