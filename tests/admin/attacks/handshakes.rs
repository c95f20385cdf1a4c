//! Attacks on listeners with TLS.

use super::{ADDRESS, ATTACKER, Attacker, Metric, attack, by_proxy, read_some};
use crate::common::client::Client;
use crate::common::tls;

/// A connection to the listener with TLS.
fn connect_tls(attacker: &mut Attacker<'_>, name: &str) -> Client {
    let mut client = by_proxy(attacker.server, 1, ATTACKER);
    let tls = tls::client_that_trusts(tls::pair(), name, tls::Version::V1_3);
    client.tls = Some(Box::new(tls));
    client
}

#[test]
fn handshakes_of_tls() {
    let step = |attacker: &mut Attacker<'_>| connect_tls(attacker, "counter.example").shake_hands();
    attack(step, &[ADDRESS, Metric("onlookers_tls_handshakes_total")]);
}

#[test]
fn handshakes_that_are_none() {
    let step = |attacker: &mut Attacker<'_>| {
        let mut client = by_proxy(attacker.server, 1, ATTACKER);
        client.send_anyhow([0x16, 3, 1, 0, 4, 9, 9, 9, 9]);
        read_some(&mut client);
    };
    attack(step, &[ADDRESS, Metric("onlookers_connections_failed_total{reason=\"handshake\"}")]);
}

#[test]
fn connections_for_another_server() {
    let step = |attacker: &mut Attacker<'_>| {
        let mut client = connect_tls(attacker, "other.example");
        let tls = client.tls.as_mut().unwrap();
        // The other server never answers.
        let _ = tls.write_tls(&mut client.socket);
        attacker.hold(client);
    };
    attack(step, &[ADDRESS]);
}
