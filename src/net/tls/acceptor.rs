//! Handshakes.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::server::{Acceptor as HelloReader, NoServerSessionStorage};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::LazyConfigAcceptor;

use super::{Certificates, RecordReader, TlsStream};

/// The protocols that are offered.
const HTTP_1: &[u8] = b"http/1.1";

/// Shakes hands with the clients of a listener.
pub(crate) struct Acceptor {
    http1: Arc<ServerConfig>,
}

impl Acceptor {
    /// # Errors
    /// rustls', if there is no randomness to be had.
    pub(crate) fn new(certificates: &Arc<Certificates>) -> Result<Self, Error> {
        Ok(Self { http1: Arc::new(config(certificates, &[HTTP_1])?) })
    }

    /// A connection after its handshake.
    ///
    /// # Errors
    /// The stream's, or rustls', if its peer does anything else.
    pub(crate) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let hello = LazyConfigAcceptor::new(HelloReader::default(), RecordReader::new(stream)).await?;
        hello.into_stream(Arc::clone(&self.http1)).await
    }
}

/// TLS 1.2 and 1.3, without data before the handshake is over (`max_early_data_size` is 0), and with sessions kept by clients.
fn config(certificates: &Arc<Certificates>, protocols: &[&[u8]]) -> Result<ServerConfig, Error> {
    let mut provider = default_provider();
    // The cheapest first, of which none is weak, whatever a client would rather have: AES with 128 bits.
    provider.cipher_suites.sort_by_key(|suite| !format!("{:?}", suite.suite()).contains("AES_128"));
    let builder = ServerConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?.with_no_client_auth();
    let mut config = builder.with_cert_resolver(Arc::clone(certificates) as _);
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.ignore_client_order = true;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Ticketer::new()?;
    // A client needs one for each connection that it opens at once, and asks for more with each.
    config.send_tls13_tickets = 1;
    // An event loop takes the connection over.
    config.enable_secret_extraction = true;
    Ok(config)
}
