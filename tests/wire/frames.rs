//! WebSocket frames: what a page may send, however it is split, and how a connection ends.

use std::time::{Duration, Instant};

use onlookers::config::Config;
use serde_json::json;

use crate::common::client::{Client, End};
use crate::common::page::{BINARY, PING, PONG, Page, TEXT, frame, opening};
use crate::common::server::{TestServer, config};

const ROOM: &str = "example.com/posts/1";
const PATH: &str = "/posts/1";

#[test]
fn pings_are_answered_in_both_ways() {
    let server = TestServer::quiet(&[]);
    let mut page = Page::open(server.address, PATH);
    page.receive();
    page.client.send(frame(0x80 | PING, b"are you there"));
    assert_eq!(page.frame(), (PONG, b"are you there".to_vec()));
    page.send(r#"{"type":"ping"}"#);
    assert_eq!(page.receive(), json!({"type": "pong"}));
}

#[test]
fn only_a_page_that_misses_two_pings_is_dropped() {
    let often = Config { ping_every: Duration::from_millis(400), ..config(&["--repaint", "1h"]) };
    let server = TestServer::with(often);
    let mut silent = Page::open(server.address, PATH);
    let mut page = Page::open(server.address, PATH);
    page.wait_for(ROOM, 2, 1);
    // This page answers every ping.
    page.wait_for(ROOM, 1, 1);
    let (heard, end) = silent.client.read_to_end();
    assert_eq!(heard.windows(2).filter(|bytes| bytes == b"\x89\0").count(), 2, "{heard:?}");
    assert_eq!(end, End::Fin);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(2) {
        page.send(r#"{"type":"ping"}"#);
        page.wait_for_type("pong");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn an_unknown_message_is_an_error_and_closes_nothing() {
    let server = TestServer::quiet(&[]);
    let mut page = Page::open(server.address, PATH);
    page.receive();
    for message in ["nonsense", "{}", r#"{"type":"dance"}"#, r#"{"type":"join"}"#, ""] {
        page.send(message);
        assert_eq!(page.wait_for_type("error")["code"], "bad-message", "{message}");
    }
    page.send(r#"{"type":"ping"}"#);
    assert_eq!(page.receive(), json!({"type": "pong"}));
}

#[test]
fn messages_come_whole_however_they_are_cut() {
    let server = TestServer::quiet(&[]);
    let mut page = Page::open(server.address, PATH);
    page.receive();
    let fragments = [
        frame(TEXT, br#"{"type":"#),
        frame(0x80 | PING, b"between"),
        frame(0, b""),
        frame(0x80, br#""ping"}"#),
    ]
    .concat();
    for size in [1, 2, 3, fragments.len()] {
        page.client.send_in_pieces(&fragments, size);
        assert_eq!(page.frame(), (PONG, b"between".to_vec()));
        assert_eq!(page.receive(), json!({"type": "pong"}));
    }
}

#[test]
fn a_message_sent_with_the_handshake_is_answered() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    let ping = frame(0x80 | TEXT, br#"{"type":"ping"}"#);
    client.send([opening("/ws/example.com/posts/1", "example.com", &[]).as_bytes(), &ping].concat());
    let mut page = Page::opened(client);
    page.receive();
    assert_eq!(page.receive(), json!({"type": "pong"}));
}

#[test]
fn a_protocol_error_closes_with_the_code_for_it() {
    let server = TestServer::quiet(&[]);
    let long = vec![b' '; 4097];
    let cases: [(&str, Vec<u8>, u16); 12] = [
        ("not masked", vec![0x81, 0x02, b'{', b'}'], 1002),
        ("a reserved bit", frame(0xc1, b"{}"), 1002),
        ("an opcode that isn't there", frame(0x83, b""), 1002),
        ("a control frame in fragments", frame(PING, b""), 1002),
        ("a continuation of nothing", frame(0x80, b"{}"), 1002),
        ("a message within a message", [frame(TEXT, b"{"), frame(0x80 | TEXT, b"}")].concat(), 1002),
        ("a long ping", frame(0x80 | PING, &[0; 126]), 1002),
        ("binary", frame(0x80 | BINARY, b"{}"), 1003),
        ("not UTF-8", frame(0x80 | TEXT, b"\xff"), 1007),
        ("too long", frame(0x80 | TEXT, &long), 1009),
        ("too long in fragments", [frame(TEXT, &long[..4000]), frame(0x80, &long[..97])].concat(), 1009),
        ("a close with a code that can't be", frame(0x88, &1005_u16.to_be_bytes()), 1002),
    ];
    let mut watcher = Page::open(server.address, PATH);
    for (what, bytes, code) in cases {
        let mut page = Page::open(server.address, PATH);
        page.client.send(bytes);
        assert_eq!(page.read_close(), code, "{what}");
    }
    watcher.wait_for(ROOM, 1, 1);
}

#[test]
fn a_page_that_closes_gets_its_close_back() {
    let server = TestServer::quiet(&[]);
    for (payload, code) in [(&b""[..], 1000), (&3000_u16.to_be_bytes(), 3000), (b"\x03\xe9bye", 1001)] {
        let mut page = Page::open(server.address, PATH);
        page.client.send(frame(0x88, payload));
        assert_eq!(page.read_close(), code);
    }
}

#[test]
fn a_page_that_sends_too_fast_is_told_so_and_closed() {
    let server = TestServer::quiet(&[]);
    for first in [0x80 | TEXT, 0x80 | PING] {
        let mut page = Page::open(server.address, PATH);
        page.receive();
        for _ in 0..40 {
            page.client.send_anyhow(frame(first, br#"{"type":"ping"}"#));
        }
        let answers = page.wait_until_error();
        assert!((20..30).contains(&answers), "{answers} answers");
        assert_eq!(page.read_close(), 1008);
    }
}

/// It reads nothing while others send, until all its buffers are full; then a page joins, and it reads again.
#[test]
fn a_slow_reader_stays_and_skips_to_the_newest() {
    let server = TestServer::quiet(&["--messages", "--presence"]);
    let mut narrow = Client::connect_narrow(server.address);
    narrow.send(opening("/ws/example.com/posts/1", "example.com", &[]));
    let mut slow = Page::opened(narrow);
    let mut others = [Page::open(server.address, PATH), Page::open(server.address, PATH)];
    others[0].wait_for(ROOM, 3, 1);
    let message = json!({"type": "message", "data": "x".repeat(3900)}).to_string();
    let mut said = 0;
    while said < 100 * 1024 {
        others[0].send(&message);
        others[1].wait_for_type("message");
        said += message.len();
    }
    others[0].send(r#"{"type":"presence","position":0.5}"#);
    others[1].wait_for_type("presence");
    let late = Page::open(server.address, PATH);
    others[1].wait_for(ROOM, 4, 1);
    let heard = slow.wait_for(ROOM, 4, 1);
    let bytes: usize = heard.iter().map(|message| message.to_string().len()).sum();
    println!("{bytes} bytes of {said}");
    assert!(bytes < 64 * 1024, "{bytes}");
    // After the newest count it is told the others' positions, and is again like any other page.
    assert_eq!(slow.receive()["position"], json!(0.5));
    drop(late);
    slow.wait_for(ROOM, 3, 1);
    slow.send(r#"{"type":"ping"}"#);
    slow.wait_for_type("pong");
}

#[test]
fn an_orderly_stop_closes_every_websocket() {
    let mut server = TestServer::quiet(&[]);
    let pages: Vec<_> = (0..3).map(|_| Page::open(server.address, PATH)).collect();
    // The first message says that the page has joined.
    let pages: Vec<_> = pages
        .into_iter()
        .map(|mut page| {
            page.receive();
            page
        })
        .collect();
    server.begin_to_stop();
    for page in pages {
        assert_eq!(page.read_close(), 1001);
    }
    server.stop();
}
