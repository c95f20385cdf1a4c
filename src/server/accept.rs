//! Accepts connections, for ever.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use tokio::time::timeout;
use tracing::field::display;

use super::pass::{Forwarder, Passing};
use crate::app::App;
use crate::http;
use crate::metrics::AcceptError;
use crate::net::address::{ClientNetwork, Peer};
use crate::net::connections::{ConnectionPermit, MOST_CLOSING, Phase};
use crate::net::listen::{Accepted, ListenSocket};
use crate::net::open_files::{self, SpareFile};
use crate::net::proxy_protocol::{self, Ends, Header};
use crate::net::stream::SocketStream;
use crate::net::tls::Acceptor;
use crate::net::tls::hello::{self, Hello};
use crate::transport::{Answer, Loops, takeover};

/// How long a connection may take for each thing that comes before its first request.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A socket that listens, and how its connections begin.
pub(super) struct Listening {
    pub(super) socket: ListenSocket,
    /// Whether connections begin with a header of the PROXY protocol.
    pub(super) proxy: bool,
    pub(super) protocol: Protocol,
}

/// What connections speak.
#[derive(Clone)]
pub(super) enum Protocol {
    Http,
    Tls(Arc<TlsService>),
    /// HTTP, where each answer leads to https on that port.
    Redirect(u16),
}

/// What connections with TLS are served with.
pub(super) struct TlsService {
    pub(super) acceptor: Arc<Acceptor>,
    /// If some of them are for other servers.
    pub(super) forwarder: Option<Forwarder>,
}

/// What connections are served with.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) app: Arc<App>,
    pub(super) loops: Arc<Loops>,
}

/// A connection that hasn't spoken HTTP yet.
struct Arrival {
    stream: SocketStream,
    /// What was read from it already.
    unread: Vec<u8>,
    peer: Peer,
    /// Its ends, if a proxy has named them.
    ends: Option<Ends>,
    permit: ConnectionPermit,
}

/// Accepts for ever. Connections that it spawned go on when it is stopped: a request that is on its way still gets its
/// response.
pub(super) async fn accept(Listening { socket, proxy, protocol }: Listening, service: Service) {
    let (mut spare, app) = (SpareFile::new(), &service.app);
    loop {
        app.connections.wait_for_closing(MOST_CLOSING).await;
        match socket.accept().await {
            Ok(Accepted { stream, peer, unread }) => {
                spare.reopen();
                app.metrics.accepted.count();
                let permit = app.connections.open(app.settings().proxies.client(peer.address));
                let (service, arrival) =
                    (service.clone(), Arrival { stream, unread, peer, ends: None, permit });
                match proxy {
                    true => drop(tokio::spawn(service.read_header(protocol.clone(), arrival))),
                    false => service.spawn(&protocol, arrival),
                }
            }
            Err(error) if open_files::are_used_up(&error) && app.connections.close_one() => {
                app.connections.wait_for_closing(0).await;
            }
            Err(error) => {
                let is_of_files = open_files::are_used_up(&error);
                let reason = if is_of_files { AcceptError::Files } else { AcceptError::Other };
                app.metrics.accept_errors.of(reason).count();
                spare.handle_accept_error(&socket, &error).await;
            }
        }
    }
}

impl Service {
    fn spawn(self, protocol: &Protocol, arrival: Arrival) {
        match protocol {
            Protocol::Http => self.spawn_plain(arrival, None),
            Protocol::Redirect(port) => self.spawn_plain(arrival, Some(*port)),
            Protocol::Tls(tls) => drop(tokio::spawn(self.serve_tls(Arc::clone(tls), arrival))),
        }
    }

    fn spawn_plain(self, arrival: Arrival, redirect: Option<u16>) {
        let Arrival { stream, unread, peer, permit, .. } = arrival;
        drop(tokio::spawn(self.serve(stream, unread, peer, permit, redirect)));
    }

