//! Those who aren't counted: the owner at home, by network or by a cookie that a page sets; and who isn't there yet.

use std::net::IpAddr;

use hyper::header::{CONTENT_SECURITY_POLICY, COOKIE, HeaderValue, LOCATION, SET_COOKIE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use ipnet::IpNet;

use super::Body;
use super::answers::response;

const NAME: &str = "onlookers-ignore";

/// Ten years, in seconds.
const FOR_GOOD: u32 = 315_360_000;

const PAGE: &str = include_str!("../../demo/ignore.html");

/// Whether an open page of whoever sent these headers from `address` is not to be counted.
pub(super) fn is_ignored(networks: &[IpNet], address: IpAddr, headers: &HeaderMap) -> bool {
    networks.iter().any(|network| network.contains(&address)) || has_cookie(headers) || is_prefetch(headers)
}

/// `/ignore` and `/unignore`: a page with one form; sent, it sets or removes the cookie.
pub(super) fn answer(request: &Parts, ignore: bool) -> Response<Body> {
    if request.method == Method::POST { change(request, ignore) } else { ask(request, ignore) }
}

fn ask(request: &Parts, ignore: bool) -> Response<Body> {
    let (action, button, state) = match ignore {
        true => ("ignore", "Don't count this browser", "counted"),
        false => ("unignore", "Count this browser again", "not counted"),
    };
    let done = has_cookie(&request.headers) == ignore;
    let sentence = match (done, ignore) {
        (true, true) => "This browser is not counted.",
        (true, false) => "This browser is counted.",
        (false, _) => &format!("This browser is {state} on the pages that show a picture of this server."),
    };
    let page =
        PAGE.replace("{{sentence}}", sentence).replace("{{action}}", action).replace("{{button}}", button);
    let mut page = response(StatusCode::OK, "text/html; charset=utf-8", page);
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    page.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    page
}

fn change(request: &Parts, ignore: bool) -> Response<Body> {
    // No other site's form may do this for its visitors. Where browsers don't say, the cookie's harm is small.
    if request.headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return response(
            StatusCode::FORBIDDEN,
            "text/plain; charset=utf-8",
            "Only this server's own page does that.\n",
        );
    }
    let seconds = if ignore { FOR_GOOD } else { 0 };
    // Pictures on other sites' pages get the cookie only with SameSite=None, which browsers take over https alone.
    let https = request.headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let site = if https { "None; Secure" } else { "Lax" };
    let cookie = format!("{NAME}=1; Path=/; Max-Age={seconds}; HttpOnly; SameSite={site}");
    let mut answer = response(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    // Where the form was; only the last segment is named, so that it holds below a proxy's prefix.
    let back = if ignore { "ignore" } else { "unignore" };
    answer.headers_mut().insert(LOCATION, HeaderValue::from_static(back));
    answer
}

fn has_cookie(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).any(|pair| pair.trim().split_once('=') == Some((NAME, "1")))
}

/// Whether nobody looks yet: the browser loads the page in case that somebody will.
fn is_prefetch(headers: &HeaderMap) -> bool {
    let names = ["sec-purpose", "purpose", "x-purpose", "x-moz"];
    let mut values =
        names.iter().filter_map(|name| headers.get(*name)).filter_map(|value| value.to_str().ok());
    values.any(|value| value.contains("prefetch") || value.contains("prerender") || value == "preview")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(hyper::header::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn the_owner_is_known_by_network_or_cookie() {
        let home = ["192.0.2.0/24".parse().unwrap()];
        let (inside, outside) = ("192.0.2.7".parse().unwrap(), "198.51.100.1".parse().unwrap());
        assert!(is_ignored(&home, inside, &HeaderMap::new()));
        assert!(!is_ignored(&home, outside, &HeaderMap::new()));
        assert!(is_ignored(&home, outside, &headers("cookie", "a=b; onlookers-ignore=1")));
        assert!(!is_ignored(&home, outside, &headers("cookie", "xonlookers-ignore=1; onlookers-ignore=0")));
    }

    #[test]
    fn who_isnt_there_yet_isnt_counted() {
        for (name, value) in
            [("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch"), ("x-moz", "prefetch")]
        {
            assert!(is_prefetch(&headers(name, value)), "{name}");
        }
        assert!(!is_prefetch(&headers("purpose", "x")));
    }
}
