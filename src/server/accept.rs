//! Accepts connections, for ever.

use std::mem;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use tokio::sync::watch;

use super::beginning::{OF_HANDSHAKES, begin};
use super::pass::{Forwarder, Passing};
use crate::app::App;
use crate::http;
use crate::metrics::{AcceptError, Costs, Failed, Metered};
use crate::net::address::{ClientNetwork, Peer};
use crate::net::connections::{ConnectionPermit, MOST_CLOSING};
use crate::net::listen::{Accepted, ListenSocket};
use crate::net::open_files::{self, SpareFile};
use crate::net::proxy_protocol::{self, Ends, Header};
use crate::net::stream::SocketStream;
use crate::net::tls::Acceptor;
use crate::net::tls::hello::{self, Hello};
use crate::transport::{Answer, Loops, takeover};

/// A socket that listens, and how its connections begin.
pub(super) struct Listening {
    pub(super) socket: Arc<ListenSocket>,
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

/// Accepts for ever, but not while `accepts` says that nobody is to be let in. Connections that it spawned go on when it is stopped: a
/// request that is on its way still gets its response.
pub(super) async fn accept(
    Listening { socket, proxy, protocol }: Listening,
    service: Service,
    mut accepts: watch::Receiver<bool>,
) {
    let (mut spare, app) = (SpareFile::new(), &service.app);
    loop {
        app.connections.wait_for_closing(MOST_CLOSING).await;
        wait_until(&mut accepts, true).await;
        let accepted = tokio::select! {
            biased;
            () = wait_until(&mut accepts, false) => continue,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok(Accepted { stream, peer, unread }) => {
                spare.reopen();
                app.metrics.accepted.count();
                let permit = app.connections.open(app.settings().proxies.client(peer.address));
                let (service, arrival) =
                    (service.clone(), Arrival { stream, unread, peer, ends: None, permit });
                match proxy {
                    true => service.meter(peer).start(service.read_header(protocol.clone(), arrival)),
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

/// Waits until connections are accepted, or until they aren't.
async fn wait_until(accepts: &mut watch::Receiver<bool>, wanted: bool) {
    if accepts.wait_for(|accepts| *accepts == wanted).await.is_err() {
        // The server ends, and this task with it.
        std::future::pending().await
    }
}

/// Has it noted what a connection costs.
struct Meter {
    costs: Arc<Costs>,
    client: Option<IpAddr>,
}

impl Meter {
    /// Starts a task of the connection.
    fn start(self, task: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(Metered::new(&self.costs, self.client, task)));
    }
}

impl Service {
    /// A connection works for its peer until a request says for which visitor. If the peer is a proxy, nobody has cost that.
    fn meter(&self, peer: Peer) -> Meter {
        let is_proxy = self.app.settings().proxies.trusts(peer);
        let client = (!is_proxy).then(|| ClientNetwork::of(peer.address).first_address());
        Meter { costs: Arc::clone(self.app.painter.costs()), client }
    }

    fn spawn(self, protocol: &Protocol, arrival: Arrival) {
        let meter = self.meter(arrival.peer);
        match protocol {
            Protocol::Http => meter.start(self.serve_plain(arrival, None)),
            Protocol::Redirect(port) => meter.start(self.serve_plain(arrival, Some(*port))),
            Protocol::Tls(tls) => meter.start(self.serve_tls(Arc::clone(tls), arrival)),
        }
    }

    fn serve_plain(self, arrival: Arrival, redirect: Option<u16>) -> impl Future<Output = ()> + Send {
        let Arrival { stream, unread, peer, permit, .. } = arrival;
        self.serve(stream, unread, peer, permit, redirect)
    }

    /// Begins with the header of a proxy. A connection of anybody else is closed.
    async fn read_header(self, protocol: Protocol, arrival: Arrival) {
        let Arrival { mut stream, unread, mut peer, mut permit, .. } = arrival;
        if !self.app.settings().proxies.trusts(peer) {
            self.app.metrics.fail(Some(Failed::Proxy));
            return tracing::debug!("a connection is closed: it needs a proxy that --trust-proxy names");
        }
        let header = begin(self.logged(peer), &permit, proxy_protocol::read(&mut stream, unread)).await;
        let header = header.map_err(|why| self.app.metrics.fail(why.reason([Failed::Proxy; 2])));
        let Ok(Header { ends, unread }) = header else { return };
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
        let failures = Arc::clone(&app);
        let answer = move |request: Request<Incoming>, permit: &ConnectionPermit| -> Answer {
            let parts = request.into_parts().0;
            redirect
                .and_then(|port| http::redirect(&app, &parts, peer, port))
                .unwrap_or_else(|| http::answer(&app, &parts, peer, permit))
        };
        let report = move |failed| failures.metrics.fail(Some(failed));
        takeover::serve(stream, unread, permit, (answer, report), loops)
    }

    async fn serve_tls(self, tls: Arc<TlsService>, mut arrival: Arrival) {
        if let Some(forwarder) = &tls.forwarder {
            let hello = hello::read(&mut arrival.stream, mem::take(&mut arrival.unread));
            let hello = begin(self.logged(arrival.peer), &arrival.permit, hello).await;
            let hello = hello.map_err(|why| self.app.metrics.fail(why.reason(OF_HANDSHAKES)));
            let Ok(Hello { bytes, name, is_challenge }) = hello else { return };
            arrival.unread = bytes;
            if let Some(target) = name.and_then(|name| forwarder.find(&name)) {
                let passing = self.passing(arrival, is_challenge);
                let failed = Box::pin(forwarder.pass(&self.app, passing, target)).await;
                return self.app.metrics.fail(failed);
            }
        }
        let Arrival { stream, unread, peer, mut permit, .. } = arrival;
        // What has written to a Unix socket may have passed on another's TLS as it came: then its requests are a visitor's.
        let peer = Peer { is_tls: true, is_local: false, ..peer };
        let client = ClientNetwork::of(peer.address);
        let shaken = begin(self.logged(peer), &permit, tls.acceptor.accept(stream, unread, client)).await;
        let metrics = &self.app.metrics;
        match &shaken {
            Ok(_) => metrics.handshakes.count(),
            Err(why) => {
                metrics.failed_handshakes.count();
                metrics.fail(why.reason(OF_HANDSHAKES));
            }
        }
        if let Ok(stream) = shaken
            && permit.begin_answer()
        {
            drop(tls);
            permit.shook_hands();
            // Boxed, so that the task of a handshake hasn't room for it.
            Box::pin(self.serve(stream, Vec::new(), peer, permit, None)).await;
        }
    }

    fn passing(&self, arrival: Arrival, is_challenge: bool) -> Passing {
        let Arrival { stream, unread, peer, ends, permit } = arrival;
        let client = self.app.settings().proxies.client(peer.address);
        Passing { stream, unread, ends, address: peer.address, client, is_challenge, permit }
    }

    /// The address for the log, if addresses are logged.
    fn logged(&self, peer: Peer) -> Option<IpAddr> {
        self.app.settings().logged(peer.address)
    }
}
