//! Good and bad requests, and the answers that browsers rely on: never a hang, never a panic.

use std::time::{Duration, Instant};

use crate::common::client::{Client, End, Response, get};
use crate::common::server::{TestServer, config};
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request, view_of};

const FROM_PAGE: &str = "Referer: https://example.com/posts/1?a=b";

#[test]
fn an_answer_is_the_same_however_the_request_is_cut() {
    let server = TestServer::quiet(&[]);
    for request in [
        request("GET /nowhere HTTP/1.1", &[FROM_PAGE]),
        request("GET /online.png?u=1 HTTP/1.1", &[]),
        request("DELETE /online.png HTTP/1.1", &[FROM_PAGE]),
    ] {
        let whole = Client::ask(server.address, &request);
        for size in [1, 2, 3, 64] {
            let mut client = Client::connect(server.address);
            client.send_in_pieces(&request, size);
            let cut = client.response();
            assert_eq!((cut.status, cut.body), (whole.status, whole.body.clone()), "in pieces of {size}");
        }
    }
}

#[test]
fn a_bad_parameter_is_named() {
    let server = TestServer::quiet(&[]);
    for (path, sentence) in [
        ("/online.png?site=%ff".to_owned(), "The parameter site is bad: not UTF-8."),
        ("/online.png?site=%c3%28&u=1".to_owned(), "The parameter site is bad: not UTF-8."),
        (format!("/online.png?x={}", "a".repeat(8000)), "The query of this URL is longer than 8000 bytes."),
    ] {
        let response = get(server.address, &path, &[FROM_PAGE]);
        assert_eq!((response.status, response.text().trim_end()), (400, sentence));
        response.assert_safe();
    }
    assert_eq!(
        get(server.address, "/online.png?unknown=%ff&=&&%", &[FROM_PAGE]).status,
        302,
        "the unknown is ignored"
    );
}

#[test]
fn an_unknown_path_gets_404_and_a_link_home() {
    let server = TestServer::quiet(&[]);
    for path in
        ["/nowhere", "/online.png/", "/online.pngx", "//", "/../etc/passwd", "/%00", "/embed/x", "/\u{fc}"]
    {
        let response = get(server.address, path, &[FROM_PAGE]);
        assert_eq!(response.status, 404, "{path}");
        response.assert_safe();
        assert!(response.text().contains("<a href=\"/\">"), "{path}");
    }
}

