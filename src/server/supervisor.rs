//! Tells systemd, or another supervisor that speaks its protocol (sd_notify(3)), how the server is. Without one it does nothing.

use std::convert::Infallible;
use std::future::pending;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use crate::transport::Loops;

/// The server listens and serves.
pub(super) fn tell_ready() {
    tell(NotifyState::Ready);
}

/// The server ends its streams.
pub(super) fn tell_stopping() {
    tell(NotifyState::Stopping);
}

/// Tells in time that the server is alive, for as long as the runtime and all event loops are: twice in the time after which the
/// supervisor would start it anew.
pub(super) async fn watch(loops: &Loops) -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return pending().await;
    };
    let mut turns = interval(limit / 2);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        loops.respond().await;
        tell(NotifyState::Watchdog);
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the supervisor can't be told how the server is");
    }
}