    /// Begins with the header of a proxy. A connection of anybody else is closed.
    async fn read_header(self, protocol: Protocol, arrival: Arrival) {
        let Arrival { mut stream, unread, mut peer, mut permit, .. } = arrival;
        if !self.app.settings().proxies.trusts(peer) {
            return tracing::debug!("a connection is closed: it needs a proxy that --trust-proxy names");
        }
        let header = self.begin(peer, &permit, proxy_protocol::read(&mut stream, unread)).await;
        let Some(Header { ends, unread }) = header else { return };
        if let Some([client, _]) = ends {
            peer = Peer::at(client.ip().to_canonical());
            permit.set_peer(self.app.settings().proxies.client(peer.address));
        }
        self.spawn(&protocol, Arrival { stream, unread, peer, ends, permit });
    }

    /// Not async: such a function would keep its arguments twice.
    fn serve<S: takeover::Stream>(
        self,
        stream: S,
        unread: Vec<u8>,
        peer: Peer,
        permit: ConnectionPermit,
        redirect: Option<u16>,
    ) -> impl Future<Output = ()> + Send {
        let Self { app, loops } = self;
        let answer = move |request: Request<Incoming>, permit: &ConnectionPermit| -> Answer {
            let parts = request.into_parts().0;
            redirect
                .and_then(|port| http::redirect(&parts, port))
                .unwrap_or_else(|| http::answer(&app, &parts, peer, permit))
        };
        takeover::serve(stream, unread, permit, answer, loops)
    }

    async fn serve_tls(self, tls: Arc<TlsService>, mut arrival: Arrival) {
        if let Some(forwarder) = &tls.forwarder {
            let hello = hello::read(&mut arrival.stream, mem::take(&mut arrival.unread));
            let Some(Hello { bytes, name }) = self.begin(arrival.peer, &arrival.permit, hello).await else {
                return;
            };
            arrival.unread = bytes;
            if let Some(target) = name.and_then(|name| forwarder.find(&name)) {
                let passing = self.passing(arrival);
                return Box::pin(forwarder.pass(passing, target)).await;
            }
        }
        let Arrival { stream, unread, peer, mut permit, .. } = arrival;
        // What has written to a Unix socket may have passed on another's TLS as it came: then its requests are a visitor's.
        let peer = Peer { is_tls: true, is_local: false, ..peer };
        let client = ClientNetwork::of(peer.address);
        let shaken = self.begin(peer, &permit, tls.acceptor.accept(stream, unread, client)).await;
        let metrics = &self.app.metrics;
        if shaken.is_some() {
            metrics.handshakes.count()
        } else {
            metrics.failed_handshakes.count()
        }
        if let Some(stream) = shaken
            && permit.begin_answer()
        {
            drop(tls);
            permit.shook_hands();
            // Boxed, so that the task of a handshake hasn't room for it.
            Box::pin(self.serve(stream, Vec::new(), peer, permit, None)).await;
        }
    }

    fn passing(&self, arrival: Arrival) -> Passing {
        let Arrival { stream, unread, peer, ends, permit } = arrival;
        let client = self.app.settings().proxies.client(peer.address);
        Passing { stream, unread, ends, client, permit }
    }

    /// What a connection begins with; none if that fails or takes too long, or the connection has to make room.
    async fn begin<T>(
        &self,
        peer: Peer,
        permit: &ConnectionPermit,
        beginning: impl Future<Output = io::Result<T>>,
    ) -> Option<T> {
        let mut beginning = Box::pin(timeout(HANDSHAKE_TIMEOUT, beginning));
        let done = poll_fn(|cx| match beginning.as_mut().poll(cx) {
            Poll::Pending => permit.poll_closed(Phase::Head, cx).map(|()| None),
            done => done.map(Some),
        });
        let done = done.await?.ok()?;
        let log = |error: &io::Error| {
            let address = self.app.settings().logged(peer.address).map(display);
            tracing::debug!(%error, address, "a connection failed before its first request");
        };
        done.inspect_err(log).ok()
    }
}
