//! Readers' positions in a page, known from the mark pictures that their browsers have loaded.

use std::net::SocketAddr;

use onlookers_picture::{Appearance, Strip};

use crate::common::client::{Client, Response};
use crate::common::request;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;

const PAGE: &str = "Referer: https://example.com/posts/1";
const ANN: &str = "User-Agent: Ann";
const BOB: &str = "User-Agent: Bob";

fn server() -> TestServer {
    TestServer::quiet(&["--presence"])
}

fn get(address: SocketAddr, path: &str, headers: &[&str]) -> Response {
    Client::ask(address, request(&format!("GET {path} HTTP/1.1"), headers))
}

fn open(address: SocketAddr, path: &str, headers: &[&str]) -> Viewer {
    let mut client = Client::connect(address);
    client.send(request(&format!("GET {path} HTTP/1.1"), headers));
    Viewer::opened(client)
}

/// An open page, which is counted.
fn reader(address: SocketAddr, agent: &str) -> Viewer {
    open(address, "/online.png?page=/posts/1&u=1", &[PAGE, agent])
}

/// A viewer of the strip.
fn watcher(address: SocketAddr) -> Viewer {
    open(address, "/reading.png?page=/posts/1&u=1", &[PAGE])
}

fn mark(address: SocketAddr, at: &str, headers: &[&str]) {
    let answer = get(address, &format!("/mark.png?page=/posts/1&at={at}"), &[&[PAGE], headers].concat());
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/png")));
    assert_eq!(answer.header("cache-control"), Some("no-store"), "each visit has to tell anew");
    assert_eq!(answer.body[16..24], [0, 0, 0, 1, 0, 0, 0, 1], "one pixel");
}

fn strip_of(positions: &[f32]) -> Vec<u8> {
    let strip = Strip::default();
    strip.paint(&strip.heat(positions.iter().copied())).to_vec()
}

#[test]
fn a_strip_follows_its_readers_down_the_page() {
    let server = server();
    let mut strip = watcher(server.address);
    assert_eq!(strip.picture(), strip_of(&[]));
    let (ann, bob) = (reader(server.address, ANN), reader(server.address, BOB));
    mark(server.address, "20", &[ANN]);
    strip.wait_for_picture(&strip_of(&[0.2]));
    mark(server.address, "80", &[BOB]);
    strip.wait_for_picture(&strip_of(&[0.2, 0.8]));
    mark(server.address, "62.5", &[ANN]);
    strip.wait_for_picture(&strip_of(&[0.625, 0.8]));
    // Positions only grow: browsers load a mark once for each visit of the page.
    mark(server.address, "0", &[ANN]);
    drop(ann);
    strip.wait_for_picture(&strip_of(&[0.8]));
    drop(bob);
    strip.wait_for_picture(&strip_of(&[]));
}

#[test]
fn a_mark_may_come_before_the_picture_that_counts() {
    let server = server();
    mark(server.address, "40", &[ANN]);
    let mut strip = watcher(server.address);
    assert_eq!(strip.picture(), strip_of(&[]));
    let _ann = reader(server.address, ANN);
    strip.wait_for_picture(&strip_of(&[0.4]));
}

#[test]
fn marks_of_one_site_push_out_none_of_another() {
    let server = server();
    mark(server.address, "40", &[ANN]);
    let mut loud = Client::connect(server.address);
    let mark_of = |visitor: i32| {
        let agent = format!("User-Agent: {visitor}");
        request("GET /mark.png?page=/posts/1&at=1 HTTP/1.1", &["Referer: https://loud.example/", &agent])
    };
    // More than wait in all.
    for hundred in 0..11 {
        loud.send((hundred * 100..(hundred + 1) * 100).map(mark_of).collect::<String>());
        (0..100).for_each(|_| assert_eq!(loud.response().status, 200));
    }
    let mut strip = watcher(server.address);
    assert_eq!(strip.picture(), strip_of(&[]));
    let _ann = reader(server.address, ANN);
    strip.wait_for_picture(&strip_of(&[0.4]));
}

