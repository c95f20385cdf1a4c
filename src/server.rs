//! The server: accept, admit, drain.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use onlookers_rooms::Keys;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::admin::{self, Admin};
use crate::app::App;
use crate::certificates::CertificateFiles;
use crate::config::{Config, ConfigError};
use crate::feeds::Feeds;
use crate::logging::once_per_site::OncePerSite;
use crate::metrics::ServerMetrics;
use crate::net::capacity::Capacity;
use crate::net::connections::Connections;
use crate::net::listen::ListenSocket;
use crate::net::main_peer::MainPeer;
use crate::net::open_files;
use crate::net::remote::Agents;
use crate::net::system::{self, SystemLimits};
use crate::painting::{Painter, Pictures};
use crate::settings::Settings;
use crate::themes;
use crate::transport::{self, Loops};
use accept::{Listening, Protocol, Service, TlsService, accept};
pub use died::Died;
use nodes::{Counting, Joined};
use pass::Forwarder;
use tls::Tls;

mod accept;
mod beginning;
mod died;
mod limits;
mod listeners;
mod nodes;
mod pass;
mod supervisor;
mod tls;
mod trim;

/// How many bytes of encoded pictures are kept.
const PICTURES_BYTES: usize = 2 * 1024 * 1024;

/// Reads the files that `config` names, as [`Server::bind`] does, to see whether they are fine.
///
/// # Errors
/// [`ConfigError::Setting`].
pub fn check(config: &Config) -> Result<(), ConfigError> {
    Tls::check(config)?;
    nodes::check(config)?;
    listeners::passes(config)?;
    themes::load(config.themes.as_deref(), &config.font).map(drop)
}

/// A server that listens, and hasn't begun to serve.
pub struct Server {
    listeners: Vec<Listening>,
    service: Service,
    tls: Option<Tls>,
    counting: Counting,
    admin: Option<ListenSocket>,
    drain: Duration,
}

/// Changes a running server.
#[derive(Clone)]
pub struct Control {
    app: Arc<App>,
    loops: Arc<Loops>,
    certificates: Option<Arc<CertificateFiles>>,
    /// Has failed orders of certificates tried again.
    orders: Option<Arc<Notify>>,
}

impl Control {
    /// Puts those settings of `config` into force that can change while the server runs: all but where it listens, how it
    /// writes, and how many it holds. Streams stay open, except for those that are denied now.
    pub fn reload(&self, config: &Config) {
        self.app.replace_settings(settings(config));
        self.loops.deny(&self.app.settings().denied);
        if let Some(certificates) = &self.certificates {
            certificates.reload(&config.tls_files);
        }
        if let Some(orders) = &self.orders {
            orders.notify_one();
        }
    }
}

impl Server {
    /// Listens where `config` says. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system's, if an address can't be had or no thread started; a [`ConfigError`] in an [`io::Error`], if a file that
    /// `config` names can't be taken.
    pub fn bind(config: &Config) -> io::Result<Self> {
        let files = open_files::raise_limit();
        let invalid = |error: ConfigError| io::Error::new(io::ErrorKind::InvalidInput, error);
        let counting = Counting::of(config).map_err(invalid)?;
        let tls = Tls::load(config, counting.stored()).map_err(invalid)?;
        let acceptor = tls
            .as_ref()
            .map(|tls| tls.acceptor(config.alpn))
            .transpose()
            .map_err(io::Error::other)?
            .map(Arc::new);
        let sockets = listeners::bind(config)?;
        let admin = listeners::bind_admin(config)?;
        let loops = Loops::new(transport::Options {
            loops: config.fanout_threads.map_or_else(cores, usize::from),
            resend: config.repaint,
            write_timeout: config.write_timeout,
            ping: config.ping_every,
            sends: config.fanout_sends,
        })?;
        let files_in_use = open_files::in_use();
        let (capacity, connections) =
            limits::of(config, SystemLimits { files, files_in_use, memory: system::memory() });
        let capacity = Capacity::new(capacity);
        // One core is left to everything that must not wait for painting.
        let painter = Arc::new(Painter::start(cores().saturating_sub(1).max(1))?);
        let pictures = Arc::new(Pictures::new(PICTURES_BYTES));
        let app = Arc::new(App {
            settings: RwLock::new(Arc::new(settings(config))),
            replaced: Notify::new(),
            rooms: counting.rooms(),
            requested: counting.requested(),
            keys: Arc::new(Keys::new()?),
            feeds: Feeds::new(Arc::clone(&painter), Arc::clone(&pictures), loops.publisher()),
            painter,
            pictures,
            themes: themes::load(config.themes.as_deref(), &config.font)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
            connections: Connections::new(Arc::clone(&capacity), connections),
            challenges: tls.as_ref().map(|tls| Arc::clone(&tls.challenges)).unwrap_or_default(),
            main_peer: MainPeer::default(),
            sites_without_pages: OncePerSite::default(),
            metrics: ServerMetrics::default(),
            agents: config.knows_clients.then(Agents::new),
            is_stopping: AtomicBool::new(false),
            capacity,
        });
        app.feeds.replace_titles(app.settings().titles());
        loops.start(&app)?;
        let passes = listeners::passes(config).map_err(invalid)?;
        let with = tls.as_ref().zip(acceptor).map(|(tls, acceptor)| {
            let forwarder = passes.map(|passes| Forwarder::new(passes, Arc::clone(&tls.certificates), &app));
            Arc::new(TlsService { acceptor, forwarder })
        });
        let listeners = listeners::speak(sockets, with);
        let service = Service { app, loops: Arc::new(loops) };
        Ok(Self { listeners, service, tls, counting, admin, drain: config.drain })
    }

