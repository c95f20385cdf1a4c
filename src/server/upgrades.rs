//! Upgrades, as the server carries them out: both processes' part.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use onlookers_handover::Link;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, spawn_blocking};

use super::nodes::Joined;
use super::{Died, Service};
use crate::app::App;
use crate::net::listen::ListenSocket;
use crate::nodes::{Lease, Staying};
use crate::transport::{Book, Loops, Transfer};
use crate::upgrade::{
    self, Adopted, Keeper, KeeperLink, Old, Order, Predecessor, State, Unanswered, UpgradeError,
};

/// How often the keeper is told the keys and the peaks.
const STATE: Duration = Duration::from_secs(30);

/// How long the old process may take to say what stays with it.
const TO_SAY: Duration = Duration::from_secs(2);

/// How long the last line of a process may take to be written.
const TO_LOG: Duration = Duration::from_millis(50);

/// The orders to upgrade, and what an upgrade needs of the server.
pub(super) struct Upgrades {
    pub(super) orders: mpsc::Receiver<Order>,
    /// All sockets that listen.
    pub(super) sockets: Vec<Arc<ListenSocket>>,
    /// Whether connections are accepted.
    pub(super) accepts: watch::Sender<bool>,
    /// With `--keep`.
    pub(super) kept: Option<(Book, KeeperLink)>,
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
        let (sockets, kept) = (self.sockets.clone(), self.kept.clone());
        let start = move || {
            if std::process::id() == 1 {
                return Err(UpgradeError::Own("it is process 1, and its container would end with it"));
            }
            if let Some((book, keeper)) = kept {
                // One that doesn't answer is replaced before anything waits for it.
                let _ = keeper.sync(&book.keeper);
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
        let says_what_stays = nodes.lease().is_some();
        let lease = nodes.hand_over().await;
        let (keys, peaks) = (app.keys.daily(), upgrade::peaks(&app.rooms));
        let state = State { keys, peaks, lease: lease.clone(), says_what_stays };
        let (from, with, older, kept) =
            (Arc::clone(loops), Arc::clone(app), nodes.older(), self.kept.clone());
        let given = spawn_blocking(move || {
            kept.iter().for_each(|(_, keeper)| keeper.hold());
            let transfers = if old.is_understood() { from.take_movable() } else { Vec::new() };
            give(old, (&state, &older), kept.as_ref(), transfers, &with)
        });
        match given.await {
            Ok(Ok(link)) => {
                self.sockets.iter().for_each(|socket| socket.leave_file());
                // With a keeper, that stays the main process.
                if self.kept.is_none() {
                    super::supervisor::tell_main(pid);
                }
                app.connections.leave();
                match handed {
                    Handed::Over => nodes.count_with(link, app).await,
                    // That counts under a name of its own, as it has got none.
                    Handed::Listeners => nodes.take_up(lease).await,
                }
                app.feeds.release();
                Ok((handed, pid))
            }
            Ok(Err((error, transfers))) => {
                self.keep_on(loops);
                loops.adopt(transfers);
                nodes.take_up(lease).await;
                app.feeds.release();
                self.accepts.send_replace(true);
                Err(error)
            }
            // Its connections have gone with the thread.
            Err(error) => {
                self.keep_on(loops);
                nodes.take_up(lease).await;
                app.feeds.release();
                self.accepts.send_replace(true);
                Err(panicked(&error))
            }
        }
    }

    /// Has connections kept again, after an upgrade that has failed.
    fn keep_on(&self, loops: &Loops) {
        if let Some((book, keeper)) = &self.kept {
            keeper.release(&book.keeper);
            loops.enter_in(book);
        }
    }
}

/// Gives away the connections, which are this process' no more then; or returns them with the error.
fn give(
    mut old: Old,
    state: (&State, &[Arc<Link>]),
    kept: Option<&(Book, KeeperLink)>,
    transfers: Vec<Transfer>,
    app: &App,
) -> Result<Link, (UpgradeError, Vec<Transfer>)> {
    let kept = match kept.map(|(book, keeper)| keeper.sync(&book.keeper)) {
        Some(Ok(true)) => kept,
        // One that has died keeps nothing, and so has no say.
        Some(Ok(false)) | None => None,
        Some(Err(Unanswered)) => return Err((UpgradeError::Own("the keeper doesn't answer"), transfers)),
    };
    if old.is_understood()
        && let Err(error) = old.give(state, kept, &transfers, app)
    {
        return Err((error, transfers));
    }
    match old.commit() {
        Ok(link) => {
            transfers.into_iter().for_each(Transfer::hand_over);
            Ok(link)
        }
        Err(error) if kept.is_some_and(|(book, keeper)| !matches!(keeper.sync(&book.keeper), Ok(false))) => {
            // Perhaps the keeper has heard that everything belongs to the new process, which is no more: then it starts another one. If this
            // one went on, too, connections would have two owners.
            tracing::error!(
                "the upgrade has failed at its last step, and the keeper starts a server that goes on: {error}"
            );
            std::process::exit(1);
        }
        Err(error) => Err((error, transfers)),
    }
}

/// Has the keeper keep what this server has, if there is one, and takes over what a server has left that died.
pub(super) async fn keep(
    keeper: Option<Keeper>,
    adopted: &mut Adopted,
    service: &Service,
    upgrades: &mut Upgrades,
) {
    let Some(mut keeper) = adopted.keeper.take().or(keeper) else { return };
    let Service { app, loops } = service;
    let mut left = keeper.take_state();
    if let Some(state) = &mut left {
        app.keys.restore(&state.keys);
        state.lease = state.lease.as_ref().map(Lease::after_death);
    }
    let (with, sockets, mut transfers) =
        (service.clone(), upgrades.sockets.clone(), std::mem::take(&mut adopted.transfers));
    let begun = spawn_blocking(move || {
        let begun = keeper.begin((&with.app, &with.loops), &mut transfers, &sockets);
        if let (Some(state), Ok((_, link))) = (&left, &begun) {
            // Before anything is published: if this process dies, too, the next one begins after it.
            link.note_state(state);
        }
        (begun, transfers, left)
    });
    match begun.await {
        Ok((begun, transfers, left)) => {
            adopted.transfers = transfers;
            adopted.state = left.or(adopted.state.take());
            match begun {
                Ok((book, link)) => {
                    loops.enter_in(&book);
                    end_on_panic_of_loops();
                    upgrades.kept = Some((book, link));
                }
                Err(error) => tracing::error!("nothing is kept if this process dies: {error}"),
            }
        }
        Err(error) => tracing::error!("{}", panicked(&error)),
    }
}

/// Has a panic in an event loop end the process at once: the next one goes on with the loop's connections, which would end with its thread.
fn end_on_panic_of_loops() {
    let log = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        log(panic);
        if std::thread::current().name().is_some_and(Loops::is_thread) {
            std::thread::sleep(TO_LOG);
            std::process::exit(1);
        }
    }));
}