#[test]
fn the_files_that_every_server_is_asked_for_exist() {
    let server = TestServer::quiet(&["--allow", "example.com"]);
    let (root, index) = (get(server.address, "/", &[]), get(server.address, "/index.html", &[]));
    assert_eq!((index.status, &index.body), (200, &root.body));
    let icon = get(server.address, "/favicon.ico", &[]);
    assert_eq!((icon.status, icon.header("content-type")), (200, Some("image/x-icon")));
    let png = icon.body.strip_prefix(b"\0\0\x01\0\x01\0").map(|directory| &directory[16..]).unwrap();
    assert_eq!(png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap().info().size(), (32, 32));
    let tag = format!("If-None-Match: {}", icon.header("etag").unwrap());
    assert_eq!(get(server.address, "/favicon.ico", &[&tag]).status, 304);
    let robots = get(server.address, "/robots.txt", &[]);
    assert_eq!((robots.status, robots.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert_eq!(robots.text(), "User-agent: *\nAllow: /$\nAllow: /index.html\nDisallow: /\n");
}

#[test]
fn other_methods_get_405_and_the_allowed_ones() {
    let server = TestServer::quiet(&[]);
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "get"] {
        let response =
            Client::ask(server.address, request(&format!("{method} /online.png HTTP/1.1"), &[FROM_PAGE]));
        assert_eq!(
            (response.status, response.header("allow")),
            (405, Some("GET, HEAD, OPTIONS")),
            "{method}"
        );
        response.assert_safe();
    }
    let mut client = Client::connect(server.address);
    client.send("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
    assert_eq!(client.response().status, 405);
}

#[test]
fn options_are_answered_on_every_path() {
    let server = TestServer::quiet(&[]);
    for path in ["*", "/", "/online.png", "/nowhere"] {
        let mut client = Client::connect(server.address);
        client.send(request(&format!("OPTIONS {path} HTTP/1.1"), &[]));
        let response = client.response_to_head();
        assert_eq!((response.status, response.header("allow")), (204, Some("GET, HEAD, OPTIONS")), "{path}");
    }
}

#[test]
fn head_gets_the_head_that_get_gets() {
    let server = TestServer::quiet(&["--allow", "example.com"]);
    for (path, headers) in [
        ("/", &[][..]),
        ("/embed", &[FROM_PAGE]),
        ("/online.png", &[FROM_PAGE]),
        ("/online.png", &[]),
        ("/online.png?u=1", &["Referer: https://example.net/"]),
        ("/nowhere", &[]),
    ] {
        let headers = [headers, &["Connection: close"]].concat();
        let whole = get(server.address, path, &headers);
        let mut client = Client::connect(server.address);
        client.send(request(&format!("HEAD {path} HTTP/1.1"), &headers));
        let head = client.response_to_head();
        assert_eq!(client.read_to_end(), (Vec::new(), End::Fin), "{path}");
        assert_eq!(lasting(&head), lasting(&whole), "{path}");
    }
}

/// The head without fields that change every second or are random; a length of 0 may be left out.
fn lasting(response: &Response) -> Vec<&str> {
    let differs = |line: &str| {
        ["date:", "location:", "refresh:"].iter().any(|name| line.starts_with(name))
            || line == "content-length: 0"
    };
    response.head.lines().filter(|line| !differs(line)).collect()
}

#[test]
fn a_head_of_more_than_16_kib_is_refused() {
    let server = TestServer::quiet(&[]);
    let with = |bytes: usize| request("GET /nowhere HTTP/1.1", &[&format!("X: {}", "x".repeat(bytes))]);
    assert_eq!(Client::ask(server.address, with(15 * 1024)).status, 404);
    for request in [
        with(17 * 1024),
        with(1024 * 1024),
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(17 * 1024)),
        request("GET / HTTP/1.1", &["X: x"; 2000]),
    ] {
        let mut client = Client::connect(server.address);
        client.send_anyhow(&request);
        assert_eq!(client.response().status, 431, "a head of {} bytes", request.len());
        client.read_to_end();
    }
}

#[test]
fn bytes_that_are_not_http_end_the_connection() {
    let server = TestServer::quiet(&[]);
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\x00\x00\x00\x00\r\n\r\n",
        b"GET /online.png\r\n\r\n",
        b"GET / HTTP/3.7\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"GET http://[/ HTTP/1.1\r\n\r\n",
    ] {
        let mut client = Client::connect(server.address);
        client.send(bytes);
        client.half_close();
        let (answer, _) = client.read_to_end();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{bytes:?}: {answer}");
    }
}

#[test]
fn odd_but_valid_requests_are_answered() {
    let server = TestServer::quiet(&[]);
    for request in [
        // The form for proxies; HTTP/1.0 without Host; empty lines first; lines without CR; a user in the Referer.
        "GET http://counter.example/online.png?u=1 HTTP/1.1\r\nHost: counter.example\r\nReferer: https://example.com/\r\n\r\n",
        "GET /online.png?u=1 HTTP/1.0\r\nReferer: https://example.com/\r\n\r\n",
        "\r\n\r\nGET /online.png?u=1 HTTP/1.1\r\nHost: counter.example\r\nReferer: https://example.com/\r\n\r\n",
        "GET /online.png?u=1 HTTP/1.1\nHost: counter.example\nREFERER:https://EXAMPLE.com\n\n",
        "GET /online.png?u HTTP/1.1\r\nReferer: http://user:secret@example.com:80/\r\n\r\n",
    ] {
        let mut client = Client::connect(server.address);
        client.send(request);
        Viewer::opened(client).wait_for(1);
    }
}

