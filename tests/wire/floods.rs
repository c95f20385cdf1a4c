//! Floods over HTTP/2: other viewers notice nothing, and the flood is read slowly, or its connection ends.

use std::time::Duration;

use crate::common::client::Client;
use crate::common::h2::{
    CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, frame, preface, view,
};
use crate::common::parts::png_of;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;

/// A viewer sees what happens while a client floods the server, and the client's connection ends or is read slowly.
fn flood(bytes: impl Fn(u32) -> Vec<u8>) {
    let server = TestServer::quiet(&[]);
    let mut watcher = Viewer::join(server.address);
    assert_eq!(watcher.count(), 1);
    let mut attacker = Client::connect(server.address);
    attacker.socket.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    attacker.send(preface());
    for number in 0..20_000 {
        attacker.send_anyhow(bytes(number));
    }
    let mut reader = Viewer::join_site(server.address, "other.example");
    assert_eq!(reader.count(), 1, "others are answered");
    drop(attacker);
    let _second = Viewer::join(server.address);
    watcher.wait_for(2);
}

#[test]
fn rapid_resets_leave_other_viewers_untouched() {
    flood(|number| {
        let stream = 2 * number + 1;
        [view(stream, END_HEADERS | END_STREAM), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    });
}

#[test]
fn endless_continuations_leave_other_viewers_untouched() {
    flood(|number| match number {
        0 => frame(HEADERS, END_STREAM, 1, &[]),
        _ => frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b"),
    });
}

#[test]
fn floods_of_settings_leave_other_viewers_untouched() {
    flood(|number| frame(SETTINGS, 0, 0, &[&[0, 4], &(number + 1).to_be_bytes()[..]].concat()));
}

#[test]
fn floods_of_pings_leave_other_viewers_untouched() {
    flood(|number| frame(PING, 0, 0, &u64::from(number).to_be_bytes()));
}

/// A proxy passes on what its visitors send. hyper counts malformed requests for as long as the connection is open.
#[test]
fn malformed_requests_beside_a_stream_leave_it_open() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    client.send([preface(), view(1, END_HEADERS | END_STREAM)].concat());
    let mut watcher = Viewer::join(server.address);
    watcher.wait_for(2);
    for number in 1..100 {
        // `GET` of http://a with a path that is none: ` <`.
        let head = b"\x82\x86\x41\x01a\x44\x02 <";
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, head));
    }
    let _third = Viewer::join(server.address);
    watcher.wait_for(3);
    // The stream is there still, and has the newest picture.
    client.take_through(&png_of(3));
}
