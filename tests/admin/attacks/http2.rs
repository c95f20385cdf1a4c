//! Attacks over HTTP/2.

use std::time::Duration;

use super::{ADDRESS, Attacker, First, Metric, Sign, attack, read_some};
use crate::common::h2::{
    CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, frame, preface, view,
};

/// Floods a connection with frames of HTTP/2.
fn flood(attacker: &mut Attacker<'_>, bytes: fn(u32) -> Vec<u8>) {
    let mut client = attacker.send(preface());
    client.socket.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    client.send_anyhow((0..2000).flat_map(bytes).collect::<Vec<_>>());
}

/// Ends with an error of HTTP/2, or with a flood that is read slowly.
const FLOODED: Sign = Metric("onlookers_connections_failed_total{reason=\"http2\"}");

#[test]
fn streams_of_http2_that_are_reset_at_once() {
    let step = |attacker: &mut Attacker<'_>| {
        flood(attacker, |number| {
            let stream = 2 * number + 1;
            let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
            [view(stream, END_HEADERS | END_STREAM), reset].concat()
        });
    };
    attack(step, &[ADDRESS, FLOODED]);
}

#[test]
fn endless_heads_of_http2() {
    let step = |attacker: &mut Attacker<'_>| {
        flood(attacker, |number| match number {
            0 => frame(HEADERS, END_STREAM, 1, &[]),
            _ => frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b"),
        });
    };
    attack(step, &[ADDRESS, FLOODED]);
}

#[test]
fn settings_of_http2() {
    let step = |attacker: &mut Attacker<'_>| {
        flood(attacker, |number| frame(SETTINGS, 0, 0, &[&[0, 4], &(number + 1).to_be_bytes()[..]].concat()));
    };
    attack(step, &[ADDRESS]);
}

#[test]
fn pings_of_http2() {
    let step = |attacker: &mut Attacker<'_>| {
        flood(attacker, |number| frame(PING, 0, 0, &u64::from(number).to_be_bytes()));
    };
    attack(step, &[ADDRESS]);
}

#[test]
fn streams_over_http2() {
    let step = |attacker: &mut Attacker<'_>| {
        let streams = (0..20).flat_map(|number| view(2 * number + 1, END_HEADERS | END_STREAM));
        let mut client = attacker.send([preface(), streams.collect()].concat());
        read_some(&mut client);
    };
    // The requests are of a page of example.com.
    attack(step, &[ADDRESS, First("Sites that cost most", "example.com")]);
}
