//! The PROXY protocol.

use std::io::Write;
use std::net::TcpStream;

use super::{read_until, view_for};
use crate::common::client::Client;
use crate::common::parts::png_of;
use crate::common::server::TestServer;
use crate::common::tls;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, view_of};

const TRUSTING: [&str; 6] =
    ["--listen", "proxy+127.0.0.1:0", "--listen", "127.0.0.1:0", "--trust-proxy", "127.0.0.1/32"];

/// A header of version 2 for a client at 198.51.100.1, with something that is ignored after the addresses.
const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc6\x33\x64\x01\xc0\0\x02\x01\x10\0\x01\xbb\x04\0\x01\0";
const V1: &[u8] = b"PROXY TCP4 198.51.100.1 192.0.2.1 4096 443\r\n";

#[test]
fn a_visitor_has_the_address_in_the_proxys_header() {
    let server = TestServer::quiet(&[&TRUSTING[..], &["--max-per-address", "1"]].concat());
    let view = |header: &[u8], view: &str, size: usize| {
        let mut client = Client::connect(server.address);
        client.send_in_pieces([header, view.as_bytes()].concat(), size);
        client
    };
    let mut first = Viewer::opened(view(V1, &view_of("example.com"), 1));
    first.wait_for(1);
    // The address isn't a proxy's, so that its headers say nothing.
    for (header, size) in [(V1, 1000), (V2, 1000), (V2, 1)] {
        let mut refused = view(header, &view_for("203.0.113.9"), size);
        assert_eq!(refused.response_to_head().status, 503, "pieces of {size}");
    }
    let other = b"PROXY TCP6 2001:db8::7 2001:db8::1 4096 443\r\n";
    let _other = Viewer::opened(view(other, &view_of("example.com"), 1000));
    first.wait_for(2);
}

#[test]
fn a_proxy_that_speaks_for_itself_keeps_its_address() {
    let server = TestServer::quiet(&TRUSTING);
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        // It is trusted, and so its headers are read.
        let mut client = Client::connect(server.address);
        client.send([header, view_for("198.51.100.1").as_bytes()].concat());
        assert_eq!(client.response_to_head().status, 200);
    }
}

#[test]
fn connections_without_a_trusted_header_are_closed() {
    let trusting = TestServer::quiet(&TRUSTING);
    let distrusting =
        TestServer::quiet(&["--listen", "proxy+127.0.0.1:0", "--trust-proxy", "198.51.100.0/24"]);
    let view = view_of("example.com");
    let long = [b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat();
    for (server, begin) in [
        (&trusting, &b""[..]),
        (&trusting, b"PROXY TCP4 198.51.100.1 192.0.2.1 4096\r\n"),
        (&trusting, b"PROXY TCP4 198.51.100.256 192.0.2.1 1 2\r\n"),
        (&trusting, b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c"),
        (&trusting, &long),
        (&distrusting, V1),
    ] {
        let mut client = Client::connect(server.address);
        client.send_anyhow([begin, view.as_bytes()].concat());
        assert_eq!(client.read_to_end().0, b"", "{:?}", String::from_utf8_lossy(begin));
    }
}

#[test]
fn the_header_is_never_guessed_where_it_is_not_expected() {
    let server = TestServer::quiet(&["--trust-proxy", "127.0.0.1/32"]);
    for header in [V1, V2] {
        let mut client = Client::connect(server.address);
        client.send([header, view_of("example.com").as_bytes()].concat());
        assert_eq!(client.response_to_head().status, 400);
    }
}

#[test]
fn the_header_comes_before_tls() {
    let (_files, pair) = tls::made(&["counter.example", "127.0.0.1"]);
    let server =
        TestServer::quiet(
            &[
                &[
                    "--listen",
                    "127.0.0.1:0",
                    "--listen",
                    "proxy+tls:127.0.0.1:0",
                    "--trust-proxy",
                    "127.0.0.1",
                ][..],
                &tls::files(&pair),
                &["--max-per-address", "1"],
            ]
            .concat(),
        );
    let view = |header: &[u8]| {
        let mut stream = TcpStream::connect(server.addresses[1]).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(header).unwrap();
        let mut page = tls::over(&pair, "counter.example", stream);
        page.write_all(view_of("example.com").as_bytes()).unwrap();
        page
    };
    let mut first = view(V1);
    read_until(&mut first, &png_of(1));
    read_until(&mut view(V2), b"HTTP/1.1 503 ");
    let _other = Viewer::join(server.address);
    read_until(&mut first, &png_of(2));
}
