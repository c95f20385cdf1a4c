//! Attacks by connections that are held and cost next to nothing.

use std::thread;

use super::{ADDRESS, ATTACKER, Attacker, First, HELD, Metric, Sign, attack};

const HOLDER: Sign = First("Addresses with most connections", ATTACKER);

#[test]
fn connections_that_wait_in_silence() {
    let step = |attacker: &mut Attacker<'_>| {
        let client = attacker.connect();
        attacker.hold(client);
    };
    attack(step, &[ADDRESS, Metric("onlookers_connections_failed_total{reason=\"closed\"}")]);
}

#[test]
fn connections_that_are_held_and_do_nothing_more() {
    let step = |attacker: &mut Attacker<'_>| match attacker.held.len() {
        HELD => thread::yield_now(),
        _ => {
            let client = attacker.connect();
            attacker.hold(client);
        }
    };
    attack(step, &[HOLDER]);
}

#[test]
fn unfinished_heads() {
    let step = |attacker: &mut Attacker<'_>| {
        attacker.held.iter_mut().for_each(|client| client.send_anyhow("x"));
        let client = attacker.send("GET / HTTP/1.1\r\nHost: counter.example\r\nX-Long: ");
        attacker.hold(client);
    };
    attack(step, &[ADDRESS, Metric("onlookers_connections_failed_total{reason=\"closed\"}")]);
}
