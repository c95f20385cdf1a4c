//! The takeover calls hyper's `into_parts` on a connection whose request was never answered; hyper documents it for
//! connections that are done only. If one of these tests fails after an update of hyper, keep the old version.

use std::io::Write;
use std::thread::JoinHandle;

use crate::common::client::{Client, End};
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::common::{request, view_of};

/// How many bytes a client may send after its request; a browser sends none.
const MOST_JUNK: usize = 64 * 1024 - 2 - IN_RECORDS;

/// How much longer that is in TLS records, at most.
const IN_RECORDS: usize = 200;

#[test]
fn the_first_request_of_a_connection_is_taken_over() {
    let server = TestServer::quiet(&[]);
    assert_eq!(Viewer::join(server.address).count(), 1);
}

#[test]
fn a_later_request_of_a_connection_is_taken_over() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    for path in ["/", "/nowhere", "/online.png", "/"] {
        client.send(request(&format!("GET {path} HTTP/1.1"), &["Referer: https://example.com/"]));
        let response = client.response();
        assert!([200, 404, 302].contains(&response.status), "{response:?}");
    }
    client.send(view_of("example.com"));
    assert_eq!(Viewer::opened(client).count(), 1);
}

#[test]
fn a_head_may_come_in_pieces() {
    let server = TestServer::quiet(&[]);
    for size in [1, 2, 7] {
        let mut client = Client::connect(server.address);
        client.send_in_pieces(view_of("example.com"), size);
        Viewer::opened(client).wait_for(1);
    }
}

/// A proxy that has made a tunnel for an upgrade passes the rest on unread: the client would be its own proxy.
#[test]
fn a_request_to_upgrade_is_the_last_of_its_connection() {
    let server = TestServer::quiet(&["--allow", "example.com"]);
    for path in ["/online.png", "/ws/example.com", "/count/example.com.json", "/ws/other.example", "/nowhere"]
    {
        let mut client = Client::connect(server.address);
        let upgrade = ["Referer: https://example.com/", "Connection: Upgrade", "Upgrade: websocket"];
        client.send(request(&format!("GET {path} HTTP/1.1"), &upgrade));
        let status = client.response().status;
        assert!([200, 302, 400, 403, 404, 426].contains(&status), "{path}: {status}");
        client.send_anyhow(view_of("example.com"));
        assert_eq!(client.read_to_end().0, b"", "{path}");
    }
}

/// The takeover happens between two requests; the start of a head that arrived with the previous one must not be lost.
#[test]
fn a_head_may_arrive_partly_with_the_request_before_it() {
    let server = TestServer::quiet(&[]);
    let (demo, view) = (request("GET / HTTP/1.1", &[]), view_of("example.com"));
    for size in [1, 20, demo.len() - 1] {
        let mut client = Client::connect(server.address);
        client.send([&*demo, &demo[..size]].concat());
        assert_eq!(client.response().status, 200);
        client.send([&demo[size..], &view[..size]].concat());
        assert_eq!(client.response().status, 200);
        client.send(&view[size..]);
        Viewer::opened(client).wait_for(1);
    }
}

#[test]
fn requests_sent_at_once_are_answered_in_order() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    let demo = request("GET / HTTP/1.1", &[]);
    client.send([&*demo, &request("GET /nowhere HTTP/1.1", &[]), &demo, &view_of("example.com")].concat());
    assert_eq!(
        [client.response().status, client.response().status, client.response().status],
        [200, 404, 200]
    );
    assert_eq!(Viewer::opened(client).count(), 1);
}

/// Hundreds of answers don't fit into the sockets, so hyper has some of them unsent when the last head is read.
#[test]
fn no_earlier_answer_is_lost_when_the_client_reads_late() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect_narrow(server.address);
    let demo = request("GET / HTTP/1.1", &[]);
    let many = 300;
    let requests = [demo.repeat(many), view_of("example.com")].concat();
    let writer = write_in_background(&client, requests);
    for _ in 0..many {
        assert_eq!(client.response().status, 200);
    }
    writer.join().unwrap();
    assert_eq!(Viewer::opened(client).count(), 1);
}

