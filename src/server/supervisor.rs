//! Tells systemd, or another supervisor that speaks its protocol (sd_notify(3)), how the server is. Without one it does nothing.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use crate::transport::Loops;

/// The server listens and serves.
pub(super) fn tell_ready() {
    tell(NotifyState::Ready);
}

/// That process is the main one from now on.
pub fn tell_main(pid: u32) {
    tell(NotifyState::MainPid(pid));
}

/// The server ends its streams.
pub(super) fn tell_stopping() {
    tell(NotifyState::Stopping);
}

/// Tells in time that the server is alive, for as long as the runtime and all event loops are: twice in the time after which the
/// supervisor would start it anew.
pub(super) async fn watch(loops: &Loops) -> Infallible {
    match sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) {
        Some(limit) => tell_every(limit / 2, loops, || tell(NotifyState::Watchdog)).await,
        None => pending().await,
    }
}

async fn tell_every(time: Duration, loops: &Loops, mut tell: impl FnMut()) -> Infallible {
    let mut turns = interval(time);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        loops.respond().await;
        // This task isn't on a thread of the runtime. Only there are connections accepted and pictures published.
        let _ = tokio::spawn(async {}).await;
        tell();
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the supervisor can't be told how the server is");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use clap::Parser;
    use tokio::runtime::Builder;

    use super::*;
    use crate::config::Cli;
    use crate::server::Server;
    use crate::transport;

    const TIME: Duration = Duration::from_millis(10);

    /// How often it is told that a server is alive, within a hundred times [`TIME`] at most, until it is told five times.
    async fn told(loops: &Loops) -> usize {
        let told = AtomicUsize::new(0);
        let five = async {
            while told.load(Ordering::Relaxed) < 5 {
                tokio::time::sleep(TIME).await
            }
        };
        tokio::select! {
            never = tell_every(TIME, loops, || _ = told.fetch_add(1, Ordering::Relaxed)) => match never {},
            () = five => (),
            () = tokio::time::sleep(100 * TIME) => (),
        }
        told.load(Ordering::Relaxed)
    }

    fn server() -> Server {
        let cli = Cli::try_parse_from(["onlookers", "--listen", "127.0.0.1:0", "--fanout-threads", "2"]);
        Server::bind(&cli.unwrap().config).unwrap()
    }

    #[tokio::test]
    async fn a_server_that_works_is_alive() {
        assert!(told(&server().service.loops).await >= 5);
    }

    #[tokio::test(start_paused = true)]
    async fn event_loops_that_hang_are_told_of_by_silence() {
        // Loops whose threads never run.
        let options = transport::Options {
            loops: 1,
            resend: TIME,
            write_timeout: TIME,
            ping: TIME,
            sends: transport::Sends::default(),
        };
        assert_eq!(told(&Loops::new(options).unwrap()).await, 0);
    }

    #[test]
    fn a_runtime_that_hangs_is_told_of_by_silence() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(async { server() });
        let (hang, free) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let (hung, hangs) = mpsc::channel();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        runtime.spawn(async move { (hung.send(()).unwrap(), free.recv().ok()) });
        hangs.recv().unwrap();
        let watched = async {
            tokio::select! {
                never = tell_every(TIME, &server.service.loops, || tell.send(()).unwrap()) => match never {},
                _ = ended => (),
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| runtime.block_on(watched));
            assert!(told.recv_timeout(20 * TIME).is_err());
            drop(hang);
            told.recv().unwrap();
            drop(end);
        });
    }
}
