//! Handshakes.

use std::io;
use std::sync::Arc;

use clap::ValueEnum;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::server::{Acceptor as HelloReader, ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::LazyConfigAcceptor;

use super::{Certificates, RecordReader, TlsStream};
use crate::net::address::ClientNetwork;
use crate::net::challenges::{self, Challenges};
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
    /// For a certificate authority that looks whether a name leads here. It is refused unless a challenge is pending.
    challenge: Arc<ServerConfig>,
    challenges: Arc<Challenges>,
    alpn: Alpn,
    clients: TlsClients,
}

/// The connections of each client, from accept to their end.
pub(crate) type TlsClients = Arc<Quota<ClientNetwork>>;

/// One of a client's connections.
pub(crate) type Held = QuotaPermit<ClientNetwork>;

impl Acceptor {
    /// # Errors
    /// rustls', if there is no randomness to be had.
    pub(crate) fn new(
        certificates: Arc<Certificates>,
        challenges: Arc<Challenges>,
        alpn: Alpn,
        clients: TlsClients,
    ) -> Result<Self, Error> {
        let http1 = config(certificates, HTTP_1)?;
        let mut http2 = http1.clone();
        http2.alpn_protocols.insert(0, HTTP_2.to_vec());
        let mut challenge = config(Arc::<Challenges>::clone(&challenges), challenges::PROTOCOL)?;
        challenge.send_tls13_tickets = 0;
        let [http1, http2, challenge] = [http1, http2, challenge].map(Arc::new);
        Ok(Self { http1, http2, challenge, challenges, alpn, clients })
    }

    /// A connection of `client` after its handshake. The bytes in `unread` were read from it already.
    ///
    /// # Errors
    /// The stream's, or rustls', if its peer does anything else; also if it was there for a challenge alone.
    pub(crate) async fn accept<S>(
        &self,
        stream: S,
        unread: Vec<u8>,
        client: ClientNetwork,
    ) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let others = self.clients.times_held(&client);
        let records = RecordReader::new(stream, unread, self.clients.acquire(client));
        let hello = LazyConfigAcceptor::new(HelloReader::default(), records).await?;
        if speaks(&hello.client_hello(), challenges::PROTOCOL) {
            let name = hello.client_hello().server_name().map(str::to_owned);
            hello.into_stream(self.of_challenge(name).await).await?.shutdown().await?;
            return Err(io::Error::other("it was a certificate authority, and its challenge was answered"));
        }
        let config = if self.offers_http2(&hello.client_hello(), others) { &self.http2 } else { &self.http1 };
        let mut stream = hello.into_stream(Arc::clone(config)).await?;
        stream.get_mut().0.allow_any();
        Ok(stream)
    }

    /// The configuration for an authority that asks for `name`. The challenge may be another node's.
    async fn of_challenge(&self, name: Option<String>) -> Arc<ServerConfig> {
        let asked = name.and_then(|name| self.challenges.ask_others_for(&name));
        let found = match asked {
            Some(asked) => asked.await,
            None => None,
        };
        let Some(found) = found else { return Arc::clone(&self.challenge) };
        let mut config = ServerConfig::clone(&self.challenge);
        config.cert_resolver = Arc::new(SingleCertAndKey::from(CertifiedKey::clone(&found)));
        Arc::new(config)
    }

    fn offers_http2(&self, hello: &ClientHello<'_>, others: usize) -> bool {
        match self.alpn {
            Alpn::Http1 => false,
            Alpn::H2 => true,
            Alpn::Auto => others >= MOST_HTTP_1 || speaks(hello, HTTP_2) && !speaks(hello, HTTP_1),
        }
    }
}

fn speaks(hello: &ClientHello<'_>, protocol: &[u8]) -> bool {
    hello.alpn().is_some_and(|mut offered| offered.any(|it| it == protocol))
}

/// TLS 1.2 and 1.3, without data before the handshake is over (`max_early_data_size` is 0), and with sessions kept by clients.
fn config(certificates: Arc<dyn ResolvesServerCert>, protocol: &[u8]) -> Result<ServerConfig, Error> {
    let mut provider = default_provider();
    // The cheapest first, of which none is weak, whatever a client would rather have: AES with 128 bits.
    provider.cipher_suites.sort_by_key(|suite| !format!("{:?}", suite.suite()).contains("AES_128"));
    let builder = ServerConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?.with_no_client_auth();
    let mut config = builder.with_cert_resolver(certificates);
    config.alpn_protocols = vec![protocol.to_vec()];
    config.ignore_client_order = true;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Ticketer::new()?;
    // A client needs one for each connection that it opens at once, and asks for more with each.
    config.send_tls13_tickets = 1;
    // An event loop takes the connection over.
    config.enable_secret_extraction = true;
    Ok(config)
}