#[test]
fn a_full_server_refuses_new_viewers_and_keeps_the_others() {
    let server = TestServer::quiet(&["--max-viewers", "2"]);
    let mut inside = Viewer::join(server.address);
    let second = Viewer::join(server.address);
    inside.wait_for(2);
    for _ in 0..3 {
        let response = Client::ask(server.address, view_of("example.com"));
        assert_eq!((response.status, response.header("retry-after")), (503, Some("30")));
        response.assert_says("Too many viewers");
    }
    drop(second);
    assert_eq!(inside.count(), 1, "refused viewers were not counted, and the others see one leave");
    let _third = Viewer::join(server.address);
    assert_eq!(inside.count(), 2);
    assert_eq!(Client::ask(server.address, view_of("example.com")).status, 503);
}

#[test]
fn the_limit_per_address_keeps_no_other_address_out() {
    let server = TestServer::quiet(&["--listen", "[::]:0", "--max-per-address", "1"]);
    let at = |host: &str| format!("{host}:{}", server.address.port()).parse().unwrap();
    let mut inside = Viewer::join(at("127.0.0.1"));
    assert_eq!(inside.count(), 1);
    let response = Client::ask(at("127.0.0.1"), view_of("example.net"));
    assert_eq!((response.status, response.header("retry-after")), (503, Some("30")));
    response.assert_says("Too many pages open");
    let mut other = Viewer::join(at("[::1]"));
    other.wait_for(2);
    drop(inside);
    other.wait_for(1);
    Viewer::join(at("127.0.0.1")).wait_for(2);
}

/// With the runtime's clock paused: time advances only when everything waits.
#[tokio::test(start_paused = true)]
async fn a_head_slower_than_10_s_ends_the_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = onlookers::server::Server::bind(&config(&[])).unwrap();
    let address = server.addresses()[0];
    tokio::spawn(server.run(std::future::pending()));
    for (first, dribble) in
        [("", ""), ("GET /nowhere HTTP/1.1\r\n", ""), ("GET /nowhere HTTP/1.1\r\nX: ", "x")]
    {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        socket.write_all(first.as_bytes()).await.unwrap();
        let started = tokio::time::Instant::now();
        let (mut reading, mut writing) = socket.split();
        let mut answer = Vec::new();
        let dribbling = async {
            loop {
                tokio::time::sleep(Duration::from_millis(900)).await;
                let _ = writing.write_all(dribble.as_bytes()).await;
            }
        };
        tokio::select! {
            end = reading.read_to_end(&mut answer) => assert!(end.is_ok() && answer.is_empty()),
            () = dribbling => {}
        }
        let took = started.elapsed();
        assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&took), "{first:?}: {took:?}");
    }
}

/// The same in real time, for a new connection and for one between two requests.
#[test]
fn an_idle_connection_is_closed_after_10_s() {
    let server = TestServer::quiet(&[]);
    let mut idle = [Client::connect(server.address), Client::connect(server.address)];
    idle[1].send(request("GET /nowhere HTTP/1.1", &[]));
    assert_eq!(idle[1].response().status, 404);
    let started = Instant::now();
    for client in &mut idle {
        client.socket.set_read_timeout(Some(2 * DEADLINE)).unwrap();
        assert_eq!(client.read_to_end(), (Vec::new(), End::Fin));
    }
    let took = started.elapsed();
    assert!(took > Duration::from_secs(9) && took < 2 * DEADLINE, "{took:?}");
}

/// Requests sent without waiting for answers, as few clients do: each is answered, including the last.
#[test]
fn pipelined_requests_are_all_answered() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    for _ in 0..200 {
        client.send(request("GET /badge/example.com/x.png HTTP/1.1", &[]).repeat(50));
        for _ in 0..50 {
            assert_eq!(client.response().status, 200);
        }
    }
}
