//! The signals that the program obeys: from its first moment on, and however busy the server is.

use std::io;
use std::thread;

use onlookers_handover::exec;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// The signals from now on. Without that, each of them would kill the process.
#[derive(Debug)]
pub struct Signals {
    /// Ready at the first SIGINT or SIGTERM, or at the first SIGUSR1, by which a keeper passes them on.
    pub stop: oneshot::Receiver<()>,
    /// Ready at the second one. What a terminal or systemd tells both the keeper and the server is one to the server.
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
                user1: signal(SignalKind::user_defined1())?,
                user2: signal(SignalKind::user_defined2())?,
            }
        };
        // A keeper that is replaced has had them wait.
        exec::unblock_signals();
        let (stop_sender, stop) = oneshot::channel();
        let (stop_now_sender, stop_now) = oneshot::channel();
        let (reload_sender, reload) = mpsc::channel(1);
        let (upgrade_sender, upgrade) = mpsc::channel(1);
        let stops = Stops { next: [stop_sender, stop_now_sender].into_iter(), direct: 0, passed_on: 0 };
        let pass_on = move || runtime.block_on(caught.pass_on(stops, reload_sender, upgrade_sender));
        thread::Builder::new().name("signals".to_owned()).spawn(pass_on)?;
        Ok(Self { stop, stop_now, reload, upgrade })
    }
}

struct Caught {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
    user1: Signal,
    user2: Signal,
}

impl Caught {
    async fn pass_on(mut self, mut stops: Stops, reload: mpsc::Sender<()>, upgrade: mpsc::Sender<()>) {
        loop {
            // One that is full will be obeyed anyway.
            tokio::select! {
                _ = self.hangup.recv() => drop(reload.try_send(())),
                _ = self.user2.recv() => drop(upgrade.try_send(())),
                _ = self.interrupt.recv() => stops.count(|stops| &mut stops.direct),
                _ = self.terminate.recv() => stops.count(|stops| &mut stops.direct),
                _ = self.user1.recv() => stops.count(|stops| &mut stops.passed_on),
            }
        }
    }
}

/// Counts the signals to stop. The first has an effect, and the second; later ones have none.
struct Stops {
    next: std::array::IntoIter<oneshot::Sender<()>, 2>,
    direct: u32,
    passed_on: u32,
}

impl Stops {
    /// One more of those. It is the same order as one of the others that has come, or is about to.
    fn count(&mut self, of: impl FnOnce(&mut Self) -> &mut u32) {
        let before = self.direct.max(self.passed_on);
        *of(self) += 1;
        if self.direct.max(self.passed_on) > before
            && let Some(stop) = self.next.next()
        {
            let _ = stop.send(());
        }
    }
}
