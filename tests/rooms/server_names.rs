//! A page under a name that resolves to the server, and isn't one of its names, is a stranger's (DNS rebinding).

use std::net::SocketAddr;

use crate::common::client::Client;
use crate::common::page::OPENING;
use crate::common::server::TestServer;

/// What a page of the server at that name asks for, for a site that isn't its own.
const ASKED: [&str; 5] = [
    "/ws/example.com/secret",
    "/events/example.com/secret",
    "/online.png?site=example.com&u=1",
    "/embed",
    "/top.png?site=example.com&u=1",
];

/// The status of the answer to a page at `http://NAME/`, by a request to that host.
fn status(address: SocketAddr, name: &str, path: &str) -> u16 {
    let mut client = Client::connect(address);
    let opening =
        if path.contains("/ws") { OPENING.join("\r\n") } else { "Sec-Fetch-Dest: image".to_owned() };
    client.send(format!(
        "GET {path} HTTP/1.1\r\nHost: {name}\r\nOrigin: http://{name}\r\nReferer: http://{name}/\r\n{opening}\r\n\r\n"
    ));
    client.response_to_head().status
}

fn assert_own(server: &TestServer, name: &str, is_own: bool) {
    for path in ASKED {
        let status = status(server.address, name, path);
        assert_eq!(status != 403, is_own, "{name} {path}: {status}");
        assert!([200, 101, 403].contains(&status), "{name} {path}: {status}");
    }
    let livecount = status(server.address, name, &format!("/livecount/ws?l=http://{name}/"));
    assert_eq!(livecount, if is_own { 101 } else { 403 }, "{name}");
}

#[test]
fn with_allow_only_stated_names_are_the_servers_own() {
    let server = TestServer::quiet(&["--allow", "example.com", "--name", "count.example"]);
    for (name, is_own) in [
        ("count.example", true),
        ("COUNT.example:8080", true),
        ("localhost:9192", true),
        ("a.localhost", true),
        ("127.0.0.1", true),
        ("[::1]:9192", true),
        ("evil.example", false),
        ("count.example.evil.example", false),
        ("evil.count.example", false),
        ("127.0.0.1.evil.example", false),
    ] {
        assert_own(&server, name, is_own);
    }
}

#[test]
fn with_allow_and_no_name_only_addresses_and_localhost_are() {
    let server = TestServer::quiet(&["--allow", "example.com"]);
    for (name, is_own) in [("count.example", false), ("localhost", true), ("192.0.2.1:80", true)] {
        assert_own(&server, name, is_own);
    }
    let mut client = Client::connect(server.address);
    client.send("GET /embed HTTP/1.1\r\nHost: count.example\r\n\r\n");
    client.response().assert_says("Server name not set");
}

#[test]
fn without_allow_any_name_is_unless_one_is_stated() {
    let server = TestServer::quiet(&[]);
    assert_own(&server, "count.example", true);
    let named = TestServer::quiet(&["--name", "count.example"]);
    assert_eq!(status(named.address, "count.example", ASKED[0]), 101);
    assert_eq!(status(named.address, "evil.example", ASKED[0]), 403);
}
