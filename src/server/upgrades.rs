//! Upgrades, as the server carries them out: both processes' part.

use std::os::fd::AsFd;
use std::sync::Arc;

use onlookers_handover::Link;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, spawn_blocking};

use super::nodes::Joined;
use super::{Died, Service};
use crate::app::App;
use crate::net::listen::ListenSocket;
use crate::transport::Transfer;
use crate::upgrade::{self, Adopted, Old, Order, Predecessor, State, UpgradeError};

/// The orders to upgrade, and what an upgrade needs of the server.
pub(super) struct Upgrades {
    pub(super) orders: mpsc::Receiver<Order>,
    /// All sockets that listen.
    pub(super) sockets: Vec<Arc<ListenSocket>>,
    /// Whether connections are accepted.
    pub(super) accepts: watch::Sender<bool>,
}

/// The end of this process' time as the server.
pub(super) enum Handed {
    /// The connections that could move have moved.
    Over,
    /// The new process doesn't understand this one: it has the listening sockets alone.
    Listeners,
}

impl Upgrades {
    /// Starts the new process. It gets ready while this one serves.
    pub(super) fn start(&self) -> impl Future<Output = Result<Old, UpgradeError>> + use<> {
        let sockets = self.sockets.clone();
        let start = move || {
            if std::process::id() == 1 {
                return Err(UpgradeError::Own("it is process 1, and its container would end with it"));
            }
            let sockets: Vec<_> = sockets.iter().map(|socket| (socket.name(), socket.as_fd())).collect();
            Old::start(&sockets)
        };
        async { spawn_blocking(start).await.unwrap_or_else(|error| Err(panicked(&error))) }
    }

    /// Gives the new process everything that can move. If that fails, all is as before.
    ///
    /// # Errors
    /// [`UpgradeError`].
    pub(super) async fn hand_over(
        &self,
        old: Old,
        service: &Service,
        nodes: &mut Joined,
    ) -> Result<(Handed, u32), UpgradeError> {
        let Service { app, loops } = service;
        self.accepts.send_replace(false);
        app.feeds.hold();
        let (pid, handed) = (old.pid(), if old.is_understood() { Handed::Over } else { Handed::Listeners });
        let lease = nodes.hand_over().await;
        let state = State { keys: app.keys.daily(), peaks: upgrade::peaks(&app.rooms), lease: lease.clone() };
        let (from, with, older) = (Arc::clone(loops), Arc::clone(app), nodes.older());
        let given = spawn_blocking(move || {
            let transfers = if old.is_understood() { from.take_movable() } else { Vec::new() };
            give(old, (&state, &older), transfers, &with)
        });
        match given.await {
            Ok(Ok(link)) => {
                self.sockets.iter().for_each(|socket| socket.leave_file());
                super::supervisor::tell_main(pid);
                app.connections.leave();
                nodes.count_with(link, app).await;
                app.feeds.release();
                Ok((handed, pid))
            }
            Ok(Err((error, transfers))) => {
                loops.adopt(transfers);
                nodes.take_up(lease).await;
                app.feeds.release();
                self.accepts.send_replace(true);
                Err(error)
            }
            // Its connections have gone with the thread.
            Err(error) => {
                app.feeds.release();
                self.accepts.send_replace(true);
                Err(panicked(&error))
            }
        }
    }
}

/// Gives away the connections, which are this process' no more then; or returns them with the error.
fn give(
    mut old: Old,
    state: (&State, &[Arc<Link>]),
    transfers: Vec<Transfer>,
    app: &App,
) -> Result<Link, (UpgradeError, Vec<Transfer>)> {
    if old.is_understood()
        && let Err(error) = old.give(state, &transfers, app)
    {
        return Err((error, transfers));
    }
    match old.commit() {
        Ok(link) => Ok(link),
        Err(error) => Err((error, transfers)),
    }
}

/// Takes over from the process before this one, if there is one. Nothing is counted with others yet, and no loop has a connection of it.
///
/// # Errors
/// [`Died::Predecessor`].
pub(super) async fn take_over(predecessor: Option<Predecessor>, service: &Service) -> Result<Adopted, Died> {
    let Some(predecessor) = predecessor else { return Ok(Adopted::default()) };
    let app = Arc::clone(&service.app);
    let taken = spawn_blocking(move || predecessor.take_over(&app)).await;
    match taken {
        Ok(Ok(adopted)) => Ok(adopted),
        Ok(Err(error)) => {
            tracing::error!("{error}");
            Err(Died::Predecessor)
        }
        Err(error) => {
            tracing::error!("{}", panicked(&error));
            Err(Died::Predecessor)
        }
    }
}

/// Gives the event loops what was taken over, and publishes from when it is known what the old process still counts.
pub(super) async fn adopt(adopted: Adopted, service: &Service, nodes: &mut Joined) {
    let Service { app, loops } = service;
    let Adopted { transfers, state, links } = adopted;
    let Some(state) = state else { return app.feeds.release() };
    upgrade::raise(&app.rooms, &state.peaks);
    tracing::info!("{} connections are taken over", transfers.len());
    nodes.count_for(links).await;
    // With the right number each viewer's first frame of this process is made.
    let feeds = Arc::clone(app);
    let _ = spawn_blocking(move || feeds.feeds.refresh()).await;
    loops.adopt(transfers);
    app.feeds.release();
}

/// A thread of an upgrade has panicked, and the log has said so.
pub(super) fn panicked(error: &JoinError) -> UpgradeError {
    tracing::debug!(%error, "an upgrade has failed");
    UpgradeError::Own("a thread of the upgrade has died")
}
