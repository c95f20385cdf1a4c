//! Scripts of any page may read what is public; with credentials, only the pages that may listen read their events.

use std::net::SocketAddr;

use crate::common::client::{Client, Response};
use crate::common::parts::{BETWEEN_READABLE, png_of};
use crate::common::request;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;

const FROM_PAGE: [&str; 2] = ["Origin: https://example.com", "Referer: https://example.com/"];
const FROM_STRANGER: [&str; 2] = ["Origin: https://evil.example", "Referer: https://evil.example/"];

/// What there is to read: live pictures with their redirects, stills, numbers.
const PUBLIC: [&str; 15] = [
    "/online.png",
    "/online.png?u=1",
    "/online.png?live=0",
    "/top.png",
    "/top.png?u=1",
    "/reading.png",
    "/reading.png?u=1",
    "/mark.png?at=1",
    "/badge/example.com.png",
    "/badge/example.com.svg",
    "/badge/example.com.json",
    "/count/example.com.json",
    "/count/example.com.txt",
    "/top.json?site=example.com",
    "/onlookers.js",
];

/// The pages of the server, whose answers are nobody else's to read.
const OWN: [&str; 5] = ["/", "/ignore", "/live", "/ws/example.com", "/nowhere"];

fn server() -> TestServer {
    TestServer::quiet(&["--allow", "example.com", "--presence"])
}

fn ask(address: SocketAddr, method: &str, path: &str, headers: &[&str]) -> Response {
    let mut client = Client::connect(address);
    client.send(request(&format!("{method} {path} HTTP/1.1"), headers));
    client.response_to_head()
}

fn assert_public(answer: &Response, is_public: bool) {
    assert_eq!(answer.header("access-control-allow-origin"), is_public.then_some("*"), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer:?}");
}

#[test]
fn any_page_may_read_each_public_answer_and_refusal() {
    let server = server();
    for path in PUBLIC {
        for method in ["GET", "HEAD"] {
            let answer = ask(server.address, method, path, &FROM_PAGE);
            assert!([200, 302].contains(&answer.status), "{path}: {answer:?}");
            assert_public(&answer, true);
        }
        assert_public(&ask(server.address, "GET", path, &FROM_STRANGER), true);
    }
    let first = ask(server.address, "GET", "/badge/example.com.png", &[]);
    let known = format!("If-None-Match: {}", first.header("etag").unwrap());
    let unchanged = ask(server.address, "GET", "/badge/example.com.png", &[&known]);
    assert_eq!(unchanged.status, 304);
    assert_public(&unchanged, true);
    for path in
        ["/badge/example.net.png", "/count/example.net.json", "/count/x_y.txt", "/top.json?site=a.example"]
    {
        assert_public(&ask(server.address, "GET", path, &FROM_STRANGER), true);
    }
}

#[test]
fn preflights_of_public_answers_permit_reading_them() {
    let server = server();
    let asked = ["Access-Control-Request-Method: GET", "Access-Control-Request-Headers: cache-control"];
    for path in PUBLIC.into_iter().filter(|path| *path != "/onlookers.js") {
        let preflight = ask(server.address, "OPTIONS", path, &[&FROM_STRANGER[..], &asked].concat());
        assert_eq!(preflight.status, 204, "{path}");
        assert_public(&preflight, true);
        assert_eq!(
            preflight.header("access-control-allow-headers"),
            Some("Last-Event-ID, Cache-Control"),
            "{path}"
        );
        assert_eq!(preflight.header("access-control-allow-methods"), Some("GET, HEAD"), "{path}");
    }
    for path in OWN {
        assert_public(&ask(server.address, "OPTIONS", path, &FROM_STRANGER), false);
    }
}

#[test]
fn pages_of_the_server_are_for_no_other_page_to_read() {
    let server = server();
    for path in OWN {
        assert_public(&ask(server.address, "GET", path, &FROM_PAGE), false);
    }
    assert_public(&ask(server.address, "GET", "/events/example.com", &FROM_STRANGER), false);
    let events = ask(server.address, "GET", "/events/example.com", &FROM_PAGE);
    assert_eq!(events.header("access-control-allow-origin"), Some("https://example.com"));
    assert_eq!(events.header("access-control-allow-credentials"), Some("true"));
}

#[test]
fn each_part_of_a_picture_that_a_script_may_read_says_so() {
    let server = server();
    let mut client = Client::connect(server.address);
    client.send(request("GET /online.png?u=1 HTTP/1.1", &FROM_PAGE));
    let mut viewer = Viewer::opened(client);
    let mut plain = Viewer::join(server.address);
    for count in 1..=2 {
        let frame = viewer.client.take_through(BETWEEN_READABLE);
        assert_eq!(frame, [&png_of(count)[..], BETWEEN_READABLE].concat(), "{count}");
    }
    // The pictures of others are as short as ever.
    plain.wait_for(2);
}
