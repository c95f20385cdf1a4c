//! Accepts connections, for ever.

use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::app::App;
use crate::http;
use crate::net::address::{ClientNetwork, Peer};
use crate::net::connections::{ConnectionPermit, MOST_CLOSING, Phase};
use crate::net::open_files::{self, SpareFile};
use crate::net::tls::{Acceptor, TlsStream};
use crate::transport::{Answer, Loops, takeover};

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A socket that listens, and how its connections begin.
pub(super) struct Listening {
    pub(super) socket: TcpListener,
    /// None for plain HTTP.
    pub(super) tls: Option<Arc<Acceptor>>,
}

/// What connections are served with.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) app: Arc<App>,
    pub(super) loops: Arc<Loops>,
}

/// Accepts for ever. Connections that it spawned go on when it is stopped: a request that is on its way still gets its
/// response.
pub(super) async fn accept(Listening { socket, tls }: Listening, service: Service) {
    let (mut spare, app) = (SpareFile::new(), &service.app);
    loop {
        app.connections.wait_for_closing(MOST_CLOSING).await;
        match socket.accept().await {
            Ok((stream, peer)) => {
                spare.reopen();
                let peer = Peer { address: peer.ip(), is_tls: tls.is_some() };
                let permit = app.connections.open(app.settings().proxies.client(peer.address));
                match &tls {
                    None => drop(tokio::spawn(service.clone().serve(stream, peer, permit))),
                    Some(tls) => {
                        drop(tokio::spawn(service.clone().serve_tls(Arc::clone(tls), stream, peer, permit)));
                    }
                }
            }
            Err(error) if open_files::are_used_up(&error) && app.connections.close_one() => {
                app.connections.wait_for_closing(0).await;
            }
            Err(error) => spare.handle_accept_error(&socket, &error).await,
        }
    }
}

impl Service {
    /// Not async: such a function would keep its arguments twice.
    fn serve<S: takeover::Stream>(
        self,
        stream: S,
        peer: Peer,
        permit: ConnectionPermit,
    ) -> impl Future<Output = ()> + Send {
        let Self { app, loops } = self;
        let answer = move |request: Request<Incoming>, permit: &ConnectionPermit| -> Answer {
            http::answer(&app, &request.into_parts().0, peer, permit)
        };
        takeover::serve(stream, permit, answer, loops)
    }

    async fn serve_tls(
        self,
        tls: Arc<Acceptor>,
        stream: TcpStream,
        peer: Peer,
        mut permit: ConnectionPermit,
    ) {
        if let Some(stream) = shake_hands(&tls, stream, peer, &permit).await {
            drop(tls);
            permit.shook_hands();
            // Boxed, so that the task of a handshake hasn't room for it.
            Box::pin(self.serve(stream, peer, permit)).await;
        }
    }
}

/// The connection after its handshake; none if that fails, takes too long, or has to make room.
async fn shake_hands(
    tls: &Acceptor,
    stream: TcpStream,
    peer: Peer,
    permit: &ConnectionPermit,
) -> Option<TlsStream<TcpStream>> {
    let mut handshake =
        Box::pin(timeout(HANDSHAKE_TIMEOUT, tls.accept(stream, ClientNetwork::of(peer.address))));
    let done = std::future::poll_fn(|cx| match handshake.as_mut().poll(cx) {
        std::task::Poll::Pending => permit.poll_closed(Phase::Head, cx).map(|()| None),
        done => done.map(Some),
    });
    match done.await?.ok()? {
        Ok(stream) => permit.begin_answer().then_some(stream),
        Err(error) => {
            tracing::debug!(%error, "a handshake failed");
            None
        }
    }
}
