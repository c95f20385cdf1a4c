//! Stills: single pictures for clients that can't show a stream, or that ask for one picture.

use std::collections::HashMap;
use std::net::SocketAddr;

use onlookers_picture::notice;

use crate::common::client::{Client, Response};
use crate::common::parts::{count_on, png_of};
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request};

const CAMO: &str = "User-Agent: github-camo (876de43e)";
const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
const NEVER_KEEP: &str = "max-age=0, no-cache, no-store, must-revalidate";

fn ask(address: SocketAddr, target: &str, headers: &[&str]) -> Response {
    Client::ask(address, request(&format!("GET {target} HTTP/1.1"), headers))
}

fn json(address: SocketAddr, target: &str) -> serde_json::Value {
    let answer = ask(address, target, &[]);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{target}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// An image proxy like GitHub's or Gmail's: it accepts only complete pictures, caches refusals, and caches for a year
/// unless the answer forbids it.
struct ImageProxy {
    origin: SocketAddr,
    kept: HashMap<String, Option<Vec<u8>>>,
}

impl ImageProxy {
    fn fetch(&mut self, target: &str) -> Option<Vec<u8>> {
        if let Some(kept) = self.kept.get(target) {
            return kept.clone();
        }
        let answer = ask(self.origin, target, &[CAMO]);
        let is_image = answer.header("content-type").is_some_and(|kind| kind.starts_with("image/"));
        let picture = (answer.status == 200 && is_image).then_some(answer.body.clone());
        let says = answer.header("cache-control").unwrap_or_default();
        if picture.is_none() || !(says.contains("no-cache") && says.contains("no-store")) {
            self.kept.insert(target.to_owned(), picture.clone());
        }
        picture
    }
}

#[test]
fn a_readme_shows_the_right_number_on_the_next_fetch() {
    let server = TestServer::quiet(&["--allow", "example.com"]);
    let mut proxy = ImageProxy { origin: server.address, kept: HashMap::new() };
    assert_eq!(proxy.fetch("/online.png"), Some(png_of(0)));
    let mut viewers = vec![Viewer::join(server.address), Viewer::join(server.address)];
    viewers[0].wait_for(2);
    assert_eq!(proxy.fetch("/online.png"), Some(png_of(2)), "and the proxy's own fetch counts nobody");
    viewers.truncate(1);
    viewers[0].wait_for(1);
    assert_eq!(proxy.fetch("/online.png"), Some(png_of(1)));
    assert_eq!(proxy.fetch("/badge/evil.example.png").as_deref(), Some(&notice("Not allowed here")[..]));
}

#[test]
fn clients_without_streams_get_a_still_and_live_overrides_it() {
    let server = TestServer::quiet(&[]);
    let mut viewer = Viewer::join(server.address);
    assert_eq!(viewer.count(), 1);
    let referer = "Referer: https://example.com/post";
    for (target, headers) in [
        ("/online.png", &[CAMO, referer][..]),
        ("/online.png?live=0", &[referer]),
        ("/online.png?live=0", &[BROWSER, referer]),
        ("/online.png?live=0&site=example.com", &["User-Agent: curl/8.0"]),
        ("/online.png?live=0", &[]),
    ] {
        let answer = ask(server.address, target, headers);
        assert_eq!((answer.status, count_on(&answer.body)), (200, 1), "{target} {headers:?}");
        assert_eq!(answer.header("cache-control"), Some(NEVER_KEEP));
        assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
    }
    assert_eq!(ask(server.address, "/online.png", &["User-Agent: curl/8.0"]).status, 403);
    assert_eq!(ask(server.address, "/online.png?live=1", &[CAMO, referer]).status, 302);
    assert_eq!(ask(server.address, "/online.png", &[BROWSER, referer]).status, 302);
    // If any of these requests had been counted, this viewer would have seen it first.
    let _second = Viewer::join(server.address);
    assert_eq!(viewer.count(), 2);
}

#[test]
fn a_still_without_a_referer_shows_the_named_site_or_all() {
    let open = TestServer::quiet(&[]);
    let one = TestServer::quiet(&["--allow", "a.example"]);
    for server in [&open, &one] {
        Viewer::join_site(server.address, "a.example").wait_for(1);
    }
    let _open = [
        Viewer::join_site(open.address, "a.example"),
        Viewer::join_site(open.address, "b.example"),
        Viewer::join_site(open.address, "b.example"),
    ];
    let _one = [Viewer::join_site(one.address, "a.example")];
    let settled = |address, target: &str, wanted: u64| {
        let deadline = std::time::Instant::now() + DEADLINE;
        while count_on(&ask(address, target, &[CAMO]).body) != wanted {
            assert!(std::time::Instant::now() < deadline, "{target} doesn't come to {wanted}");
        }
    };
    settled(open.address, "/online.png", 3);
    settled(open.address, "/online.png?site=b.example", 2);
    settled(open.address, "/online.png?site=nobody.example", 0);
    settled(one.address, "/online.png", 1);
    let foreign = ask(one.address, "/online.png?site=b.example", &[CAMO]);
    assert_eq!((foreign.status, foreign.body), (200, notice("Not allowed here").to_vec()));
}

#[test]
fn an_unchanged_still_gets_304() {
    let server = TestServer::quiet(&[]);
    let first = ask(server.address, "/badge/example.com.png", &[]);
    let tag = first.header("etag").unwrap().to_owned();
    assert_eq!((first.status, first.header("cache-control")), (200, Some(NEVER_KEEP)));
    for known in
        [format!("If-None-Match: {tag}"), format!("If-None-Match: \"x\", W/{tag}"), "If-None-Match: *".into()]
    {
        let mut client = Client::connect(server.address);
        client.send(request("GET /badge/example.com.png HTTP/1.1", &[&known]));
        let again = client.response_to_head();
        assert_eq!((again.status, again.header("etag")), (304, Some(&*tag)), "{known}");
    }
    let _viewer = Viewer::join(server.address);
    let changed = ask(server.address, "/badge/example.com.png", &[&format!("If-None-Match: {tag}")]);
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(&*tag));
}

