//! What holds behind each of the proxies, with the files that users copy.

use std::time::{Duration, Instant};

use crate::common::client::{Client, get};
use crate::common::listener::Listener;
use crate::common::page::frame;
use crate::common::parts::{BETWEEN_READABLE, png_of};
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request, view_of};
use crate::files::{Kind, Proxy, server};
use crate::link::{Door, Page};
use crate::network::VISITORS;

/// How much later than directly something may come by a proxy. What a proxy holds back would come with the next frame:
/// never, from a server that repaints nothing. So this leaves a busy machine time to start a process that speaks TLS.
const AT_ONCE: Duration = Duration::from_secs(2);

/// How often a time is measured that is too long.
pub(crate) const TRIES: usize = 3;

/// A server that sends a frame for each change and no other.
const QUIET: [&str; 2] = ["--repaint", "1h"];

for_each_proxy!(pictures_and_events_flow_at_once);
for_each_proxy!(a_closed_tab_is_uncounted_within_3_s);
for_each_proxy!(address_scheme_host_and_port_arrive);
for_each_proxy!(websockets_pass);
for_each_proxy!(no_request_but_the_first_passes_a_tunnel);

fn pictures_and_events_flow_at_once(kind: Kind) {
    let server = server(&QUIET);
    let _proxy = Proxy::start(kind);
    for (at, door) in kind.doors().into_iter().enumerate() {
        for events in [false, true] {
            let times = (1..=TRIES).map(|number| {
                [Door::Direct, door].map(|door| times_of(&server, door, events, at * TRIES + number))
            });
            let [directly, [first, later]] = first_good(times, |[directly, times]| {
                times.iter().zip(directly).all(|(time, directly)| *time < *directly + AT_ONCE)
            });
            println!(
                "{kind:?} {door:?}: first frame after {first:?}, a later one after {later:?}; {directly:?}"
            );
        }
    }
}

/// How long the first frame and a later one take.
fn times_of(server: &TestServer, door: Door, events: bool, number: usize) -> [Duration; 2] {
    // A room of its own, where nobody else is.
    let room = format!("/{door:?}{events}{number}").replace(['(', ')'], "");
    let path =
        if events { format!("/events/example.com{room}") } else { format!("/online.png?u=1&page={room}") };
    let frame = |count: u64| if events { format!("\"count\":{count},").into_bytes() } else { png_of(count) };
    let began = Instant::now();
    let mut page = Page::open(VISITORS[0], door, &path);
    page.wait_for(&frame(1));
    let first = began.elapsed();
    let began = Instant::now();
    let _other = Listener::join(server.address, &format!("/events/example.com{room}"));
    page.wait_for(&frame(2));
    [first, began.elapsed()]
}

fn a_closed_tab_is_uncounted_within_3_s(kind: Kind) {
    let server = server(&[]);
    let _proxy = Proxy::start(kind);
    std::thread::scope(|scope| {
        for door in kind.doors() {
            for tab in ["pictures", "events", "websocket"] {
                let server = &server;
                scope.spawn(move || {
                    let times = (1..=TRIES).map(|number| time_to_uncount(server, door, tab, number));
                    let took = first_good(times, |took| *took < Duration::from_secs(3));
                    println!("{kind:?} {door:?}, {tab}: uncounted after {took:?}");
                });
            }
        }
    });
}

/// How long a page stays counted after it was closed: alone in its room, since a change of the number would have the proxy
/// notice, and right after a frame, so that the next one is 5 s away.
fn time_to_uncount(server: &TestServer, door: Door, tab: &str, number: usize) -> Duration {
    let room = format!("/{door:?}{tab}{number}").replace(['(', ')'], "");
    let picture = format!("/online.png?u=1&page={room}");
    let mut other = Client::connect(server.address);
    other.send(request(&format!("GET {picture} HTTP/1.1"), &["Referer: https://example.com/"]));
    let mut other = Viewer::opened(other);
    other.wait_for(1);
    let page = match tab {
        "pictures" => {
            let mut page = Page::open(VISITORS[0], door, &picture);
            page.wait_for(&[&png_of(2)[..], BETWEEN_READABLE, &png_of(2)].concat());
            page
        }
        "events" => {
            let mut page = Page::open(VISITORS[0], door, &format!("/events/example.com{room}"));
            page.wait_for(b"\n\n:");
            page
        }
        _ => Page::websocket(VISITORS[0], door, &format!("/ws/example.com{room}")),
    };
    other.wait_for(2);
    drop(page);
    other.wait_longer_for(1, 2 * DEADLINE)
}

