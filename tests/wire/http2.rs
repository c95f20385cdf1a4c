//! HTTP/2 with prior knowledge: what HTTP/1.1 gets, on one connection for many.

use std::time::Duration;

use hyper::{HeaderMap, Method, StatusCode};

use crate::common::client::Client;
use crate::common::h2::{Connection, END_HEADERS, END_STREAM, preface, view};
use crate::common::parts::{CLOSING, png_of_the_end};
use crate::common::server::{TestServer, config};
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request, view_of};

/// Fields of HTTP/1.1's connection, and those that differ from one moment to the next.
const OTHERS: [&str; 5] = ["connection", "upgrade", "date", "location", "content-length"];

fn fields(head: &str) -> Vec<(String, String)> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    sorted(lines.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())))
}

fn fields_of(headers: &HeaderMap) -> Vec<(String, String)> {
    sorted(headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())))
}

fn sorted(fields: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut fields: Vec<_> = fields.filter(|(name, _)| !OTHERS.contains(&name.as_str())).collect();
    fields.sort();
    fields
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_stream_is_the_same_in_both_versions() {
    let server = TestServer::quiet(&[]);
    let mut first = Client::connect(server.address);
    first.send(view_of("example.com"));
    let head = first.response_to_head().head;
    let mut connection = Connection::open(server.address).await;
    let mut stream = connection.view().await;
    assert_eq!(fields_of(&stream.headers), fields(&head));
    stream.wait_for(2).await;
    let third = Viewer::join(server.address);
    assert_eq!(stream.count().await, 3);
    drop(third);
    assert_eq!(stream.count().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_of_a_connection_receive_each_change() {
    let server = TestServer::quiet(&[]);
    let mut connection = Connection::open(server.address).await;
    let mut streams = Vec::new();
    for count in 1..=60 {
        streams.push(connection.view().await);
        streams[0].wait_for(count).await;
    }
    for stream in &mut streams[1..] {
        stream.wait_for(60).await;
    }
    let one_more = Viewer::join(server.address);
    for stream in &mut streams {
        assert_eq!(stream.count().await, 61);
    }
    drop(one_more);
    // A stream that is reset is uncounted, and the others go on.
    streams.truncate(40);
    for stream in &mut streams {
        stream.wait_for(40).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_go_with_their_connection() {
    let server = TestServer::quiet(&[]);
    let mut watcher = Viewer::join(server.address);
    let mut connection = Connection::open(server.address).await;
    let mut stream = connection.view().await;
    stream.wait_for(2).await;
    watcher.wait_for(2);
    connection.driver.abort();
    watcher.wait_for(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_with_the_fields_of_http_1_1() {
    let server = TestServer::quiet(&[]);
    let path = "/events/example.com/";
    let origin = "https://example.com";
    let mut client = Client::connect(server.address);
    client.send(request(&format!("GET {path} HTTP/1.1"), &[&format!("Origin: {origin}")]));
    let head = client.response_to_head().head;
    let mut connection = Connection::open(server.address).await;
    let mut stream = connection.get(path, &[("origin", origin)]).await;
    assert_eq!(fields_of(&stream.headers), fields(&head));
    assert!(stream.text_through("retry: ", "\n\n").await.starts_with("retry: "));
    while !stream.text_through("id: ", "\n\n").await.contains("\"count\":2") {}
}

/// Asks for everything that isn't a stream.
#[tokio::test(flavor = "multi_thread")]
async fn each_answer_is_the_same_in_both_versions() {
    let server = TestServer::quiet(&["--allow", "example.com", "--allow", "counter.example"]);
    let mut connection = Connection::open(server.address).await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::HEAD, "/"),
        (Method::GET, "/online.png"),
        (Method::GET, "/online.png?live=0"),
        (Method::HEAD, "/online.png?u=1"),
        (Method::GET, "/online.png?label=%"),
        (Method::GET, "/badge/example.com/a.png"),
        (Method::HEAD, "/badge/example.com/a.png"),
        (Method::GET, "/badge/example.com/a.svg"),
        (Method::GET, "/badge/example.com/a.json"),
        (Method::GET, "/count/example.com/a.json"),
        (Method::GET, "/count/other.example.txt"),
        (Method::GET, "/top.json?site=example.com"),
        (Method::GET, "/ignore"),
        (Method::POST, "/ignore"),
        (Method::GET, "/onlookers.js"),
        (Method::GET, "/live"),
        (Method::GET, "/robots.txt"),
        (Method::GET, "/nothing"),
        (Method::PUT, "/online.png"),
        (Method::OPTIONS, "/online.png"),
        (Method::OPTIONS, "/events/example.com/"),
        (Method::HEAD, "/events/example.com/"),
    ] {
        let headers = [("referer", "https://example.com/"), ("origin", "https://example.com")];
        let lines = headers.map(|(name, value)| format!("{name}: {value}"));
        let mut client = Client::connect(server.address);
        client.send(request(&format!("{method} {path} HTTP/1.1"), &[&lines[0], &lines[1]]));
        let wanted = match method {
            Method::HEAD => client.response_to_head(),
            _ => client.response(),
        };
        let mut answer = connection.ask(method.clone(), path, &headers).await;
        assert_eq!(answer.status.as_u16(), wanted.status, "{method} {path}");
        assert_eq!(fields_of(&answer.headers), fields(&wanted.head), "{method} {path}");
        let length = answer.headers.get("content-length").map(|length| length.to_str().unwrap().to_owned());
        let is_empty = wanted.body.is_empty() && method != Method::HEAD;
        assert!(
            is_empty || length.as_deref() == wanted.header("content-length"),
            "{method} {path}: {length:?}"
        );
        assert_eq!(answer.read_to_end().await.unwrap(), wanted.body, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_over_http2_is_refused_and_joins_nothing() {
    let server = TestServer::quiet(&[]);
    let mut connection = Connection::open(server.address).await;
    for path in ["/ws/example.com/", "/livecount/ws?l=https://example.com/"] {
        let mut refused = connection.get(path, &[("origin", "https://example.com")]).await;
        assert_eq!(refused.status, StatusCode::HTTP_VERSION_NOT_SUPPORTED);
        let said = String::from_utf8(refused.read_to_end().await.unwrap()).unwrap();
        assert_eq!(said, "WebSockets are opened with HTTP/1.1 here, not with HTTP/2.\n");
    }
    assert_eq!(connection.view().await.count().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_the_last_picture_and_a_goaway() {
    let mut server = TestServer::quiet(&[]);
    let mut connection = Connection::open(server.address).await;
    let idle = Connection::open(server.address).await;
    let mut stream = connection.view().await;
    assert_eq!(stream.count().await, 1);
    server.begin_to_stop();
    let rest = stream.read_to_end().await.expect("an end in order");
    assert_eq!(rest, [&png_of_the_end(), CLOSING].concat());
    drop(stream);
    // A GOAWAY without an error, and the end of the connection.
    connection.driver.await.unwrap().unwrap();
    idle.driver.await.unwrap().unwrap();
}

/// How many pictures, each of another number, have come by the time that a reader has caught up.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_skips_to_the_newest_picture() {
    let server = TestServer::quiet(&[]);
    let mut connection = Connection::with_window(server.address, 2048).await;
    let mut slow = connection.view().await;
    let mut watcher = Viewer::join(server.address);
    let mut others = Vec::new();
    for count in 3..=30 {
        others.push(Viewer::join(server.address));
        watcher.wait_for(count);
    }
    let mut read = 0;
    while slow.count().await != 30 {
        read += 1;
    }
    assert!(read <= 8, "{read} old pictures: more than its windows and one on the way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_takes_nothing_is_let_go() {
    let mut config = config(&["--repaint", "100ms"]);
    config.write_timeout = Duration::from_millis(300);
    let server = TestServer::with(config);
    let mut watcher = Viewer::join(server.address);
    let mut connection = Connection::with_window(server.address, 64).await;
    let mut reads = Connection::open(server.address).await;
    let headers = [("referer", "https://example.com/")];
    let stuck = connection.get("/online.png?u=1", &headers).await;
    watcher.wait_for(2);
    let mut reader = reads.view().await;
    reader.wait_for(3).await;
    let ended = async {
        while reader.count().await != 2 {
            // The connection is looked at whenever it has something to do.
            let _ = connection.ask(Method::HEAD, "/robots.txt", &[]).await;
        }
    };
    tokio::time::timeout(DEADLINE, ended).await.expect("the stream is let go");
    drop(stuck);
}

#[test]
fn a_preface_that_breaks_off_or_isnt_one_is_no_panic() {
    let server = TestServer::quiet(&[]);
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"[..],
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        b"PRI * HTTP/2.1\r\n\r\n",
    ] {
        let mut client = Client::connect(server.address);
        client.send(bytes);
        client.half_close();
        let (_, _) = client.read_to_end();
    }
    assert_eq!(Viewer::join(server.address).count(), 1);
}

/// The preface may come in any pieces.
#[test]
fn the_preface_comes_in_pieces() {
    let server = TestServer::quiet(&[]);
    let mut watcher = Viewer::join(server.address);
    assert_eq!(watcher.count(), 1);
    let mut client = Client::connect(server.address);
    client.send_in_pieces([preface(), view(1, END_HEADERS | END_STREAM)].concat(), 1);
    watcher.wait_for(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_called_by_the_authority() {
    let server = TestServer::quiet(&[]);
    let mut connection = Connection::open(server.address).await;
    let page = connection.get("/", &[("host", "other.example")]).await.read_to_end().await.unwrap();
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("http://counter.example/") && !page.contains("other.example"), "{page}");
}
