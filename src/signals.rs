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
    /// Ready after each SIGHUP; several at once count as one.
    pub reload: mpsc::Receiver<()>,
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
            }
        };
        let (stop_sender, stop) = oneshot::channel();
        let (reload_sender, reload) = mpsc::channel(1);
        let pass_on = move || runtime.block_on(caught.pass_on(stop_sender, reload_sender));
        thread::Builder::new().name("signals".to_owned()).spawn(pass_on)?;
        Ok(Self { stop, reload })
    }
}

struct Caught {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Caught {
    async fn pass_on(mut self, stop: oneshot::Sender<()>, reload: mpsc::Sender<()>) {
        let mut stop = Some(stop);
        loop {
            let is_hangup = tokio::select! {
                _ = self.hangup.recv() => true,
                _ = self.interrupt.recv() => false,
                _ = self.terminate.recv() => false,
            };
            if is_hangup {
                // If it is full, the file will be read again anyway.
                let _ = reload.try_send(());
            } else if let Some(stop) = stop.take() {
                let _ = stop.send(());
            }
        }
    }
}
