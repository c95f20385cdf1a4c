//! The signals that the program obeys: from its first moment on, and however busy the server is.

use std::io;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// The signals from now on. Without that, each of them would kill the process.
#[derive(Debug)]
pub struct Signals {
    /// Ready at the first SIGINT or SIGTERM.
    pub stop: oneshot::Receiver<()>,
    /// Ready at the second one.
    pub stop_now: oneshot::Receiver<()>,
    /// Ready after each SIGHUP; several at once count as one.
    pub reload: mpsc::Receiver<()>,
    /// The same for SIGUSR2.
    pub upgrade: mpsc::Receiver<()>,
}

impl Signals {
    /// Catches the signals from now on.
    ///
    /// They have a thread of their own: the server's runtime looks for signals only when one of its threads has a pause,
    /// and they may all be painting.
    ///
    /// # Errors
    /// The system's.
    pub fn catch() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let caught = {
            let _within = runtime.enter();
            Caught {
                hangup: signal(SignalKind::hangup())?,
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                user2: signal(SignalKind::user_defined2())?,
            }
        };
        let (stop_sender, stop) = oneshot::channel();
        let (stop_now_sender, stop_now) = oneshot::channel();
        let (reload_sender, reload) = mpsc::channel(1);
        let (upgrade_sender, upgrade) = mpsc::channel(1);
        let stops = [stop_sender, stop_now_sender];
        let pass_on = move || runtime.block_on(caught.pass_on(stops, reload_sender, upgrade_sender));
        thread::Builder::new().name("signals".to_owned()).spawn(pass_on)?;
        Ok(Self { stop, stop_now, reload, upgrade })
    }
}

struct Caught {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
    user2: Signal,
}

impl Caught {
    async fn pass_on(
        mut self,
        stops: [oneshot::Sender<()>; 2],
        reload: mpsc::Sender<()>,
        upgrade: mpsc::Sender<()>,
    ) {
        let mut stops = stops.into_iter();
        loop {
            // One that is full will be obeyed anyway.
            tokio::select! {
                _ = self.hangup.recv() => drop(reload.try_send(())),
                _ = self.user2.recv() => drop(upgrade.try_send(())),
                _ = self.interrupt.recv() => stop(&mut stops),
                _ = self.terminate.recv() => stop(&mut stops),
            }
        }
    }
}

/// The first of these signals, or the second. Later ones have no effect.
fn stop(stops: &mut impl Iterator<Item = oneshot::Sender<()>>) {
    if let Some(stop) = stops.next() {
        let _ = stop.send(());
    }
}
