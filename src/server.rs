//! The server: accept, admit, drain.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use onlookers_rooms::Keys;
use tokio::sync::{Notify, mpsc, watch};

use crate::app::App;
use crate::certificates::CertificateFiles;
use crate::config::{Config, ConfigError};
use crate::feeds::Feeds;
use crate::logging::once_per_site::OncePerSite;
use crate::metrics::ServerMetrics;
use crate::net::capacity::Capacity;
use crate::net::connections::Connections;
use crate::net::listen::{Inherited, ListenSocket};
use crate::net::main_peer::MainPeer;
use crate::net::open_files;
use crate::net::quota::Quota;
use crate::net::remote::Agents;
use crate::net::system::{self, SystemLimits};
use crate::painting::{Painter, Pictures};
use crate::settings::Settings;
use crate::themes;
use crate::transport::{self, Loops};
use crate::upgrade::{Keeper, Order, Predecessor};
use accept::{Listening, Protocol, Service, TlsService};
pub use died::Died;
use nodes::Counting;
use pass::Forwarder;
pub use supervisor::tell_main;
use tls::Tls;
use upgrades::Upgrades;

mod accept;
mod beginning;
mod died;
mod limits;
mod listeners;
mod nodes;
mod pass;
mod run;
mod supervisor;
mod tls;
mod trim;
mod upgrades;

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
    admin: Option<Arc<ListenSocket>>,
    control: Option<Arc<ListenSocket>>,
    drain: Duration,
    linger: Duration,
    upgrades: Upgrades,
    order: mpsc::Sender<Order>,
    /// The process that this one takes over from.
    predecessor: Option<Predecessor>,
    /// The process that starts this one anew if it dies.
    keeper: Option<Keeper>,
}

/// Changes a running server.
#[derive(Clone)]
pub struct Control {
    app: Arc<App>,
    loops: Arc<Loops>,
    certificates: Option<Arc<CertificateFiles>>,
    /// Has failed orders of certificates tried again.
    orders: Option<Arc<Notify>>,
    order: mpsc::Sender<Order>,
}

impl Control {
    /// Starts the program anew, and gives the new process everything that can move; the log says what becomes of it. One that is on its way
    /// goes on.
    pub fn upgrade(&self) {
        let _ = self.order.try_send(None);
    }

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
        Self::bind_after(config, None, None)
    }

    /// The same with the listening sockets of the process before this one, if there is one, from which it takes over before it serves; or
    /// with those that the keeper has of one that died.
    ///
    /// # Errors
    /// Likewise.
    pub fn bind_after(
        config: &Config,
        mut predecessor: Option<Predecessor>,
        mut keeper: Option<Keeper>,
    ) -> io::Result<Self> {
        let files = open_files::raise_limit();
        let invalid = |error: ConfigError| io::Error::new(io::ErrorKind::InvalidInput, error);
        let counting = Counting::of(config).map_err(invalid)?;
        let tls = Tls::load(config, counting.stored()).map_err(invalid)?;
        let tls_clients = Quota::new(usize::MAX);
        let acceptor = tls
            .as_ref()
            .map(|tls| tls.acceptor(config.alpn, &tls_clients))
            .transpose()
            .map_err(io::Error::other)?
            .map(Arc::new);
        let mut none = Inherited::default();
        let inherited = match (&mut predecessor, &mut keeper) {
            (Some(predecessor), _) => predecessor.inherited(),
            (None, Some(keeper)) => keeper.inherited(),
            (None, None) => &mut none,
        };
        let sockets = listeners::bind(config, inherited)?;
        let admin = listeners::bind_admin(config, inherited)?;
        let control = listeners::bind_control(config, inherited)?;
        let loops = Loops::new(transport::Options {
            loops: config.fanout_threads.map_or_else(cores, usize::from),
            resend: config.repaint,
            write_timeout: config.write_timeout,
            ping: config.ping_every,
            sends: config.fanout_sends,
        })?;
        // Those that go on are counted as connections.
        let kept = keeper.as_ref().map_or(0, Keeper::connections) as u64;
        let files_in_use = open_files::in_use().saturating_sub(kept);
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
            tls_clients,
            capacity,
        });
        app.feeds.replace_titles(app.settings().titles());
        if predecessor.is_some() || keeper.as_ref().is_some_and(Keeper::has_served) {
            // Until all that is counted is known.
            app.feeds.hold();
        }
        loops.start(&app)?;
        let passes = listeners::passes(config).map_err(invalid)?;
        let with = tls.as_ref().zip(acceptor).map(|(tls, acceptor)| {
            let forwarder = passes.map(|passes| Forwarder::new(passes, Arc::clone(&tls.certificates), &app));
            Arc::new(TlsService { acceptor, forwarder })
        });
        let listeners = listeners::speak(sockets, with);
        let listening = listeners.iter().map(|listening| Arc::clone(&listening.socket));
        let sockets = listening.chain(admin.clone()).chain(control.clone()).collect();
        let (order, orders) = mpsc::channel(1);
        let upgrades = Upgrades { orders, sockets, accepts: watch::Sender::new(true), kept: None };
        Ok(Self {
            listeners,
            service: Service { app, loops: Arc::new(loops) },
            tls,
            counting,
            admin,
            control,
            drain: config.drain,
            linger: config.linger,
            upgrades,
            order,
            predecessor,
            keeper,
        })
    }

    /// A way to change the settings of this server while it runs.
    pub fn control(&self) -> Control {
        let tls = self.tls.as_ref();
        Control {
            app: Arc::clone(&self.service.app),
            loops: Arc::clone(&self.service.loops),
            certificates: tls.map(|tls| Arc::clone(&tls.files)),
            orders: tls.and_then(Tls::orders),
            order: self.order.clone(),
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
