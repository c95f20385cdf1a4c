//! Pages of sites, visitors, limits, and viewers that aren't counted.

use std::net::SocketAddr;

use crate::common::client::{Client, get};
use crate::common::listener::Listener;
use crate::common::page::Page;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request};

/// A viewer of the picture with that query, on a page of example.com.
pub(crate) fn view(address: SocketAddr, query: &str, headers: &[&str]) -> Viewer {
    view_of("https://example.com/", address, query, headers)
}

pub(crate) fn view_of(referer: &str, address: SocketAddr, query: &str, headers: &[&str]) -> Viewer {
    let mut client = Client::connect(address);
    let referer = format!("Referer: {referer}");
    let headers = [&[&referer[..]], headers].concat();
    client.send(request(&format!("GET /online.png?u=1&{query} HTTP/1.1"), &headers));
    Viewer::opened(client)
}

pub(crate) fn top(address: SocketAddr, site: &str) -> serde_json::Value {
    let answer = Client::ask(address, request(&format!("GET /top.json?site={site} HTTP/1.1"), &[]));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn a_page_has_a_count_of_its_own_and_a_site_is_their_sum() {
    let server = TestServer::quiet(&[]);
    let mut post = view(server.address, "page=/posts/1", &[]);
    let mut about = view(server.address, "page=/about&show=page", &[]);
    let mut sum = view(server.address, "page=/about&show=site", &[]);
    sum.wait_for(3);
    about.wait_for(2);
    assert_eq!(post.count(), 1);
    let mut again = view(server.address, "page=posts%2F..%2F./posts/1?utm=x%23top", &[]);
    again.wait_for(2);
    assert_eq!(view(server.address, "page=/POSTS/1", &[]).count(), 1);
    let mut spelled = view(server.address, "page=/%70osts/1%3Fx", &[]);
    spelled.wait_for(3);
    post.wait_for(3);
}

#[test]
fn a_page_cannot_count_for_another_site() {
    let server = TestServer::quiet(&[]);
    let mut here = view(server.address, "page=/a", &[]);
    let mut there = view_of("https://evil.example/", server.address, "site=example.com&page=/a", &[]);
    assert_eq!((here.count(), there.count()), (1, 1));
    assert_eq!(top(server.address, "evil.example")["pages"][0]["count"], 1);
}

#[test]
fn a_bad_parameter_of_a_room_is_named() {
    let server = TestServer::quiet(&[]);
    let long = format!("page=/{}", "a".repeat(2048));
    for (query, sentence) in [
        (&long[..], "The parameter page is bad: longer than 2048 bytes.\n"),
        ("page=/a%0ab", "The parameter page is bad: not printable.\n"),
        ("show=all", "The parameter show is bad: not one of: site, page.\n"),
        ("count=2", "The parameter count is bad: not one of: pages, visitors.\n"),
        ("peek=yes", "The parameter peek is bad: not one of: 1, 0.\n"),
    ] {
        let request =
            request(&format!("GET /online.png?{query} HTTP/1.1"), &["Referer: https://example.com/"]);
        let answer = Client::ask(server.address, request);
        assert_eq!((answer.status, answer.text()), (400, sentence));
    }
}

#[test]
fn peeking_and_ignored_viewers_are_not_counted() {
    let server = TestServer::quiet(&["--ignore", "192.0.2.0/24", "--trust-proxy", "127.0.0.0/8"]);
    let mut counted = view(server.address, "", &[]);
    assert_eq!(counted.count(), 1);
    for (query, header) in [
        ("peek=1", "X-Nothing: 1"),
        ("", "Cookie: a=b; onlookers-ignore=1"),
        ("", "X-Forwarded-For: 198.51.100.1, 192.0.2.7"),
    ] {
        let mut looks = view(server.address, query, &[header]);
        assert_eq!(looks.count(), 1, "{query} {header}");
    }
    let mut other = view(server.address, "", &["X-Forwarded-For: 192.0.2.7, 198.51.100.1"]);
    other.wait_for(2);
    // A change in between would be read first.
    assert_eq!(counted.count(), 2);
}

#[test]
fn pages_shown_after_prerendering_count_and_frames_wait() {
    const PRERENDERED: &str = "Sec-Purpose: prefetch;prerender";
    let server = TestServer::quiet(&[]);
    let headers = ["Referer: https://example.com/", "Sec-Fetch-Dest: iframe", PRERENDERED];
    let frame = get(server.address, "/embed", &headers);
    assert!(frame.status == 200 && frame.text().contains("<img loading=\"lazy\""), "{frame:?}");
    let mut picture = view(server.address, "", &[PRERENDERED, "Purpose: prefetch"]);
    assert_eq!(picture.count(), 1, "the picture of the page, and no frame");
    let _listener =
        Listener::with(server.address, "/events/example.com", &["Origin: https://example.com", PRERENDERED]);
    picture.wait_for(2);
    let _socket = Page::open_with(server.address, "", &[PRERENDERED]);
    picture.wait_for(3);
    // A link that fetches the picture in advance is no page.
    let mut linked = view(server.address, "", &["Sec-Purpose: prefetch"]);
    assert_eq!(linked.count(), 3);
}

#[test]
fn the_ignore_page_sets_and_removes_the_cookie() {
    let server = TestServer::quiet(&[]);
    let ask = |line: &str, headers: &[&str]| Client::ask(server.address, request(line, headers));
    let page = ask("GET /ignore HTTP/1.1", &[]);
    assert!(
        page.status == 200 && page.text().contains("<form method=\"post\" action=\"ignore\">"),
        "{page:?}"
    );
    let set = ask("POST /ignore HTTP/1.1", &["Content-Length: 0", "X-Forwarded-Proto: https"]);
    assert_eq!((set.status, set.header("location")), (303, Some("ignore")));
    let cookie = set.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("onlookers-ignore=1; ") && cookie.ends_with("SameSite=None; Secure"),
        "{cookie}"
    );
    let removed = ask("POST /unignore HTTP/1.1", &["Content-Length: 0"]);
    assert!(removed.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(
        ask("POST /ignore HTTP/1.1", &["Content-Length: 0", "Sec-Fetch-Site: cross-site"]).status,
        403
    );
}

#[test]
fn a_visitor_with_several_tabs_is_one() {
    let server = TestServer::quiet(&["--trust-proxy", "127.0.0.0/8"]);
    let (ann, bob) = ("X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 198.51.100.2");
    let mut pages = view(server.address, "peek=1", &[]);
    let mut visitors = view(server.address, "peek=1&count=visitors", &[]);
    assert_eq!((pages.count(), visitors.count()), (0, 0));
    let first = view(server.address, "page=/a", &[ann, "User-Agent: x"]);
    let second = view(server.address, "page=/b", &[ann, "User-Agent: x"]);
    pages.wait_for(2);
    visitors.wait_for(1);
    let _bob = view(server.address, "page=/b", &[bob, "User-Agent: x"]);
    visitors.wait_for(2);
    let private = [(); 2].map(|()| view(server.address, "", &[ann, "User-Agent: x", "Sec-GPC: 1"]));
    visitors.wait_for(4);
    drop(private);
    visitors.wait_for(2);
    drop(first);
    pages.wait_for(2);
    drop(second);
    pages.wait_for(1);
    visitors.wait_for(1);
}

#[test]
fn a_viewer_over_the_limit_gets_a_picture_and_503() {
    let server = TestServer::quiet(&["--max-per-address", "2", "--trust-proxy", "127.0.0.0/8"]);
    let (ann, bob) = ("X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 198.51.100.2");
    let mut inside = view(server.address, "", &[ann]);
    let _second = view(server.address, "", &[ann]);
    let headers = ["Referer: https://example.com/", ann];
    let answer = Client::ask(server.address, request("GET /online.png?u=1 HTTP/1.1", &headers));
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("30")));
    assert!(answer.body.starts_with(b"\x89PNG"));
    let _other = view(server.address, "", &[bob]);
    inside.wait_for(3);
}