/// hyper queues answers without a body differently, and a request's body delays the next head.
#[test]
fn no_earlier_answer_is_lost_after_requests_with_bodies() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect_narrow(server.address);
    let many = 1000;
    let options = request("OPTIONS / HTTP/1.1", &["Content-Length: 4"]) + "body";
    let writer = write_in_background(&client, [options.repeat(many), view_of("example.com")].concat());
    writer.join().unwrap();
    assert_eq!(Viewer::join(server.address).count(), 1, "the other can't be in before its answers are read");
    for _ in 0..many {
        assert_eq!(client.response_to_head().status, 204);
    }
    Viewer::opened(client).wait_for(1);
}

#[test]
fn a_late_body_ends_the_connection_after_the_answer() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    client.send(request("POST / HTTP/1.1", &["Content-Length: 4"]));
    assert_eq!(client.response().status, 405);
    client.send_anyhow("body".to_owned() + &view_of("example.com"));
    assert!(client.read_to_end().0.is_empty());
}

#[test]
fn bytes_after_the_head_are_dropped_and_the_viewer_stays() {
    let server = TestServer::quiet(&[]);
    let mut watcher = Viewer::join(server.address);
    assert_eq!(watcher.count(), 1);
    let mut client = Client::connect(server.address);
    client.send([view_of("example.com").into_bytes(), vec![b'x'; 1000]].concat());
    let mut viewer = Viewer::opened(client);
    viewer.client.send(vec![b'x'; MOST_JUNK - 1000]);
    viewer.wait_for(2);
    assert_eq!(watcher.count(), 2);
    let _third = Viewer::join(server.address);
    assert_eq!((viewer.count(), watcher.count()), (3, 3));
}

#[test]
fn more_than_64_kib_after_the_head_end_the_connection() {
    let server = TestServer::quiet(&[]);
    let mut watcher = Viewer::join(server.address);
    assert_eq!(watcher.count(), 1);
    let mut viewer = Viewer::join(server.address);
    assert_eq!(watcher.count(), 2);
    viewer.client.send_anyhow(vec![b'x'; MOST_JUNK + IN_RECORDS + 1]);
    assert_eq!(watcher.count(), 1);
    viewer.client.read_to_end();
}

#[test]
fn a_second_request_for_the_stream_is_ignored() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    client.send(view_of("example.com").repeat(3));
    let mut viewer = Viewer::opened(client);
    assert_eq!(viewer.count(), 1);
    let _other = Viewer::join(server.address);
    assert_eq!(viewer.count(), 2, "one connection is one viewer");
}

#[test]
fn the_body_of_a_request_is_ignored() {
    let with = |header| request("GET /online.png?u=1 HTTP/1.1", &["Referer: https://example.com/", header]);
    for (head, body) in [
        (with("Content-Length: 20000"), "b".repeat(20_000)),
        (with("Transfer-Encoding: chunked"), "5\r\nhello\r\n0\r\n\r\n".to_owned()),
        (with("Content-Length: 5\r\nExpect: 100-continue"), "hello".to_owned()),
    ] {
        let server = TestServer::quiet(&[]);
        let mut client = Client::connect(server.address);
        client.send(head + &body);
        let mut viewer = Viewer::opened(client);
        assert_eq!(viewer.count(), 1);
        let _other = Viewer::join(server.address);
        assert_eq!(viewer.count(), 2);
    }
}

#[test]
fn head_is_taken_over_on_a_later_request_too() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    client.send(request("GET /nowhere HTTP/1.1", &[]));
    assert_eq!(client.response().status, 404);
    client.send(view_of("example.com").replace("GET", "HEAD"));
    assert_eq!(client.response_to_head().status, 200);
    assert_eq!(client.read_to_end(), (Vec::new(), End::Fin));
}

/// Both kernels buffer less than that, so writing has to wait for reading.
fn write_in_background(client: &Client, bytes: String) -> JoinHandle<()> {
    let mut socket = client.socket.try_clone().unwrap();
    std::thread::spawn(move || socket.write_all(bytes.as_bytes()).unwrap())
}
