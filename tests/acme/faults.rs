//! Authorities that can't be reached, fail, or lie: the log says so in words, and everything else is served.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rcgen::{CertificateParams, CertificateSigningRequestParams, Issuer, KeyPair};
use serde_json::json as value;

use crate::authority::{Authority, json, text};
use crate::common::client::get;
use crate::common::program::{Program, onlookers};
use crate::pebble::{NAME, Place};

/// What the log says of the first order from the authority at `port`.
fn first_failure(place: &Place, port: u16) -> String {
    let [dir, ca] = ["acme", "root.pem"].map(|name| place.path(name).display().to_string());
    let mut command = onlookers();
    command.args(["--listen", "127.0.0.1:0", "--listen", "tls:127.0.0.1:0", "--acme", NAME, "--acme-agree"]);
    command.args([
        "--acme-dir",
        &dir,
        "--acme-ca",
        &ca,
        "--acme-directory",
        &format!("https://127.0.0.1:{port}/dir"),
    ]);
    let mut program = Program::spawn_logging(command, Stdio::piped());
    let mut lines = BufReader::new(program.log().unwrap()).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("no certificate was given")).expect("a line about it");
    assert_eq!(get(program.address, "/count/example.com.txt", &[]).text(), "0");
    assert!(line.contains("the next attempt is in 1m"), "{line}");
    line
}

#[test]
fn an_authority_that_cannot_be_asked_is_named_in_words() {
    let place = Place::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let line = first_failure(&place, closed);
    assert!(line.contains("can't be asked") && line.contains("refused"), "{line}");
    let fails = Authority::start(&place, |_, _, _| text(500, "<h1>Oops</h1>"));
    assert!(first_failure(&place, fails.port).contains("answers with 500"));
    let babbles = Authority::start(&place, |_, _, _| text(200, "hello"));
    assert!(first_failure(&place, babbles.port).contains("can't be understood"));
    let floods = Authority::start(&place, |_, _, _| text(200, &" ".repeat(1024 * 1024)));
    assert!(first_failure(&place, floods.port).contains("length limit exceeded"));
    let leads_away = Authority::start(&place, |_, _, _| {
        json(
            200,
            value!({"newNonce": "http://127.0.0.1/", "newAccount": "http://127.0.0.1/", "newOrder": "http://127.0.0.1/"}),
        )
    });
    assert!(first_failure(&place, leads_away.port).contains("isn't https"));
}

#[test]
fn an_authority_is_not_trusted_by_another_root() {
    let (place, other) = (Place::new(), Place::new());
    let authority = Authority::start(&other, |_, _, _| json(200, value!({})));
    let line = first_failure(&place, authority.port);
    assert!(line.contains("invalid peer certificate"), "{line}");
}

#[test]
fn a_certificate_that_is_not_the_one_ordered_is_refused() {
    let place = Place::new();
    let self_signed = |name: &str, year: i32| {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    };
    let other_key = self_signed(NAME, 2999);
    let authority = Authority::giving(&place, move |_| other_key.clone());
    assert!(first_failure(&place, authority.port).contains("the private key belongs to another certificate"));
    let authority = Authority::giving(&place, |_| "hello".to_owned());
    assert!(first_failure(&place, authority.port).contains("there is no certificate in it"));
    let authority = Authority::giving(&place, |request| {
        signed(request, |params| params.not_after = rcgen::date_time_ymd(2001, 1, 1))
    });
    assert!(first_failure(&place, authority.port).contains("has expired"));
    let authority = Authority::giving(&place, |request| {
        signed(request, |params| {
            params.subject_alt_names =
                CertificateParams::new(["other.example".to_owned()]).unwrap().subject_alt_names
        })
    });
    assert!(first_failure(&place, authority.port).contains("is for another name"));
}

/// The certificate that a request asks for, but for a change.
pub(crate) fn signed(request: &[u8], change: impl FnOnce(&mut CertificateParams)) -> String {
    let mut request = CertificateSigningRequestParams::from_der(&request.to_vec().into()).unwrap();
    request.params.not_after = rcgen::date_time_ymd(2999, 1, 1);
    change(&mut request.params);
    let issuer = Issuer::new(CertificateParams::default(), KeyPair::generate().unwrap());
    request.signed_by(&issuer).unwrap().pem()
}