#[test]
fn addresses_of_one_ipv6_network_are_one_client() {
    let server = TestServer::quiet(&["--max-per-address", "2", "--trust-proxy", "127.0.0.0/8"]);
    let addresses = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"];
    let [one, same, other] = addresses.map(|address| format!("X-Forwarded-For: {address}"));
    let mut inside = view(server.address, "count=visitors", &[&one]);
    let _same = view(server.address, "", &[&same]);
    let line = "GET /online.png?u=1 HTTP/1.1";
    let answer = Client::ask(server.address, request(line, &["Referer: https://example.com/", &same]));
    assert_eq!(answer.status, 503);
    let _other = view(server.address, "", &[&other]);
    inside.wait_for(2);
    let counts = Client::ask(server.address, request("GET /count/example.com.json HTTP/1.1", &[]));
    assert!(counts.text().contains("\"pages\":3,\"visitors\":2"), "{counts:?}");
}

#[test]
fn a_page_or_site_too_many_gets_503_and_drops_nobody() {
    let server = TestServer::quiet(&["--max-pages-per-site", "2", "--max-sites", "2"]);
    let mut inside = view(server.address, "page=/a", &[]);
    let second = view(server.address, "page=/b", &[]);
    let elsewhere = view_of("https://example.org/", server.address, "page=/a", &[]);
    let refused = |referer: &str, query: &str, sentence: &str| {
        let line = format!("GET /online.png?u=1&{query} HTTP/1.1");
        let answer = Client::ask(server.address, request(&line, &[&format!("Referer: {referer}")]));
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("30")), "{referer} {query}");
        answer.assert_says(sentence);
    };
    refused("https://example.com/", "page=/c", "Too many pages");
    refused("https://example.net/", "page=/a", "Too many sites");
    refused("https://example.net/", "", "Too many sites");
    // Peeking takes no place, and joining an open page needs none.
    assert_eq!(view(server.address, "page=/c&peek=1", &[]).count(), 0);
    let again = view(server.address, "page=/a", &[]);
    inside.wait_for(2);
    drop(again);
    inside.wait_for(1);
    assert_eq!(top(server.address, "example.com")["pages"].as_array().unwrap().len(), 2);
    // When a page closes, another fits in.
    drop((second, elsewhere));
    wait_for_pages(server.address, "example.com", 1);
    wait_for_pages(server.address, "example.org", 0);
    assert_eq!(view(server.address, "page=/c", &[]).count(), 1);
    assert_eq!(view_of("https://example.net/", server.address, "", &[]).count(), 1);
}

fn wait_for_pages(address: SocketAddr, site: &str, pages: usize) {
    let started = std::time::Instant::now();
    while top(address, site)["pages"].as_array().unwrap().len() != pages {
        assert!(started.elapsed() < DEADLINE, "{site} hasn't {pages} pages");
    }
}
