//! Against rustls as the client, in memory.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, SupportedCipherSuite,
    SupportedProtocolVersion,
};

use super::*;

/// A client and a server that have shaken hands, and have nothing left to send.
fn shaken_hands(
    version: &'static SupportedProtocolVersion,
    suite: SupportedCipherSuite,
) -> (ClientConnection, ServerConnection) {
    let provider = Arc::new(CryptoProvider { cipher_suites: vec![suite], ..ring::default_provider() });
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let server = server.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
    let mut server = server.with_single_cert(vec![cert.der().clone()], key).unwrap();
    server.enable_secret_extraction = true;
    let client = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() || server.wants_write() {
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        while client.wants_write() {
            client.write_tls(&mut to_server).unwrap();
        }
        feed(&mut to_server.as_slice(), |bytes| server.read_tls(bytes));
        server.process_new_packets().unwrap();
        while server.wants_write() {
            server.write_tls(&mut to_client).unwrap();
        }
        feed(&mut to_client.as_slice(), |bytes| client.read_tls(bytes));
        client.process_new_packets().unwrap();
    }
    (client, server)
}

fn feed(bytes: &mut &[u8], mut read: impl FnMut(&mut &[u8]) -> std::io::Result<usize>) {
    while !bytes.is_empty() {
        read(bytes).unwrap();
    }
}

/// What the client makes of these bytes.
pub(in crate::transport) fn open(client: &mut ClientConnection, mut records: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    while !records.is_empty() {
        client.read_tls(&mut records).unwrap();
        client.process_new_packets().unwrap();
        let _ = client.reader().read_to_end(&mut text);
    }
    text
}

/// What the client sends.
pub(in crate::transport) fn sent(client: &mut ClientConnection) -> Vec<u8> {
    let mut records = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut records).unwrap();
    }
    records
}

/// What the server makes of these bytes, or that it is over.
fn received(tls: &mut Tls, bytes: &mut [u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let received = tls.receive::<Gone>(bytes, |piece| {
        text.extend_from_slice(piece);
        Ok(())
    });
    received.is_ok().then_some(text)
}

fn connections() -> impl Iterator<Item = (ClientConnection, Tls)> {
    shaken_hands_of_each().map(|(client, server)| (client, Tls::take_over(server, None).unwrap()))
}

/// Each cipher of each version.
pub(in crate::transport) fn shaken_hands_of_each()
-> impl Iterator<Item = (ClientConnection, ServerConnection)> {
    let suites = ring::ALL_CIPHER_SUITES.iter().map(|suite| {
        let version = if suite.tls13().is_some() { &TLS13 } else { &TLS12 };
        // The certificate has an ECDSA key.
        (version, *suite)
    });
    suites
        .filter(|(_, suite)| !format!("{suite:?}").contains("_RSA_"))
        .map(|(version, suite)| shaken_hands(version, suite))
}

#[test]
fn rustls_opens_every_record() {
    let mut ciphers = 0;
    for (mut client, mut tls) in connections() {
        ciphers += 1;
        for length in (0..40).chain([700, MAX_TEXT - 1, MAX_TEXT]) {
            let (text, mut records) = (vec![length as u8; length], Vec::new());
            assert_eq!(tls.seal(&text, &mut records).unwrap(), length);
            assert_eq!(open(&mut client, &records), text);
        }
        let (text, mut records, mut at) = (vec![5; 3 * MAX_TEXT + 7], Vec::new(), 0);
        while at < text.len() {
            at += tls.seal(&text[at..], &mut records).unwrap();
        }
        assert_eq!(open(&mut client, &records), text);
        let mut last = Vec::new();
        tls.close(&mut last).unwrap();
        client.read_tls(&mut last.as_slice()).unwrap();
        assert!(client.process_new_packets().unwrap().peer_has_closed());
    }
    assert_eq!(ciphers, 6);
}

#[test]
fn a_stream_of_a_hundred_thousand_records_is_opened() {
    for (mut client, mut tls) in connections() {
        let mut records = Vec::new();
        for number in 0..100_000_u32 {
            records.clear();
            tls.seal(&number.to_be_bytes(), &mut records).unwrap();
            assert_eq!(open(&mut client, &records), number.to_be_bytes());
        }
    }
}

#[test]
fn records_of_rustls_are_opened_however_they_are_cut() {
    for (mut client, mut tls) in connections() {
        for (length, piece) in [(1, 1), (10, 3), (700, 5), (700, 4096), (40_000, 4096), (40_000, 100_000)] {
            let text: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            client.writer().write_all(&text).unwrap();
            let mut opened = Vec::new();
            for piece in sent(&mut client).chunks_mut(piece) {
                opened.extend(received(&mut tls, piece).unwrap());
            }
            assert_eq!(opened, text);
        }
    }
}

#[test]
fn the_peers_end_is_told_from_more() {
    for (mut client, mut tls) in connections() {
        client.writer().write_all(b"the last").unwrap();
        client.send_close_notify();
        let text = received(&mut tls, &mut sent(&mut client));
        assert_eq!(text.as_deref(), Some(&b"the last"[..]));
        assert!(tls.has_closed());
    }
}

#[test]
fn new_keys_end_a_connection() {
    for (mut client, mut tls) in connections().filter(|(_, tls)| matches!(tls.state, State::Keys { .. })) {
        client.refresh_traffic_keys().unwrap();
        assert_eq!(received(&mut tls, &mut sent(&mut client)), None);
        let mut last = Vec::new();
        tls.close(&mut last).unwrap();
        client.read_tls(&mut last.as_slice()).unwrap();
        assert!(client.process_new_packets().unwrap().peer_has_closed());
    }
}

#[test]
fn what_is_no_record_ends_a_connection() {
    for (_, mut tls) in connections().filter(|(_, tls)| matches!(tls.state, State::Keys { .. })) {
        for bytes in
            [&b"GET / HTTP/1.1\r\n"[..], &[23, 3, 3, 255, 255, 0], &[20, 3, 3, 0, 1, 1], &[23, 3, 3, 0, 0]]
        {
            assert_eq!(received(&mut tls, &mut bytes.to_vec()), None, "{bytes:?}");
            assert!(!tls.has_partial());
        }
    }
}

#[test]
fn an_unfinished_record_is_kept_and_counted() {
    for (mut client, mut tls) in connections() {
        client.writer().write_all(&[1; 100]).unwrap();
        let mut records = sent(&mut client);
        let last = records.len() - 1;
        assert_eq!(received(&mut tls, &mut records[..last]).unwrap(), b"");
        assert!(tls.has_partial());
        assert_eq!(received(&mut tls, &mut records[last..]).unwrap(), [1; 100]);
        assert!(!tls.has_partial());
    }
}
