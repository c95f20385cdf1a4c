//! TLS up to the point where a connection speaks HTTP: rustls' configuration, handshakes, and the certificates in force.

pub use acceptor::Alpn;
pub(crate) use acceptor::{Acceptor, Held, TlsClients};
pub(crate) use certificates::{Certificate, CertificateError, Certificates};
pub(crate) use records::RecordReader;

mod acceptor;
mod certificates;
pub(crate) mod hello;
mod records;

/// A connection after its handshake. It has read no further than rustls has got.
pub(crate) type TlsStream<S> = tokio_rustls::server::TlsStream<RecordReader<S>>;
