//! The server: accept, admit, drain.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::app::App;
use crate::circle::Circles;
use crate::config::Config;
use crate::delivery::takeover::{self, Taken};
use crate::delivery::websocket::{Opened, Switchboard};
use crate::delivery::{Fanout, FanoutOptions, Newcomer};
use crate::feed::Feeds;
use crate::http::{self, Opening, Purpose, Ticket};
use crate::net::capacity::Capacity;
use crate::net::listen;
use crate::net::open_files::{self, SpareFile};
use crate::pictures::Pictures;
use crate::room::{Keys, Limits, Rooms};
use crate::settings::Settings;
use crate::themes;

/// How many bytes of encoded pictures are kept.
const PICTURES_BYTES: usize = 4 * 1024 * 1024;

/// How long the viewers may take to get the last picture and close.
const DRAIN: Duration = Duration::from_secs(3);

/// A server that listens, and hasn't begun to serve.
pub struct Server {
    listeners: Vec<TcpListener>,
    app: Arc<App>,
    fanout: Arc<Fanout>,
    switchboard: Arc<Switchboard>,
}

/// Changes a running server.
#[derive(Clone)]
pub struct Control(Arc<App>);

impl Control {
    /// Puts those settings of `config` into force that can change while the server runs: all but where it listens, how it
    /// writes, and how many it holds. Who is in stays in; no stream is dropped.
    pub fn reload(&self, config: &Config) {
        self.0.replace_settings(Settings::new(config));
    }
}

impl Server {
    /// Listens where `config` says. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system's, if an address can't be had or no thread started.
    pub fn bind(config: &Config) -> io::Result<Self> {
        let files = open_files::raise_limit();
        let fanout = Fanout::start(FanoutOptions {
            threads: config.fanout_threads.map_or_else(cores, usize::from),
            repaint: config.repaint.0,
            write_timeout: config.write_timeout,
            sends: config.fanout_sends,
        })?;
        let most = config.max_viewers.map_or(open_files::viewers_within(files), usize::from);
        let pictures = Arc::new(Pictures::new(PICTURES_BYTES));
        let app = App {
            settings: RwLock::new(Arc::new(Settings::new(config))),
            rooms: Rooms::new(Limits {
                sites: config.max_sites.get(),
                pages_per_site: config.max_pages_per_site.get(),
            }),
            keys: Keys::new()?,
            feeds: Feeds::new(Arc::clone(&pictures), Arc::clone(&fanout)),
            circles: Circles::new(),
            pictures,
            themes: themes::load(config.themes.as_deref(), &config.font).map_err(io::Error::other)?,
            capacity: Capacity::new(most, config.max_per_address.map(usize::from)),
        };
        let listeners = config.listen.iter().map(|address| bind_one(*address)).collect::<io::Result<_>>()?;
        let app = Arc::new(app);
        let switchboard = Arc::new(Switchboard::start(Arc::clone(&app), config.ping_every)?);
        Ok(Self { listeners, app, fanout, switchboard })
    }

    /// A way to change the settings of this server while it runs.
    pub fn control(&self) -> Control {
        Control(Arc::clone(&self.app))
    }

    /// The addresses it listens on, in the order of the configuration.
    ///
    /// # Errors
    /// The system's.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// Serves until `shutdown` is ready, then ends every stream the orderly way.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listeners, app, fanout, switchboard } = self;
        let mut accepting = JoinSet::new();
        for listener in listeners {
            let ways = Ways { fanout: Arc::clone(&fanout), switchboard: Arc::clone(&switchboard) };
            accepting.spawn(accept(listener, Arc::clone(&app), ways));
        }
        shutdown.await;
        tracing::info!("stopping: the open streams get their last picture");
        accepting.shutdown().await;
        let pictures = tokio::task::spawn_blocking(move || fanout.end(DRAIN));
        let sockets = tokio::task::spawn_blocking(move || switchboard.end(DRAIN));
        if let Err(error) = pictures.await.and(sockets.await) {
            tracing::error!(%error, "the streams were not ended in order");
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    listen::tcp(address)
        .map_err(|error| io::Error::new(error.kind(), format!("can't listen on {address}: {error}")))
}

/// Where sockets go whose request was judged.
#[derive(Clone)]
struct Ways {
    fanout: Arc<Fanout>,
    switchboard: Arc<Switchboard>,
}

/// Accepts for ever. What it spawned goes on when it is stopped: a request already on its way still gets its answer.
async fn accept(listener: TcpListener, app: Arc<App>, ways: Ways) {
    let mut spare = SpareFile::new();
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                spare.reopen();
                let (app, ways, peer) = (Arc::clone(&app), ways.clone(), peer.ip());
                let answer = move |request: Request<_>| http::answer(&app, &request.into_parts().0, peer);
                tokio::spawn(takeover::serve(socket, answer, move |taken| hand_over(taken, &ways)));
            }
            Err(error) => spare.handle_accept_error(&listener, &error).await,
        }
    }
}

/// Without an await: what a task holds over one is in memory for each connection that is yet to ask.
fn hand_over(Taken { socket, purpose, behind }: Taken<Purpose>, ways: &Ways) {
    match purpose {
        Purpose::View(Ticket { opening, feed, presence, permit, hangs_up_late }) => {
            let junk = behind.len();
            ways.fanout.admit(Newcomer { socket, opening, feed, presence, permit, hangs_up_late, junk });
        }
        Purpose::Talk(opening) => {
            let Opening { key, guest } = *opening;
            ways.switchboard.admit(Opened { socket, behind, key, guest });
        }
        Purpose::Head(head) => drop(tokio::spawn(send_head(socket, head))),
    }
}

/// Answers HEAD: the head that a stream has, to the byte, and the end.
async fn send_head(socket: std::net::TcpStream, head: Bytes) {
    use tokio::io::AsyncWriteExt;
    let Ok(mut socket) = TcpStream::from_std(socket) else { return };
    if let Err(error) = async {
        socket.write_all(&head).await?;
        socket.shutdown().await
    }
    .await
    {
        tracing::debug!(%error, "a HEAD went unanswered");
    }
}
