//! Server-sent events, byte for byte, and which pages may receive them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::common::client::{Client, End, Response, get};
use crate::common::listener::{Count, Listener};
use crate::common::request;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;

const PAGE: &str = "/events/example.com/posts/1";
const SITE: &str = "/events/example.com";
const ORIGIN: &str = "Origin: https://example.com";
const CHROME: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36";

/// The head of the answer to a page of example.com, to the byte: proxies and browsers depend on it.
const HEAD: &str = "HTTP/1.1 200 OK\r\n\
    Content-Type: text/event-stream\r\n\
    Cache-Control: no-store, no-transform\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Accel-Buffering: no\r\n\
    Connection: close\r\n\
    vary: Origin\r\n\
    access-control-allow-origin: https://example.com\r\n\
    access-control-allow-credentials: true\r\n\
    access-control-expose-headers: Retry-After\r\n\
    \r\n";

#[test]
fn the_opening_is_head_retry_and_first_event_in_one_write() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    client.send(request(&format!("GET {PAGE} HTTP/1.1"), &[ORIGIN]));
    let first_read = String::from_utf8(client.read_once()).unwrap();
    let body = first_read.strip_prefix(HEAD).unwrap_or_else(|| panic!("another head: {first_read}"));
    let (retry, event) = body.split_once("\n\n").unwrap();
    let retry: u64 = retry.strip_prefix("retry: ").unwrap().parse().unwrap();
    assert!((2000..6000).contains(&retry), "{retry}");
    let (id, event) = event.strip_prefix("id: ").unwrap().split_once('\n').unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    assert!((now - 60_000..=now).contains(&id.parse().unwrap()), "a time in milliseconds: {id}");
    assert_eq!(
        event,
        "event: count\n\
         data: {\"type\":\"update/count\",\"room\":\"example.com/posts/1\",\"count\":1,\"visitors\":1}\n\n"
    );
}

#[test]
fn clients_are_told_to_reconnect_at_different_times() {
    let server = TestServer::quiet(&[]);
    let mut times: Vec<u64> = (0..8).map(|_| Listener::join(server.address, PAGE).retry).collect();
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 4, "{times:?}");
}