/// Has the keeper know what the next server needs besides connections, from time to time.
pub(super) async fn note_state(kept: Option<(Book, KeeperLink)>, app: Arc<App>, lease: Option<Lease>) {
    let Some((_, link)) = kept else { return };
    loop {
        let (keys, peaks) = (app.keys.daily(), upgrade::peaks(&app.rooms));
        let state = State { keys, peaks, lease: lease.clone(), says_what_stays: false };
        let link = link.clone();
        let _ = spawn_blocking(move || link.note_state(&state)).await;
        tokio::time::sleep(STATE).await;
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

/// Waits until the old process has said what stays with it, if it is about to.
pub(super) async fn staying(adopted: &Adopted) -> Option<Staying> {
    let is_about_to = adopted.state.as_ref().is_some_and(|state| state.says_what_stays);
    let link = adopted.links.last().filter(|_| is_about_to)?.try_clone().ok()?;
    spawn_blocking(move || upgrade::staying(&link, TO_SAY)).await.ok().flatten()
}

/// Gives the event loops what was taken over, and publishes from when it is known what the old process still counts.
pub(super) async fn adopt(adopted: Adopted, service: &Service, nodes: &mut Joined) {
    let Service { app, loops } = service;
    let Adopted { transfers, state, links, .. } = adopted;
    if let Some(state) = &state {
        upgrade::raise(&app.rooms, &state.peaks);
    }
    if state.is_none() && transfers.is_empty() {
        return app.feeds.release();
    }
    tracing::info!("{} connections are taken over", transfers.len());
    match links.is_empty() {
        true => nodes.settle().await,
        false => nodes.count_for(links).await,
    }
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
