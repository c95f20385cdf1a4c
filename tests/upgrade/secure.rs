//! Streams over TLS 1.3 go on with their keys.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedCipherSuite};

use crate::common::client::Client;
use crate::common::tls::{self, Version};
use crate::common::view_of;
use crate::common::viewer::Viewer;
use crate::processes::{Processes, join};

const SUITES: [SupportedCipherSuite; 3] = [
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
];

/// A client that offers that suite alone.
fn client(suite: SupportedCipherSuite) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&tls::pair().chain).unwrap()).unwrap();
    let provider = CryptoProvider { cipher_suites: vec![suite], ..default_provider() };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    ClientConnection::new(Arc::new(config), "counter.example".try_into().unwrap()).unwrap()
}

#[test]
fn every_record_verifies_with_each_cipher_suite() {
    let mut server = Processes::start(&tls::listen(tls::pair()));
    let mut viewers: Vec<_> = SUITES
        .into_iter()
        .map(|suite| {
            let mut client = Client::connect_tls(server.address, client(suite));
            client.send(view_of("example.com"));
            Viewer::opened(client)
        })
        .collect();
    let all = viewers.len() as u64;
    viewers.iter_mut().for_each(|viewer| _ = viewer.wait_for(all));
    for upgrade in 1..=3 {
        server.upgrade();
        server.wait_for_end(upgrade - 1);
        for viewer in &mut viewers {
            assert_eq!(viewer.count(), all, "the first frame of the new process");
        }
        let newcomer = join(&server, Version::V1_3);
        viewers.iter_mut().for_each(|viewer| assert_eq!(viewer.count(), all + 1));
        drop(newcomer);
        viewers.iter_mut().for_each(|viewer| assert_eq!(viewer.count(), all));
    }
    // What the client says is read with the keys of before, too: its goodbye.
    let mut leaving = viewers.remove(0);
    leaving.client.half_close();
    viewers.iter_mut().for_each(|viewer| assert_eq!(viewer.count(), all - 1));
}