#[test]
fn each_change_is_one_write_of_the_same_bytes_to_all() {
    let server = TestServer::quiet(&[]);
    let mut listeners: Vec<Listener> = (0..8).map(|_| Listener::join(server.address, PAGE)).collect();
    listeners.iter_mut().for_each(|listener| listener.wait_for(8));
    let ninth = Listener::join(server.address, PAGE);
    let written: Vec<Vec<u8>> = listeners.iter_mut().map(|listener| listener.client.read_once()).collect();
    assert!(written.iter().all(|bytes| *bytes == written[0] && bytes.ends_with(b"\n\n")));
    drop(ninth);
    let mut ids: Vec<u64> = listeners.iter_mut().map(|listener| listener.event().id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[test]
fn pictures_and_events_count_together() {
    let server = TestServer::quiet(&[]);
    let mut picture = Viewer::join(server.address);
    assert_eq!(picture.count(), 1);
    let mut site = Listener::join(server.address, SITE);
    assert_eq!(picture.count(), 2);
    assert_eq!(site.event().room, "example.com");
    let mut page = Listener::join(server.address, PAGE);
    assert_eq!((page.count(), picture.count(), site.count()), (1, 3, 3));
    drop(picture);
    assert_eq!(site.count(), 2);
    drop(site);
    let mut whole = Listener::join(server.address, &format!("{PAGE}?show=site"));
    assert_eq!(page.count(), 2, "counted on its page");
    assert_eq!((whole.event().room.as_str(), whole.retry > 0), ("example.com", true));
}

#[test]
fn visitors_are_counted_as_for_pictures() {
    let server = TestServer::quiet(&[]);
    let numbers = |listener: &mut Listener| {
        let Count { count, visitors, .. } = listener.event();
        (count, visitors)
    };
    let mut one = Listener::with(server.address, PAGE, &[ORIGIN, CHROME]);
    assert_eq!(numbers(&mut one), (1, 1));
    let _same = Listener::with(server.address, PAGE, &[ORIGIN, CHROME]);
    assert_eq!(numbers(&mut one), (2, 1));
    let _apart = Listener::with(server.address, PAGE, &[ORIGIN, CHROME, "Sec-GPC: 1"]);
    assert_eq!(numbers(&mut one), (3, 2));
    let mut looks = [
        Listener::with(server.address, &format!("{PAGE}?peek=1"), &[ORIGIN]),
        Listener::with(server.address, PAGE, &[ORIGIN, "Cookie: onlookers-ignore=1"]),
        Listener::with(server.address, PAGE, &[ORIGIN, "User-Agent: Googlebot/2.1"]),
    ];
    for look in &mut looks {
        assert_eq!(numbers(look), (3, 2), "peeking is not counted");
    }
    drop(looks);
    let _last = Listener::with(server.address, PAGE, &[ORIGIN]);
    assert_eq!(numbers(&mut one), (4, 3));
}

#[test]
fn a_comment_is_sent_although_nothing_changes() {
    let server = TestServer::start(&["--repaint", "200ms"]);
    let started = Instant::now();
    let mut listener = Listener::join(server.address, PAGE);
    assert_eq!(listener.count(), 1);
    for _ in 0..4 {
        assert_eq!(listener.client.take(3), b":\n\n");
    }
    assert!(started.elapsed() >= Duration::from_millis(600), "{:?}", started.elapsed());
    let _other = Listener::join(server.address, PAGE);
    while listener.block() == ":" {}
}

#[test]
fn numbers_may_be_skipped_but_never_the_newest() {
    let server = TestServer::quiet(&[]);
    let mut listener = Listener::join(server.address, PAGE);
    assert_eq!(listener.count(), 1);
    let crowd: Vec<Listener> = (0..60).map(|_| Listener::join(server.address, PAGE)).collect();
    listener.wait_for(61);
    drop(crowd);
    listener.wait_for(1);
}

#[test]
fn an_orderly_end_is_a_comment_and_a_clean_end() {
    let mut server = TestServer::quiet(&[]);
    let mut listener = Listener::join(server.address, PAGE);
    assert_eq!(listener.count(), 1);
    server.begin_to_stop();
    let (rest, end) = listener.client.read_to_end();
    let rest = String::from_utf8(rest).unwrap();
    let retry = rest.strip_prefix("retry: ").and_then(|rest| rest.strip_suffix("\n\n: the server stops\n\n"));
    assert!(retry.is_some_and(|retry| (2000..6000).contains(&retry.parse().unwrap())), "{rest:?}");
    assert_eq!(end, End::Fin);
}

#[test]
fn head_gets_the_same_head_and_is_not_counted() {
    let server = TestServer::quiet(&[]);
    let mut listener = Listener::join(server.address, PAGE);
    assert_eq!(listener.count(), 1);
    let mut client = Client::connect(server.address);
    client.send(request(&format!("HEAD {PAGE} HTTP/1.1"), &[ORIGIN]));
    assert_eq!(client.read_to_end(), (HEAD.into(), End::Fin));
    let _other = Listener::join(server.address, PAGE);
    assert_eq!(listener.count(), 2);
}

/// For each request: the status, and the origin whose scripts may read the answer.
#[test]
fn a_page_listens_to_its_own_site_and_to_no_other() {
    let allowed = ["--allow", "example.com", "--allow", "*.example.org", "--name", "counter.example"];
    let server = TestServer::quiet(&allowed);
    let own = "Referer: http://counter.example/live";
    for (path, headers, status, readable) in [
        (PAGE, &[ORIGIN][..], 200, Some("https://example.com")),
        (PAGE, &["Origin: http://EXAMPLE.com"], 200, Some("http://EXAMPLE.com")),
        (
            "/events/example.com:8080",
            &["Origin: http://example.com:8080"],
            200,
            Some("http://example.com:8080"),
        ),
        (PAGE, &["Origin: http://example.com:8080"], 403, None),
        (PAGE, &["Referer: https://example.com/posts/1"], 200, None),
        (PAGE, &[own], 200, None),
        ("/events/a.example.org/", &["Origin: https://a.example.org"], 200, Some("https://a.example.org")),
        // An Origin says more than a Referer.
        (PAGE, &["Origin: https://example.net", "Referer: https://example.com/"], 403, None),
        (PAGE, &["Origin: null", "Referer: https://example.com/"], 200, Some("null")),
        (PAGE, &["Origin: null"], 403, None),
        (PAGE, &["Origin: https://example.net"], 403, None),
        (PAGE, &["Origin: https://example.com.example.net"], 403, None),
        (PAGE, &["Origin: https://a.example.org"], 403, None),
        (PAGE, &["Origin: \u{ff}"], 403, None),
        (PAGE, &[], 403, None),
        (PAGE, &["Sec-Fetch-Dest: image"], 403, None),
        ("/events/example.net", &[own], 403, None),
        ("/events/example.net", &["Origin: https://example.net"], 403, None),
        ("/events/counter.example/live", &[own], 200, None),
        // Peeking is open to everybody, as /count/ is.
        (
            "/events/example.com?peek=1",
            &["Origin: https://a.example.org"],
            200,
            Some("https://a.example.org"),
        ),
        ("/events/example.com?peek=1", &[], 200, None),
        ("/events/example.com?peek=1", &["Origin: https://example.net"], 200, Some("https://example.net")),
        ("/events/example.com?peek=1", &["Origin: null"], 200, Some("null")),
        ("/events/example.net?peek=1", &[], 403, None),
        ("/events/example.net?peek=1", &[ORIGIN], 403, None),
    ] {
        for method in ["HEAD", "GET"] {
            let answer = head(&server, method, path, headers);
            assert_eq!(answer.status, status, "{method} {path} {headers:?}");
            assert_cross_origin(&answer, readable);
        }
        let preflight = head(&server, "OPTIONS", path, headers);
        assert_eq!(preflight.status, 204);
        assert_cross_origin(&preflight, readable);
        let allowed = readable.map(|_| "Last-Event-ID, Cache-Control");
        assert_eq!(preflight.header("access-control-allow-headers"), allowed, "{path} {headers:?}");
        assert_eq!(preflight.header("access-control-allow-methods"), readable.map(|_| "GET, HEAD"));
    }
}

fn head(server: &TestServer, method: &str, path: &str, headers: &[&str]) -> Response {
    let mut client = Client::connect(server.address);
    client.send(request(&format!("{method} {path} HTTP/1.1"), headers));
    client.response_to_head()
}

fn assert_cross_origin(answer: &Response, readable: Option<&str>) {
    assert_eq!(answer.header("access-control-allow-origin"), readable, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), readable.map(|_| "true"), "{answer:?}");
    assert_eq!(answer.header("vary"), Some("Origin"), "{answer:?}");
}

#[test]
fn an_open_gate_counts_every_site_for_itself() {
    let server = TestServer::quiet(&[]);
    let mut here = Listener::join(server.address, SITE);
    assert_eq!(here.count(), 1);
    let mut there = Listener::with(server.address, "/events/example.net", &["Origin: https://example.net"]);
    assert_eq!(there.count(), 1);
    assert_eq!(get(server.address, "/events/example.net", &[ORIGIN]).status, 403);
    let _second = Listener::join(server.address, PAGE);
    assert_eq!(here.count(), 2);
}

#[test]
fn refusals_say_why() {
    let server = TestServer::quiet(&["--max-viewers", "1"]);
    for (path, headers, status, sentence) in [
        (PAGE, &[][..], 403, "These events are for pages, and this request doesn't say from which it comes."),
        (PAGE, &["Origin: https://example.net"], 403, "Not allowed here."),
        ("/events/", &[ORIGIN], 400, "Bad site name."),
        ("/events/a%20b", &[ORIGIN], 400, "Bad site name."),
        ("/events/%ff", &[ORIGIN], 400, "Bad site name."),
        ("/events/example.com/%00", &[ORIGIN], 400, "Bad page name."),
        ("/events/example.com?peek=x", &[ORIGIN], 400, "The parameter peek is bad: not one of: 1, 0."),
    ] {
        let answer = get(server.address, path, headers);
        answer.assert_safe();
        assert_eq!((answer.status, answer.text().lines().next()), (status, Some(sentence)), "{path}");
    }
    let long = format!("/events/example.com/{}", "a".repeat(2048));
    assert_eq!(get(server.address, &long, &[ORIGIN]).status, 400);
    let wrong = Client::ask(server.address, request(&format!("POST {PAGE} HTTP/1.1"), &[ORIGIN]));
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn a_full_server_tells_scripts_when_to_try_again() {
    let server = TestServer::quiet(&["--max-viewers", "1"]);
    let mut first = Listener::join(server.address, PAGE);
    assert_eq!(first.count(), 1);
    let full = get(server.address, PAGE, &[ORIGIN]);
    assert_eq!((full.status, full.text()), (503, "Too many viewers.\n"));
    assert_eq!(full.header("retry-after"), Some("30"));
    assert_eq!(full.header("access-control-expose-headers"), Some("Retry-After"));
    assert_cross_origin(&full, Some("https://example.com"));
    drop(first);
    // The permit is free as soon as the server has noticed.
    let mut status = get_status(&server);
    while status == 503 {
        status = get_status(&server);
    }
    assert_eq!(status, 200);
}

fn get_status(server: &TestServer) -> u16 {
    head(server, "GET", PAGE, &[ORIGIN]).status
}