/// The first result that is good; on a busy machine one may be bad by chance.
pub(crate) fn first_good<T: std::fmt::Debug>(
    results: impl Iterator<Item = T>,
    is_good: impl Fn(&T) -> bool,
) -> T {
    let mut bad = vec![];
    for result in results {
        if is_good(&result) {
            return result;
        }
        bad.push(result);
    }
    panic!("all are too long: {bad:?}");
}

fn address_scheme_host_and_port_arrive(kind: Kind) {
    let server = server(&QUIET);
    let _proxy = Proxy::start(kind);
    for (door, (scheme, other)) in kind.doors().into_iter().zip([("http", "https"), ("https", "http")]) {
        // The tags to copy have all but the address.
        let lines = format!("Host: count.example:8080\r\nX-Forwarded-Proto: {other}");
        let mut page = Page::with(VISITORS[0], door, "/", &lines);
        page.wait_for(format!("srcset=\"{scheme}://count.example:8080/online.png").as_bytes());

        let path = format!("/online.png?u=1&page=/{scheme}");
        let mut pages = vec![];
        for (visitor, count) in [(VISITORS[0], 1), (VISITORS[0], 2), (VISITORS[1], 3)] {
            let forged = format!("Host: count.example\r\nX-Forwarded-For: 198.51.100.{count}");
            pages.push(Page::with(visitor, door, &path, &forged));
            pages.last_mut().unwrap().wait_for(&png_of(count));
        }
        assert_eq!(counted(&server, scheme), [3, 2], "pages and visitors by {door:?}");
    }
}

fn websockets_pass(kind: Kind) {
    let server = server(&QUIET);
    let _proxy = Proxy::start(kind);
    for door in kind.doors() {
        let mut page = Page::websocket(VISITORS[0], door, "/ws/example.com");
        page.wait_for(b"\"count\":1,\"visitors\":1}");
        page.send(&frame(0x81, br#"{"type":"ping"}"#));
        page.wait_for(br#"{"type":"pong"}"#);
        let mut other = Viewer::join(server.address);
        page.wait_for(b"\"count\":2,");
        drop(page);
        other.wait_for(1);
    }
}

/// A tunnel would let visitors choose an address: the proxy doesn't read what they send in it.
fn no_request_but_the_first_passes_a_tunnel(kind: Kind) {
    let server = server(&QUIET);
    let _proxy = Proxy::start(kind);
    let _known = Page::open(VISITORS[0], Door::Plain(80), "/online.png?u=1");
    let second =
        view_of("example.com").replace("Host: counter.", "X-Forwarded-For: 198.51.100.1\r\nHost: count.");
    for path in ["/online.png", "/ws/example.com", "/count/example.com.json", "/nowhere"] {
        let upgrade = "Host: count.example\r\nConnection: Upgrade\r\nUpgrade: websocket";
        let mut page = Page::with(VISITORS[0], Door::Plain(80), path, upgrade);
        assert!(page.read(), "an answer comes first");
        page.send_anyhow(second.as_bytes());
        page.wait_until_end_or(&png_of(2));
        let visitors = counted(&server, "")[1];
        assert!(visitors <= 1, "{path}: {}", page.text());
    }
}

/// The pages and visitors of a page of example.com.
fn counted(server: &TestServer, page: &str) -> [u64; 2] {
    let slash = if page.is_empty() { "" } else { "/" };
    let counted = get(server.address, &format!("/count/example.com{slash}{page}.json"), &[]);
    let counted: serde_json::Value = serde_json::from_slice(&counted.body).unwrap();
    [counted["pages"].as_u64().unwrap(), counted["visitors"].as_u64().unwrap()]
}
