//! Connections of `tls:` listeners that are for another server: they go there as they are, and come from there.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::app::App;
use crate::net::address::ClientNetwork;
use crate::net::capacity::{Capacity, Permit};
use crate::net::connections::ConnectionPermit;
use crate::net::listen;
use crate::net::proxy_protocol::{self, Ends};
use crate::net::quota::{Quota, QuotaPermit};
use crate::net::sni_pass::{Passes, Target, TargetPlace};
use crate::net::stream::SocketStream;
use crate::net::tls::Certificates;

/// How long it may take to reach the other server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Passes connections on.
pub(super) struct Forwarder {
    passes: Passes,
    certificates: Arc<Certificates>,
    capacity: Arc<Capacity>,
    /// How many there may be. Each takes two connections, which count as those of viewers do: none is closed for a newcomer.
    places: Semaphore,
    of_client: Arc<Quota<ClientNetwork>>,
}

/// A connection for another server.
pub(super) struct Passing {
    pub(super) stream: SocketStream,
    /// What was read from it already.
    pub(super) unread: Vec<u8>,
    /// The ends of it that a proxy has named.
    pub(super) ends: Option<Ends>,
    /// None if many clients may come from its peer.
    pub(super) client: Option<ClientNetwork>,
    pub(super) permit: ConnectionPermit,
}

/// The right to pass a connection on; dropping it returns it.
struct Place<'f> {
    _place: SemaphorePermit<'f>,
    _of_client: Option<QuotaPermit<ClientNetwork>>,
    _connections: [Permit; 2],
}

impl Forwarder {
    pub(super) fn new(passes: Passes, certificates: Arc<Certificates>, app: &App) -> Self {
        let limits = app.connections.limits();
        Self {
            passes,
            certificates,
            capacity: Arc::clone(&app.capacity),
            places: Semaphore::new((limits.total / 8).max(1)),
            of_client: Quota::new(limits.per_client),
        }
    }

    /// Where connections for `name` go; none if they stay here. Names of the server's certificates stay, unless they are written out.
    pub(super) fn find(&self, name: &str) -> Option<&Target> {
        self.passes.find(name, || self.certificates.have(name))
    }

    /// Passes a connection on until both ends have ended it.
    pub(super) async fn pass(&self, passing: Passing, target: &Target) {
        let Passing { stream, unread, ends, client, permit } = passing;
        let Some(_place) = self.place(client) else {
            return tracing::warn!("a connection for {} is closed: there are too many", target.place);
        };
        // It may have been told to close meanwhile.
        if !permit.begin_answer() {
            return;
        }
        permit.become_viewer();
        if let Err(error) = copy(stream, unread, ends, target).await {
            tracing::debug!(%error, "a connection for {} ended", target.place);
        }
    }

    fn place(&self, client: Option<ClientNetwork>) -> Option<Place<'_>> {
        let _of_client = match client {
            Some(client) => Some(self.of_client.acquire(client)?),
            None => None,
        };
        let _place = self.places.try_acquire().ok()?;
        let _connections = [self.capacity.acquire_alone().ok()?, self.capacity.acquire_alone().ok()?];
        Some(Place { _place, _of_client, _connections })
    }
}

async fn copy(
    mut stream: SocketStream,
    unread: Vec<u8>,
    ends: Option<Ends>,
    target: &Target,
) -> io::Result<()> {
    let mut other = match timeout(CONNECT_TIMEOUT, connect(&target.place)).await.map_err(io::Error::from) {
        Ok(Ok(other)) => other,
        Ok(Err(error)) | Err(error) => {
            tracing::warn!("can't reach {}: {error}", target.place);
            return Ok(());
        }
    };
    if target.proxy {
        other.write_all(&proxy_protocol::header(ends.or_else(|| stream.ends()))).await?;
    }
    other.write_all(&unread).await?;
    drop(unread);
    copy_bidirectional(&mut stream, &mut other).await.map(drop)
}

async fn connect(place: &TargetPlace) -> io::Result<SocketStream> {
    match place {
        TargetPlace::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            SockRef::from(&stream).set_tcp_keepalive(&listen::KEEPALIVE)?;
            Ok(SocketStream::Tcp(stream))
        }
        TargetPlace::Unix(path) => UnixStream::connect(path).await.map(SocketStream::Unix),
    }
}
