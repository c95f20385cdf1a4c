//! Certificates from pebble.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::common::client::get;
use crate::common::server::TestServer;
use crate::network::in_network_of_its_own;
use crate::pebble::{HTTP, NAME, Options, Pebble, Place, TLS, answer_dns};
use crate::secure::{connect, leaf, wait_for};

const HTTP_1: &[u8] = b"http/1.1";
const CHALLENGE: &[u8] = b"acme-tls/1";

#[test]
fn a_certificate_comes_into_an_empty_folder() {
    in_network_of_its_own("orders::a_certificate_comes_into_an_empty_folder", || {
        answer_dns();
        let place = Place::new();
        let server = place.server(Pebble::PORT);
        // The authority isn't there yet. Plain HTTP is served, and TLS is refused.
        assert_eq!(get(HTTP, "/count/example.com.txt", &[]).text(), "0");
        assert!(connect(TLS, NAME, HTTP_1, &place.root).is_err());
        assert!(connect(TLS, NAME, CHALLENGE, &place.root).is_err());
        let pebble =
            Pebble::start(&place, &Options { refused_nonces: 20, longest_wait: 2, ..Options::default() });
        let root = pebble.root(&place);
        let first = wait_for("there is no certificate", 6, || connect(TLS, NAME, HTTP_1, &root).ok());
        assert!(connect(TLS, NAME, CHALLENGE, &root).is_err(), "no challenge is pending");
        let file = place.certificate(Pebble::PORT);
        for (path, mode) in
            [(&*file, 0o600), (&file.with_file_name("account.json"), 0o600), (file.parent().unwrap(), 0o700)]
        {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, mode, "{path:?}");
        }

        // After a restart it is there at once, and the authority isn't needed.
        drop((server, pebble));
        let server = place.server(Pebble::PORT);
        let again = connect(TLS, NAME, HTTP_1, &root).unwrap();
        assert_eq!(leaf(&again), leaf(&first));
        drop(server);

        // A file that can't be read is replaced, even if the authority has lost the account.
        fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA").unwrap();
        let pebble = Pebble::start(&place, &Options::default());
        let _server = place.server(Pebble::PORT);
        let root = pebble.root(&place);
        wait_for("it isn't replaced", 3, || connect(TLS, NAME, HTTP_1, &root).ok());
        assert!(fs::read_to_string(&file).unwrap().contains("PRIVATE KEY"));
    });
}

/// As behind a proxy that terminates TLS.
#[test]
fn where_port_443_leads_elsewhere_port_80_is_enough() {
    in_network_of_its_own("orders::where_port_443_leads_elsewhere_port_80_is_enough", || {
        answer_dns();
        let place = Place::new();
        let pebble = Pebble::start(&place, &Options { tls_port: 444, ..Options::default() });
        let _server = place.server(Pebble::PORT);
        let root = pebble.root(&place);
        wait_for("there is no certificate", 3, || connect(TLS, NAME, HTTP_1, &root).ok());
        assert_eq!(get(HTTP, "/.well-known/acme-challenge/token", &[]).status, 404);
    });
}

#[test]
fn where_port_80_leads_elsewhere_port_443_is_enough() {
    in_network_of_its_own("orders::where_port_80_leads_elsewhere_port_443_is_enough", || {
        answer_dns();
        let place = Place::new();
        let pebble = Pebble::start(&place, &Options::default());
        let listen = [format!("tls:{TLS}"), "127.0.0.1:0".to_owned()];
        let _server = TestServer::with(place.config(&listen, "acme", Pebble::PORT, &[]));
        let root = pebble.root(&place);
        wait_for("there is no certificate", 3, || connect(TLS, NAME, HTTP_1, &root).ok());
    });
}
