//! Renewals while pages are open.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::authority::{Answer, Authority, json};
use crate::common::parts::png_of;
use crate::common::view_of;
use crate::network::in_network_of_its_own;
use crate::pebble::{NAME, Options, Pebble, Place, TLS, answer_dns, directory};
use crate::secure::{Secure, connect, leaf, wait_for};

const HTTP_1: &[u8] = b"http/1.1";

#[test]
fn no_stream_is_lost_when_a_certificate_is_renewed() {
    in_network_of_its_own("renewal::no_stream_is_lost_when_a_certificate_is_renewed", || {
        renewed_with_streams(100, 15);
    });
}

#[test]
#[ignore = "takes long; the test of a hundred streams is the same"]
fn no_stream_of_a_thousand_is_lost_when_a_certificate_is_renewed() {
    in_network_of_its_own("renewal::no_stream_of_a_thousand_is_lost_when_a_certificate_is_renewed", || {
        renewed_with_streams(1000, 90);
    });
}

/// Certificates are valid for so many seconds.
fn renewed_with_streams(number: u64, validity: u32) {
    answer_dns();
    let place = Place::new();
    let pebble = Pebble::start(&place, &Options { validity, ..Options::default() });
    let _server = place.server(Pebble::PORT);
    let root = pebble.root(&place);
    let first = wait_for("there is no certificate", 3, || connect(TLS, NAME, HTTP_1, &root).ok());
    let mut streams: Vec<_> = (1..=number).map(|_| view(TLS, &root)).collect();
    for stream in &mut streams {
        assert_eq!(leaf(stream), leaf(&first), "all of them are older than the renewal");
        read_until(stream, &png_of(number));
    }
    wait_for("it isn't renewed", 12, || {
        connect(TLS, NAME, HTTP_1, &root).ok().filter(|now| leaf(now) != leaf(&first))
    });
    streams.push(view(TLS, &root));
    for stream in &mut streams {
        read_until(stream, &png_of(number + 1));
    }
}

pub(crate) fn view(address: SocketAddr, root: &str) -> Secure {
    let mut stream = connect(address, NAME, HTTP_1, root).unwrap();
    stream.write_all(view_of("example.com").as_bytes()).unwrap();
    stream
}

pub(crate) fn read_until(stream: &mut Secure, wanted: &[u8]) {
    let (mut read, mut bytes) = (Vec::new(), [0; 4096]);
    while !read.windows(wanted.len()).any(|part| part == wanted) {
        let some = stream.read(&mut bytes).unwrap();
        assert!(some > 0, "the stream has ended");
        read.extend_from_slice(&bytes[..some]);
    }
}

/// An authority that withdraws its certificates says so by a time in the past.
#[test]
fn a_certificate_is_renewed_when_the_authority_suggests() {
    in_network_of_its_own("renewal::a_certificate_is_renewed_when_the_authority_suggests", || {
        answer_dns();
        let place = Place::new();
        let pebble = Pebble::start(&place, &Options { refused_nonces: 0, ..Options::default() });
        let asked = Arc::new(Mutex::new(Vec::<String>::new()));
        let authority = with_renewal_information(&place, Arc::clone(&asked));
        let root = pebble.root(&place);

        let server = place.server(authority.port);
        let first = wait_for("there is no certificate", 3, || connect(TLS, NAME, HTTP_1, &root).ok());
        wait_for("the authority isn't asked", 1, || asked.lock().unwrap().first().cloned());
        drop(server);

        let _server = place.server(authority.port);
        let second = wait_for("it isn't renewed", 3, || {
            connect(TLS, NAME, HTTP_1, &root).ok().filter(|now| leaf(now) != leaf(&first))
        });
        let ids = wait_for("the authority isn't asked about the second", 1, || {
            let asked = asked.lock().unwrap();
            let second = asked.iter().find(|id| **id != asked[0]).cloned();
            second.map(|second| [asked[0].clone(), second])
        });
        let serials = [&first, &second].map(|stream| serial(&leaf(stream)));
        assert_eq!(ids.map(|id| id.split_once('.').unwrap().1.to_owned()), serials);
    });
}

/// Pebble's directory and answers for the first certificate that are in the past, and for others in the future.
fn with_renewal_information(place: &Place, asked: Arc<Mutex<Vec<String>>>) -> Authority {
    let pebbles = directory(place);
    Authority::start(place, move |authority, path, _| match path.strip_prefix("/renewal/") {
        None => {
            let mut directory = pebbles.clone();
            directory["renewalInfo"] = format!("{authority}/renewal").into();
            json(200, directory)
        }
        Some(id) => {
            let mut asked = asked.lock().unwrap();
            asked.push(id.to_owned());
            let year = if id == asked[0] { 2020 } else { 2999 };
            let window = serde_json::json!({"start": format!("{year}-01-01T00:00:00Z"), "end": format!("{year}-01-02T00:00:00Z")});
            Answer {
                headers: vec![("retry-after", "21600".to_owned())],
                ..json(200, serde_json::json!({"suggestedWindow": window}))
            }
        }
    })
}

/// As the authority is told it.
fn serial(certificate: &[u8]) -> String {
    use base64::Engine;
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).unwrap();
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(certificate.raw_serial())
}
