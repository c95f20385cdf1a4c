//! Memory goes back to the system when many connections have gone: the allocator keeps it otherwise.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use crate::net::connections::Connections;

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(5);

/// How many connections have to have gone: they have taken more than a megabyte, and a trim takes milliseconds.
const CONNECTIONS: usize = 1000;

/// Looks for as long as the server runs.
pub(super) async fn after_bursts(connections: &Connections) -> Infallible {
    loop {
        tokio::time::sleep(INTERVAL).await;
        if connections.have_gone(CONNECTIONS) {
            // It fails only if it panics; then memory stays where it is.
            let _ = tokio::task::spawn_blocking(trim).await;
        }
    }
}

fn trim() {
    let started = Instant::now();
    onlookers_heap::trim();
    tracing::trace!(took = ?started.elapsed(), "free memory went back to the system");
}
