//! The old process after an upgrade: it stays for what can't move.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::app::App;

/// How often it is looked whether all have gone.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until no viewer and no connection is left, `linger` at most. False if some are.
pub(crate) async fn wait_until_left(app: &App, linger: Duration) -> bool {
    let deadline = Instant::now() + linger;
    loop {
        if app.capacity.viewers() == 0 && app.connections.counts().0 == 0 {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        sleep(LOOK.min(deadline - Instant::now())).await;
    }
}