    /// A way to change the settings of this server while it runs.
    pub fn control(&self) -> Control {
        let tls = self.tls.as_ref();
        Control {
            app: Arc::clone(&self.service.app),
            loops: Arc::clone(&self.service.loops),
            certificates: tls.map(|tls| Arc::clone(&tls.files)),
            orders: tls.and_then(Tls::orders),
        }
    }

    /// The addresses of its TCP sockets, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listening| listening.socket.address()).collect()
    }

    /// Where it listens, in the same order: the URLs of its pages, as `https://127.0.0.1:9192/`; other places as the configuration
    /// has them.
    pub fn places(&self) -> Vec<String> {
        let place = |Listening { socket, protocol, .. }: &Listening| match (protocol, socket.address()) {
            (Protocol::Http, Some(address)) => format!("http://{address}/"),
            (Protocol::Tls(_), Some(address)) => format!("https://{address}/"),
            (Protocol::Http, None) => socket.to_string(),
            (Protocol::Tls(_), None) => format!("tls:{socket}"),
            (Protocol::Redirect(_), _) => format!("redirect:{socket}"),
        };
        self.listeners.iter().map(place).collect()
    }

    /// Where operators ask, as a URL or as the configuration has it; none without `--admin`.
    pub fn admin_place(&self) -> Option<String> {
        let socket = self.admin.as_ref()?;
        Some(socket.address().map_or_else(|| socket.to_string(), |address| format!("http://{address}/")))
    }

    /// Serves until `shutdown` is ready, then ends every stream in order.
    ///
    /// # Errors
    /// [`Died`], if that was the reason to end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Died> {
        let Self { listeners, service, tls, counting, admin, drain } = self;
        let (mut nodes, tls) = (counting.join(&service.app.keys).await, Tls::ready(tls).await);
        // Ended when this is dropped: operators see the end, too.
        let _admin = serve_admin(admin, &service, tls.as_ref());
        let mut accepting = JoinSet::new();
        for listening in listeners {
            accepting.spawn(accept(listening, service.clone()));
        }
        // Dropped at the end, and so ended.
        let _renewing = tls.map(Tls::renew);
        let Service { app, loops } = service;
        supervisor::tell_ready();
        let done = tokio::select! {
            () = shutdown => Ok(()),
            never = supervisor::watch(&loops) => match never {},
            never = trim::after_bursts(&app.connections) => match never {},
            died = death(&mut accepting, &loops, &mut nodes) => Err(died).inspect_err(|died| tracing::error!("{died}")),
        };
        app.begin_to_stop();
        supervisor::tell_stopping();
        tracing::info!("stopping: the open streams get their last picture");
        // Without waiting for them: the runtime's threads may all be painting for longer than the streams may take to end.
        accepting.abort_all();
        let leaving = tokio::spawn(nodes.leave());
        // On a thread of its own: those of the runtime may be busy with names that aren't resolved.
        let (tell, ended) = tokio::sync::oneshot::channel();
        let ending = std::thread::Builder::new().name("end".to_owned());
        let spawned = ending.spawn(move || {
            end(&app, &loops, drain);
            let _ = tell.send(());
        });
        if spawned.is_err() || ended.await.is_err() {
            tracing::error!("the streams were not ended in order");
        }
        let _ = leaving.await;
        done
    }
}

/// Answers operators until the result is dropped.
fn serve_admin(socket: Option<ListenSocket>, service: &Service, tls: Option<&Tls>) -> JoinSet<()> {
    let mut serving = JoinSet::new();
    if let Some(socket) = socket {
        let Service { app, loops } = service.clone();
        let certificates = tls.map(|tls| Arc::clone(&tls.certificates));
        let admin = Arc::new(Admin::new(app, loops, certificates));
        serving.spawn(admin::serve(socket, admin));
    }
    serving
}

/// Waits until something has ended that goes on for as long as the server does.
async fn death(accepting: &mut JoinSet<()>, loops: &Loops, nodes: &mut Joined) -> Died {
    tokio::select! {
        Some(_) = accepting.join_next() => Died::Accept,
        () = loops.wait_for_death() => Died::EventLoop,
        () = nodes.wait_for_death() => Died::Nodes,
    }
}

/// Ends every connection, `within` at most. The last pictures are painted here, so that no event loop paints.
fn end(app: &App, loops: &Loops, within: Duration) {
    let deadline = Instant::now() + within;
    app.feeds.end(Instant::now() + within / 2);
    loops.end(deadline.saturating_duration_since(Instant::now()));
}

/// The settings that may change, with a warning for each that can't be meant so.
fn settings(config: &Config) -> Settings {
    config.reloadable.warnings().into_iter().for_each(|warning| tracing::warn!("{warning}"));
    config.settings()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests;
