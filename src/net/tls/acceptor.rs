//! Handshakes.

use std::io;
use std::sync::Arc;

use clap::ValueEnum;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::server::{Acceptor as HelloReader, ClientHello, NoServerSessionStorage};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::LazyConfigAcceptor;

use super::{Certificates, RecordReader, TlsStream};
use crate::net::address::ClientNetwork;
use crate::net::quota::{Quota, QuotaPermit};

const HTTP_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";

/// How many connections a client has before it is offered HTTP/2. Browsers choose that whenever it is offered, and open six
/// connections at most without it: so the first tabs are on connections that can be taken over, and any number of others
/// share one.
const MOST_HTTP_1: usize = 3;

/// The protocols that are offered to clients.
#[derive(ValueEnum, Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Alpn {
    /// HTTP/1.1 to a client with fewer than three connections, and from then on HTTP/2, too
    #[default]
    Auto,
    /// HTTP/1.1 alone
    #[value(name = "http/1.1")]
    Http1,
    /// HTTP/2, and HTTP/1.1 to clients that don't speak it
    H2,
}

/// Shakes hands with the clients of all listeners.
pub(crate) struct Acceptor {
    http1: Arc<ServerConfig>,
    http2: Arc<ServerConfig>,
    alpn: Alpn,
    /// The connections of each client, from accept to their end.
    clients: Arc<Quota<ClientNetwork>>,
}

/// One of a client's connections.
pub(crate) type Held = QuotaPermit<ClientNetwork>;

impl Acceptor {
    /// # Errors
    /// rustls', if there is no randomness to be had.
    pub(crate) fn new(certificates: &Arc<Certificates>, alpn: Alpn) -> Result<Self, Error> {
        let http1 = config(certificates)?;
        let mut http2 = http1.clone();
        http2.alpn_protocols.insert(0, HTTP_2.to_vec());
        Ok(Self { http1: Arc::new(http1), http2: Arc::new(http2), alpn, clients: Quota::new(usize::MAX) })
    }

    /// A connection of `client` after its handshake.
    ///
    /// # Errors
    /// The stream's, or rustls', if its peer does anything else.
    pub(crate) async fn accept<S>(&self, stream: S, client: ClientNetwork) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let others = self.clients.times_held(&client);
        let records = RecordReader::new(stream, self.clients.acquire(client));
        let hello = LazyConfigAcceptor::new(HelloReader::default(), records).await?;
        let config = if self.offers_http2(&hello.client_hello(), others) { &self.http2 } else { &self.http1 };
        let mut stream = hello.into_stream(Arc::clone(config)).await?;
        stream.get_mut().0.allow_any();
        Ok(stream)
    }

    fn offers_http2(&self, hello: &ClientHello<'_>, others: usize) -> bool {
        let speaks = |protocol| hello.alpn().is_some_and(|mut offered| offered.any(|it| it == protocol));
        match self.alpn {
            Alpn::Http1 => false,
            Alpn::H2 => true,
            Alpn::Auto => others >= MOST_HTTP_1 || speaks(HTTP_2) && !speaks(HTTP_1),
        }
    }
}

/// TLS 1.2 and 1.3, without data before the handshake is over (`max_early_data_size` is 0), and with sessions kept by clients.
fn config(certificates: &Arc<Certificates>) -> Result<ServerConfig, Error> {
    let mut provider = default_provider();
    // The cheapest first, of which none is weak, whatever a client would rather have: AES with 128 bits.
    provider.cipher_suites.sort_by_key(|suite| !format!("{:?}", suite.suite()).contains("AES_128"));
    let builder = ServerConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?.with_no_client_auth();
    let mut config = builder.with_cert_resolver(Arc::clone(certificates) as _);
    config.alpn_protocols = vec![HTTP_1.to_vec()];
    config.ignore_client_order = true;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Ticketer::new()?;
    // A client needs one for each connection that it opens at once, and asks for more with each.
    config.send_tls13_tickets = 1;
    // An event loop takes the connection over.
    config.enable_secret_extraction = true;
    Ok(config)
}
