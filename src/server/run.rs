//! A server that runs: until it is told to stop, or has handed over to another process.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, JoinSet};

use super::accept::accept;
use super::nodes::Joined;
use super::tls::Tls;
use super::upgrades::{self, Handed, Upgrades};
use super::{Died, Server, Service, supervisor, trim};
use crate::admin::{self, Admin};
use crate::app::App;
use crate::net::listen::ListenSocket;
use crate::transport::Loops;
use crate::upgrade::{self, Old, Order, UpgradeError};

/// What goes on beside the connections, until it is dropped.
struct Services {
    accepting: JoinSet<()>,
    /// Operators see the end, too.
    _admin: JoinSet<()>,
    _control: JoinSet<()>,
    _renewing: Option<JoinSet<()>>,
    _noting: JoinSet<()>,
}

/// The new process of an upgrade, which gets ready, and who wants to know what becomes of it.
type Starting = (JoinHandle<Result<Old, UpgradeError>>, Order);

/// Why a server ends.
#[derive(PartialEq, Eq)]
enum End {
    Stopped,
    /// Another process serves.
    HandedOver,
}

impl Server {
    /// Serves until `shutdown` is ready, or another process has taken over and the last connection has gone; then ends every stream in order.
    ///
    /// # Errors
    /// [`Died`], if that was the reason to end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Died> {
        let Self { listeners, service, tls, counting, admin, control, mut upgrades, .. } = self;
        let tls = Tls::ready(tls).await;
        let mut adopted = upgrades::take_over(self.predecessor, &service).await?;
        upgrades.sockets.iter().for_each(|socket| socket.own_file());
        upgrades::keep(self.keeper, &mut adopted, &service, &mut upgrades).await;
        let staying = upgrades::staying(&adopted).await;
        let mut nodes = counting.join(&service.app.keys, adopted.lease(), staying).await;
        upgrades::adopt(adopted, &service, &mut nodes).await;

        let mut services = Services {
            accepting: JoinSet::new(),
            _admin: serve_admin(admin, &service, tls.as_ref()),
            _control: JoinSet::new(),
            _renewing: tls.map(Tls::renew),
            _noting: JoinSet::new(),
        };
        let noting = upgrades::note_state(upgrades.kept.clone(), Arc::clone(&service.app), nodes.lease());
        services._noting.spawn(noting);
        for listening in listeners {
            services.accepting.spawn(accept(listening, service.clone(), upgrades.accepts.subscribe()));
        }
        if let Some(socket) = control {
            services._control.spawn(upgrade::serve(socket, self.order));
        }
        supervisor::tell_ready();
        let mut shutdown = pin!(shutdown);
        let done = serve(&service, &mut services, &mut upgrades, &mut nodes, shutdown.as_mut()).await;
        if let (Err(_), Some(_)) = (&done, &upgrades.kept) {
            // Without another word to any client or node, or removing a file: the next process goes on with all of them, as the same node.
            std::mem::forget((service, upgrades, nodes));
            return done.map(drop);
        }
        let Service { app, loops } = service;
        // Without waiting for them: the runtime's threads may all be painting for longer than the streams may take to end.
        services.accepting.abort_all();
        if done == Ok(End::HandedOver) {
            drop((services, upgrades));
            if linger(&app, &loops, self.linger, shutdown).await {
                nodes.leave().await;
                return Ok(());
            }
        } else {
            supervisor::tell_stopping();
            if let Some((_, keeper)) = &upgrades.kept {
                keeper.stopped();
            }
        }
        app.begin_to_stop();
        stop(app, loops, nodes, self.drain).await;
        done.map(drop)
    }
}

/// Serves, and upgrades when it is ordered to.
async fn serve(
    service: &Service,
    services: &mut Services,
    upgrades: &mut Upgrades,
    nodes: &mut Joined,
    mut shutdown: Pin<&mut impl Future<Output = ()>>,
) -> Result<End, Died> {
    let Service { app, loops } = service;
    let mut starting: Option<Starting> = None;
    loop {
        let (started, order) = tokio::select! {
            () = shutdown.as_mut() => return Ok(End::Stopped),
            never = supervisor::watch(loops) => match never {},
            never = trim::after_bursts(&app.connections) => match never {},
            died = death(&mut services.accepting, loops, nodes) => {
                tracing::error!("{died}");
                return Err(died);
            }
            Some(order) = upgrades.orders.recv(), if starting.is_none() => {
                starting = Some((tokio::spawn(upgrades.start()), order));
                continue;
            }
            started = ended(&mut starting) => started,
        };
        let handed = match started {
            Ok(old) => upgrades.hand_over(old, service, nodes).await,
            Err(error) => Err(error),
        };
        match handed {
            Ok((Handed::Over, pid)) => {
                tracing::info!("process {pid} has taken over");
                tell(order, Ok(pid)).await;
                return Ok(End::HandedOver);
            }
            Ok((Handed::Listeners, pid)) => {
                tracing::warn!(
                    "process {pid} is of a version that can't take connections over: they end, and their browsers come back"
                );
                tell(order, Ok(pid)).await;
                return Ok(End::Stopped);
            }
            Err(error) => {
                tracing::error!("there is no upgrade, and this process goes on: {error}");
                tell(order, Err(error.to_string())).await;
            }
        }
    }
}

/// Waits until the new process is ready, or can't be started, if there is one.
async fn ended(starting: &mut Option<Starting>) -> (Result<Old, UpgradeError>, Order) {
    let Some((task, _)) = starting else { return std::future::pending().await };
    let started = task.await.unwrap_or_else(|error| Err(upgrades::panicked(&error)));
    (started, starting.take().and_then(|(_, order)| order))
}

async fn tell(order: Order, outcome: upgrade::Outcome) {
    if let Some(asker) = order {
        asker.tell(outcome).await;
    }
}

/// Stays for the connections that couldn't move. True if all have gone.
async fn linger(
    app: &App,
    loops: &Loops,
    within: Duration,
    shutdown: Pin<&mut impl Future<Output = ()>>,
) -> bool {
    loops.go_away();
    tokio::select! {
        all_left = upgrade::wait_until_left(app, within) => {
            match all_left {
                true => tracing::info!("the last connection of this process has gone"),
                false => tracing::info!("the connections that couldn't move end: they have had the time of --linger"),
            }
            all_left
        }
        () = shutdown => false,
        () = loops.wait_for_death() => {
            tracing::error!("{}", Died::EventLoop);
            false
        }
    }
}

/// Ends every connection in order.
async fn stop(app: Arc<App>, loops: Arc<Loops>, nodes: Joined, drain: Duration) {
    tracing::info!("stopping: the open streams get their last picture");
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
}

/// Answers operators until the result is dropped.
fn serve_admin(socket: Option<Arc<ListenSocket>>, service: &Service, tls: Option<&Tls>) -> JoinSet<()> {
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
pub(super) async fn death(accepting: &mut JoinSet<()>, loops: &Loops, nodes: &mut Joined) -> Died {
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
