//! What each viewer speaks, and asks for.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::TLS13;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::common::page::opening;
use crate::common::tls;
use crate::common::unbroken::Kind;
use crate::common::{request, view_of};

/// A connection, with TLS or without.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// Speaks TLS 1.3 alone.
pub(super) fn connector() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&tls::pair().chain).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_protocol_versions(&[&TLS13]).unwrap().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

pub(super) fn kind_of(number: usize) -> Kind {
    match number % 10 {
        0 | 3 | 6 => Kind::WebSocket,
        1 => Kind::Events,
        _ => Kind::Pictures,
    }
}

/// Whether it reads little, with TLS or without.
pub(super) fn is_slow(number: usize) -> bool {
    number % 10 == 9
}

pub(super) fn is_tls(number: usize) -> bool {
    (number + number / 10).is_multiple_of(2)
}

pub(super) fn asked(kind: Kind) -> String {
    match kind {
        Kind::Pictures => view_of("example.com"),
        Kind::Events => request("GET /events/example.com HTTP/1.1", &["Origin: https://example.com"]),
        Kind::WebSocket => opening("/ws/example.com", "example.com", &[]),
    }
}