#[test]
fn samples_are_those_of_the_demo_page() {
    let server = TestServer::quiet(&[]);
    let page = ask(server.address, "/", &[]);
    let shown: Vec<_> =
        page.text().split("src=\"sample/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(shown.len() > 5, "{shown:?}");
    for sample in shown.into_iter().chain(["1234.png?style=flat", "1234.svg?peak=1"]) {
        let answer = ask(server.address, &format!("/sample/{}", sample.replace("&amp;", "&")), &[]);
        assert_eq!(answer.status, 200, "{sample}");
    }
    for other in
        ["1235.svg", "0.png", "01234.svg", "+1234.svg", "1234.gif", "1234", "1234.svg/x", "x.svg", ""]
    {
        assert_eq!(ask(server.address, &format!("/sample/{other}"), &[]).status, 404, "{other}");
    }
}

#[test]
fn counts_are_available_as_json_and_text() {
    let server = TestServer::quiet(&[]);
    let nobody = serde_json::json!({
        "room": "example.com/posts/1", "pages": 0, "visitors": 0,
        "site": { "pages": 0, "visitors": 0 }, "peak": { "pages": 0, "visitors": 0 },
    });
    assert_eq!(json(server.address, "/count/example.com/posts/1.json"), nobody);
    let mut client = Client::connect(server.address);
    client.send(request("GET /online.png?u=1&page=/posts/1 HTTP/1.1", &["Referer: https://example.com/"]));
    let _page = Viewer::opened(client);
    let mut site = Viewer::join(server.address);
    site.wait_for(2);
    let count = json(server.address, "/count/EXAMPLE.com/posts/1.json");
    assert_eq!(
        (&count["pages"], &count["site"]["pages"], &count["site"]["visitors"]),
        (&1.into(), &2.into(), &1.into())
    );
    let text = ask(server.address, "/count/example.com.txt?count=visitors", &[]);
    assert_eq!((text.status, text.text()), (200, "1"));
    for (target, status) in
        [("/count/a..b.json", 400), ("/count/example.com.xml", 404), ("/count/example.com/%00.txt", 400)]
    {
        assert_eq!(ask(server.address, target, &[]).status, status, "{target}");
    }
}

#[test]
fn a_json_badge_has_exactly_the_keys_of_shields_endpoint() {
    let server = TestServer::quiet(&[]);
    let badge = json(server.address, "/badge/example.com.json?label=readers&color=blue");
    let mut keys: Vec<_> = badge.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["color", "label", "message", "schemaVersion"]);
    assert_eq!(
        (&badge["schemaVersion"], &badge["label"], &badge["message"]),
        (&1.into(), &"readers".into(), &"0".into())
    );
}

#[test]
fn a_badge_is_a_picture_even_when_something_is_wrong() {
    let server = TestServer::quiet(&["--allow", "example.com"]);
    for target in [
        "/badge/evil.example.png",
        "/badge/a..b.png",
        "/badge/example.com/%00.png",
        "/badge/example.com.png?color=nonsense",
        "/badge/example.com.svg?scale=9",
    ] {
        let answer = ask(server.address, target, &[]);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/png")), "{target}");
    }
    let svg = ask(server.address, "/badge/example.com.svg?label=%3Cb%3E%26", &[]);
    assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
    assert!(svg.text().contains("<title>") && !svg.text().contains("<b>"), "{}", svg.text());
    assert_eq!(ask(server.address, "/badge/example.com.gif", &[]).status, 404);
}

#[test]
fn an_image_alone_is_always_an_image() {
    let server = TestServer::quiet(&["--allow", "example.com"]);
    let mut viewer = Viewer::join(server.address);
    viewer.wait_for(1);
    for headers in [
        &["User-Agent: Mozilla/4.0 (compatible; ms-office; MSOffice rmj)"][..],
        &["Accept: image/avif,image/webp,*/*;q=0.8", BROWSER],
        &["Accept: image/*"],
    ] {
        let answer = ask(server.address, "/online.png", headers);
        assert_eq!((answer.status, answer.body), (200, png_of(1)), "{headers:?}");
    }
    for path in ["/top.png", "/reading.png", "/mark.png", "/online.png?live=1", "/top.png?u=1&scale=x"] {
        let answer = ask(server.address, path, &["Accept: image/*"]);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/png")), "{path}");
        let on_a_page = ask(server.address, path, &["Sec-Fetch-Dest: image", BROWSER]);
        assert!(on_a_page.status >= 400, "{path}: {on_a_page:?}");
        assert_eq!(on_a_page.header("content-type"), Some("image/png"), "{path}");
    }
    // An address that somebody typed gets words.
    let typed = ["Accept: text/html,application/xhtml+xml,image/avif,*/*;q=0.8", BROWSER];
    let answer = ask(server.address, "/online.png", &typed);
    assert_eq!((answer.status, answer.header("content-type")), (403, Some("text/plain; charset=utf-8")));
}
