//! Streams and WebSockets over TLS, which an event loop has taken over with their keys, or with rustls for TLS 1.2.

use std::time::Instant;

use serde_json::json;

use crate::common::client::{Client, End};
use crate::common::page::{self, Page, TEXT, counts};
use crate::common::server::TestServer;
use crate::common::tls::{self, Version};
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, view_of};

const VERSIONS: [Version; 2] = [Version::V1_2, Version::V1_3];

fn server(more: &[&str]) -> TestServer {
    TestServer::quiet(&[&tls::listen(tls::pair())[..], more].concat())
}

fn connect(server: &TestServer, version: Version) -> Client {
    Client::connect_tls(server.address, tls::client(version))
}

fn join(server: &TestServer, version: Version) -> Viewer {
    let mut client = connect(server, version);
    client.send(view_of("example.com"));
    Viewer::opened(client)
}

#[test]
fn each_change_reaches_every_version() {
    let server = server(&[]);
    let mut viewers = VERSIONS.map(|version| join(&server, version));
    viewers.iter_mut().for_each(|viewer| assert!(viewer.wait_for(2) > 0));
    let others: Vec<_> = VERSIONS.iter().map(|version| join(&server, *version)).collect();
    viewers.iter_mut().for_each(|viewer| assert!(viewer.wait_for(4) > 0));
    drop(others);
    viewers.iter_mut().for_each(|viewer| assert!(viewer.wait_for(2) > 0));
}

#[test]
fn a_viewer_that_says_goodbye_is_uncounted_at_once() {
    let server = server(&[]);
    for version in VERSIONS {
        let mut watcher = join(&server, Version::V1_3);
        assert_eq!(watcher.count(), 1);
        let mut viewer = join(&server, version);
        watcher.wait_for(2);
        let started = Instant::now();
        // The connection itself stays open.
        let connection = viewer.client.tls.as_mut().unwrap();
        connection.send_close_notify();
        connection.write_tls(&mut viewer.client.socket).unwrap();
        watcher.wait_for(1);
        assert!(started.elapsed().as_millis() < 1_000);
    }
}

#[test]
fn an_orderly_end_says_that_nothing_is_missing() {
    for version in VERSIONS {
        let mut server = server(&[]);
        let viewer = join(&server, version);
        let mut page = connect(&server, version);
        page.send(page::opening("/ws/example.com", "example.com", &[]));
        let mut page = Page::opened(page);
        server.begin_to_stop();
        // `End::Fin`, and not `End::Cut`.
        viewer.read_orderly_end();
        let close = loop {
            let (opcode, payload) = page.frame();
            if opcode == page::CLOSE {
                break payload;
            }
        };
        assert_eq!(close, 1001_u16.to_be_bytes());
    }
}

