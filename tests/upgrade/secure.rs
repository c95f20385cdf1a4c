//! Streams over TLS 1.3 go on with their keys.

use std::net::SocketAddr;
use std::sync::Arc;

use onlookers_picture::{StyleBuilder, Themes, Value, render};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedCipherSuite};
use socket2::SockRef;

use crate::common::client::Client;
use crate::common::parts::BETWEEN;
use crate::common::tls::{self, Version};
use crate::common::viewer::Viewer;
use crate::common::{request, view_of};
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

/// A label that makes large pictures, in a style of some 8 KB each.
const LABEL: &str = "QGSR&@%8965320CBDOPagesqdbpßäöüéèàçñåæøœQGSR&@%8965320CBDOPagesq";
const SCALE: &str = "4";

/// How many bytes a viewer that reads nothing can be sent: the buffers of both sides.
const MOST_IN_FLIGHT: usize = 128 * 1024;

fn picture_of(count: u64) -> Vec<u8> {
    let mut style = StyleBuilder::default();
    for (name, value) in [("label", LABEL), ("scale", SCALE)] {
        assert_eq!(style.take(name, value), Ok(true));
    }
    render(&style.build(&Themes::default()).unwrap(), Value::Count(count)).encode().to_vec()
}

fn asking() -> String {
    let line = format!("GET /online.png?u=1&scale={SCALE} HTTP/1.1");
    request(&line, &["Referer: https://example.com/"])
}

fn join_large(address: SocketAddr) -> Viewer {
    let mut client = Client::connect(address);
    client.send(asking());
    Viewer::opened(client)
}

/// Nothing is read of the answer.
fn stall(address: SocketAddr, tls: Option<ClientConnection>) -> Client {
    let mut client = Client::connect(address);
    client.tls = tls.map(Box::new);
    client.shake_hands();
    // Not before: a handshake takes long with little room.
    SockRef::from(&client.socket).set_recv_buffer_size(2048).unwrap();
    client.send(asking());
    client
}

/// Lets `reader` read until any viewer that has read nothing must be stalled. Returns the number of pictures.
fn read_a_lot(reader: &mut Viewer) -> usize {
    let (mut bytes, mut pictures) = (0, 0);
    while bytes < 2 * MOST_IN_FLIGHT {
        bytes += reader.picture().len() + BETWEEN.len();
        pictures += 1;
    }
    pictures
}

#[test]
fn a_stream_that_stalls_in_the_middle_of_a_frame_goes_on_exactly_there() {
    let more = ["--listen", "127.0.0.1:0", "--repaint", "100ms", "--label", LABEL];
    let mut server = Processes::start(&[&tls::listen(tls::pair())[..], &more].concat());
    let mut clients = vec![stall(server.plain(), None)];
    clients.extend(SUITES.map(|suite| stall(server.address, Some(client(suite)))));
    let all = clients.len() as u64 + 1;
    let mut fast = join_large(server.plain());
    fast.wait_for_picture(&picture_of(all));
    let mut sent = read_a_lot(&mut fast);
    for upgrade in 1..=3 {
        server.upgrade();
        server.wait_for_end(upgrade - 1);
        // Not many: one that takes nothing for 30 s is dropped.
        for _ in 0..2 {
            fast.picture();
            sent += 1;
        }
    }
    let late = join_large(server.plain());
    fast.wait_for_picture(&picture_of(all + 1));
    let known: Vec<_> = (1..=all + 1).map(picture_of).collect();
    for client in &clients {
        // There is room again.
        SockRef::from(&client.socket).set_recv_buffer_size(1 << 20).unwrap();
    }
    let mut slow: Vec<_> = clients.into_iter().map(Viewer::opened).collect();
    for viewer in &mut slow {
        let mut read = 0;
        // Each part is whole, from the one of which a part had been sent before the upgrades to the newest.
        while let picture = viewer.picture()
            && picture != picture_of(all + 1)
        {
            assert!(known.contains(&picture), "a picture of {} bytes after {read}", picture.len());
            read += 1;
            assert!(read < sent, "of {sent} it has skipped none, though it had no room for them");
        }
    }
    drop(late);
    slow.iter_mut().for_each(|viewer| _ = viewer.wait_for_picture(&picture_of(all)));
}
