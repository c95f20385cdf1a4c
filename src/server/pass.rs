//! Connections of `tls:` listeners that are for another server: they go there as they are, and come from there.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf, copy, split};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::app::App;
use crate::metrics::Failed;
use crate::net::address::ClientNetwork;
use crate::net::capacity::{Capacity, Permit};
use crate::net::connections::ConnectionPermit;
use crate::net::proxy_protocol::{self, Ends};
use crate::net::quota::{Quota, QuotaPermit};
use crate::net::sni_pass::{Passes, Target, TargetPlace};
use crate::net::stream::SocketStream;
use crate::net::tls::Certificates;

/// How long it may take to reach the other server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the rest may take to come once one end has ended its side.
const HALF_CLOSED: Duration = Duration::from_mins(10);

/// As servers usually have it: a peer that reads nothing for a while is there still.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);

/// The kernel's send buffers, in bytes: what is passed on may be a download.
const SEND_BUFFER: usize = 256 * 1024;

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
    pub(super) address: IpAddr,
    /// None if many clients may come from its peer.
    pub(super) client: Option<ClientNetwork>,
    /// Whether it is a certificate authority's, by what it says.
    pub(super) is_challenge: bool,
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

    /// Passes a connection on until both ends have ended it, or its client is denied. Returns why it was closed, if it was.
    pub(super) async fn pass(&self, app: &App, passing: Passing, target: &Target) -> Option<Failed> {
        let (address, is_challenge) = (passing.address, passing.is_challenge);
        tokio::select! {
            biased;
            // The other server's certificate hangs on challenges, as on those that are answered here.
            () = app.wait_for_denial(address), if !is_challenge => Some(Failed::Denied),
            closed = self.pass_to(passing, target) => closed,
        }
    }

    async fn pass_to(&self, passing: Passing, target: &Target) -> Option<Failed> {
        let Passing { stream, unread, ends, client, permit, .. } = passing;
        let Some(_place) = self.place(client) else {
            tracing::warn!("a connection for {} is closed: there are too many", target.place);
            return Some(Failed::Passed);
        };
        // It may have been told to close meanwhile.
        if !permit.begin_answer() {
            return None;
        }
        permit.become_viewer();
        if let Err(error) = forward(stream, unread, ends, target).await {
            tracing::debug!(%error, "a connection for {} ended", target.place);
        }
        None
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

async fn forward(
    stream: SocketStream,
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
    if let SocketStream::Tcp(stream) = &stream {
        set_options(stream)?;
    }
    if target.proxy {
        other.write_all(&proxy_protocol::header(ends.or_else(|| stream.ends()))).await?;
    }
    timeout(HALF_CLOSED, other.write_all(&unread)).await??;
    drop(unread);
    copy_both(stream, other).await
}

/// Copies both ways until both ends have ended their sides, or one has for long.
async fn copy_both(stream: SocketStream, other: SocketStream) -> io::Result<()> {
    let ((mut from, mut to), (mut other_from, mut other_to)) = (split(stream), split(other));
    let mut there = pin!(pass_on(&mut from, &mut other_to));
    let mut back = pin!(pass_on(&mut other_from, &mut to));
    tokio::select! {
        ended = &mut there => {
            ended?;
            timeout(HALF_CLOSED, back).await?
        }
        ended = &mut back => {
            ended?;
            timeout(HALF_CLOSED, there).await?
        }
    }
}

/// Copies until the end, and passes that on.
async fn pass_on(from: &mut ReadHalf<SocketStream>, to: &mut WriteHalf<SocketStream>) -> io::Result<()> {
    copy(from, to).await?;
    to.shutdown().await
}

/// The options of a connection that isn't a viewer's, in place of those of one that is.
fn set_options(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(None)?;
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    socket.set_send_buffer_size(SEND_BUFFER)
}

async fn connect(place: &TargetPlace) -> io::Result<SocketStream> {
    match place {
        TargetPlace::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            SockRef::from(&stream).set_tcp_keepalive(&KEEPALIVE)?;
            Ok(SocketStream::Tcp(stream))
        }
        TargetPlace::Unix(path) => UnixStream::connect(path).await.map(SocketStream::Unix),
    }
}