#[test]
fn answers_and_idle_connections_end_in_order() {
    let server = server(&[]);
    for version in VERSIONS {
        let mut client = connect(&server, version);
        client.send("GET /count/example.com.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(client.response().status, 200);
        assert_eq!(client.read_to_end(), (Vec::new(), End::Fin));
        let mut head = connect(&server, version);
        head.send(view_of("example.com").replace("GET", "HEAD"));
        assert_eq!(head.response_to_head().status, 200);
        assert_eq!(head.read_to_end(), (Vec::new(), End::Fin));
    }
}

/// A connection of a client that offers these protocols, and the one that was chosen.
fn negotiate(server: &TestServer, offered: &[&str]) -> (Client, Option<String>) {
    let connection = tls::client_that_speaks(offered, tls::pair(), "counter.example", Version::V1_3);
    let mut client = Client::connect_tls(server.address, connection);
    client.shake_hands();
    let chosen = client.tls.as_ref().unwrap().alpn_protocol();
    let chosen = chosen.map(|chosen| String::from_utf8_lossy(chosen).into_owned());
    (client, chosen)
}

#[test]
fn a_client_is_offered_http_2_from_its_fourth_connection_on() {
    let server = server(&[]);
    let both = ["h2", "http/1.1"];
    let mut held = Vec::new();
    for wanted in ["http/1.1", "http/1.1", "http/1.1", "h2", "h2"] {
        let (mut client, chosen) = negotiate(&server, &both);
        assert_eq!(chosen.as_deref(), Some(wanted));
        if wanted == "http/1.1" {
            // A connection counts when an event loop has it, too.
            client.send(view_of("example.com"));
            held.push(Viewer::opened(client).client);
        } else {
            held.push(client);
        }
    }
    assert_eq!(negotiate(&server, &["http/1.1"]).1.as_deref(), Some("http/1.1"));
    assert_eq!(negotiate(&server, &[]).1, None);
    // Once the server has noticed that they have gone.
    held.truncate(1);
    let started = Instant::now();
    while negotiate(&server, &both).1.as_deref() != Some("http/1.1") {
        assert!(started.elapsed() < DEADLINE);
    }
}

#[test]
fn the_protocols_can_be_chosen() {
    let both = ["h2", "http/1.1"];
    for (alpn, offered, wanted) in [
        ("h2", &both[..], "h2"),
        ("h2", &both[1..], "http/1.1"),
        ("http/1.1", &both, "http/1.1"),
        ("auto", &both, "http/1.1"),
        ("auto", &both[..1], "h2"),
    ] {
        let server = server(&["--alpn", alpn]);
        assert_eq!(negotiate(&server, offered).1.as_deref(), Some(wanted), "{alpn} {offered:?}");
    }
}

#[test]
fn new_keys_end_a_stream_in_order() {
    let server = server(&[]);
    let mut watcher = join(&server, Version::V1_3);
    let mut viewer = join(&server, Version::V1_3);
    watcher.wait_for(2);
    let connection = viewer.client.tls.as_mut().unwrap();
    connection.refresh_traffic_keys().unwrap();
    connection.write_tls(&mut viewer.client.socket).unwrap();
    watcher.wait_for(1);
    assert_eq!(viewer.client.read_to_end().1, End::Fin);
}

/// The client has to be told of the server's new keys; an event loop couldn't.
#[test]
fn new_keys_before_a_request_end_the_connection_in_order() {
    let server = server(&[]);
    let mut client = connect(&server, Version::V1_3);
    client.shake_hands();
    client.tls.as_mut().unwrap().refresh_traffic_keys().unwrap();
    client.send(view_of("example.com"));
    assert_eq!(client.read_to_end(), (Vec::new(), End::Fin));
    join(&server, Version::V1_3).wait_for(1);
}

/// Requests that are answered are served with new keys: rustls has the connection then.
#[test]
fn other_requests_are_answered_with_new_keys() {
    let server = server(&[]);
    let mut client = connect(&server, Version::V1_3);
    for _ in 0..3 {
        client.shake_hands();
        client.tls.as_mut().unwrap().refresh_traffic_keys().unwrap();
        client.send("GET /count/example.com.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn bytes_that_are_no_record_end_a_connection() {
    let server = server(&[]);
    let mut watcher = join(&server, Version::V1_3);
    for version in VERSIONS {
        let mut viewer = join(&server, version);
        watcher.wait_for(2);
        viewer.client.tls = None;
        viewer.client.send("GET / HTTP/1.1\r\n\r\n");
        watcher.wait_for(1);
    }
    let mut plain = Client::connect(server.address);
    plain.tls = None;
    plain.send(view_of("example.com"));
    // An alert, and the end.
    assert!(plain.read_to_end().0.starts_with(&[21, 3]));
}

#[test]
fn messages_come_whole_however_records_are_cut() {
    let server = server(&["--messages"]);
    for version in VERSIONS {
        let mut client = connect(&server, version);
        let (hello, message) = (page::opening("/ws/example.com/a", "example.com", &[]), r#"{"type":"ping"}"#);
        // The first message comes with the handshake, in the same record; the next two in records of their own, cut by bytes.
        client.send([hello.as_bytes(), &page::frame(0x80 | TEXT, message.as_bytes())].concat());
        let mut page = Page::opened(client);
        assert_eq!(page.receive(), counts("example.com/a", 1, 1));
        assert_eq!(page.receive(), json!({"type": "pong"}));
        let (connection, mut records) = (page.client.tls.as_mut().unwrap(), Vec::new());
        for _ in 0..2 {
            let frame = page::frame(0x80 | TEXT, message.as_bytes());
            std::io::Write::write_all(&mut connection.writer(), &frame).unwrap();
        }
        while connection.wants_write() {
            connection.write_tls(&mut records).unwrap();
        }
        for byte in records {
            std::io::Write::write_all(&mut page.client.socket, &[byte]).unwrap();
        }
        assert_eq!([page.receive(), page.receive()], [json!({"type": "pong"}), json!({"type": "pong"})]);
    }
}

/// Its records are kept until it reads them; then it gets the newest.
#[test]
fn a_stalled_viewer_gets_whole_records_and_the_newest() {
    let label = "QGSR&@%8965320CBDOPagesqdbpßäöüéèàçñåæøœQGSR&@%8965320CBDOPagesq";
    for version in VERSIONS {
        let pair = tls::pair();
        let args = [&tls::listen(pair)[..], &["--repaint", "100ms", "--label", label]].concat();
        let server = TestServer::start(&args);
        let mut client = Client::connect_narrow(server.address);
        client.tls = Some(Box::new(tls::client(version)));
        client.send(view_of("example.com"));
        let mut fast = join(&server, version);
        // The sockets between hold less.
        let mut bytes = 0;
        while bytes < 48 * 1024 {
            bytes += fast.picture().len();
        }
        let third = join(&server, version);
        let style = onlookers_picture::Style::plain(onlookers_picture::Label::new(label).unwrap());
        let wanted = onlookers_picture::render(&style, onlookers_picture::Value::Count(3)).encode().to_vec();
        Viewer::opened(client).wait_for_picture(&wanted);
        drop(third);
    }
}