#[test]
fn private_and_uncounted_readers_have_no_position() {
    let server =
        TestServer::quiet(&["--presence", "--ignore", "127.0.0.9/32", "--trust-proxy", "127.0.0.1/32"]);
    let mut strip = watcher(server.address);
    assert_eq!(strip.picture(), strip_of(&[]));
    let hidden: [&[&str]; 4] = [
        &["User-Agent: C", "Sec-GPC: 1"],
        &["User-Agent: D", "DNT: 1"],
        &["User-Agent: E", "X-Forwarded-For: 127.0.0.9"],
        &["User-Agent: F", "Cookie: onlookers-ignore=1"],
    ];
    let _pages = hidden
        .map(|headers| open(server.address, "/online.png?page=/posts/1&u=1", &[&[PAGE], headers].concat()));
    hidden.iter().for_each(|headers| mark(server.address, "10", headers));
    let head = request("HEAD /mark.png?page=/posts/1&at=10 HTTP/1.1", &[PAGE, ANN]);
    let _ann = reader(server.address, ANN);
    let mut client = Client::connect(server.address);
    client.send(head);
    assert_eq!(client.response_to_head().status, 200);
    mark(server.address, "90", &[ANN]);
    assert_eq!(strip.picture(), strip_of(&[0.9]), "the first that is to be seen");
}

#[test]
fn a_strip_has_the_look_asked_for_and_counts_nobody() {
    let server = server();
    let mut upright = open(server.address, "/reading.png?width=8&height=400&page=/posts/1&u=1", &[PAGE]);
    assert_eq!(upright.picture()[16..24], [0, 0, 0, 8, 0, 0, 1, 144]);
    let query = "theme=dark&color=red&scale=3";
    let mut red = open(server.address, &format!("/reading.png?page=/posts/1&{query}&u=1"), &[PAGE]);
    let mut appearance = Appearance::default();
    for (name, value) in [("theme", "dark"), ("color", "f00"), ("scale", "3")] {
        assert_eq!(appearance.take(name, value), Ok(true));
    }
    let strip = Strip::default().with(appearance);
    assert_eq!(red.picture(), strip.paint(&strip.heat([])));
    let count = get(server.address, "/count/example.com/posts/1.txt", &[]);
    assert_eq!(count.body, b"0");
    assert_eq!(get(server.address, "/reading.png?page=/posts/1", &[PAGE]).status, 302);
}

#[test]
fn a_bad_parameter_of_a_mark_or_strip_is_named() {
    let server = server();
    for (path, named) in [
        ("/mark.png?page=/a", "The parameter at is bad: missing"),
        ("/mark.png?page=/a&at=101", "The parameter at is bad"),
        ("/mark.png?page=%00&at=1", "The parameter page is bad"),
        ("/reading.png?width=3000&u=1", "The parameter width is bad"),
        ("/reading.png?height=1&u=1", "The parameter height is bad"),
        ("/reading.png?theme=odometer&u=1", "The parameter theme is bad"),
        ("/reading.png?scale=0&u=1", "The parameter scale is bad"),
    ] {
        let answer = get(server.address, path, &[PAGE]);
        let said = String::from_utf8(answer.body).unwrap();
        assert!(answer.status == 400 && said.starts_with(named), "{path}: {said}");
    }
    for path in ["/mark.png?at=1", "/reading.png?u=1"] {
        assert_eq!(get(server.address, path, &[]).status, 403, "{path} without a page around it");
    }
}

#[test]
fn without_presence_nothing_is_noted_or_shown() {
    let server = TestServer::quiet(&[]);
    for path in ["/mark.png?at=1", "/reading.png?u=1"] {
        let answer = get(server.address, path, &[PAGE]);
        assert_eq!((answer.status, answer.header("content-type")), (403, Some("image/png")), "{path}");
    }
}
