//! The connections of operators and their programs: one request each, and few at a time.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::Admin;
use crate::net::listen::{Accepted, ListenSocket};

/// How many connections there may be: a few programs that ask, and a few people.
const MOST: usize = 16;

/// How long a connection may take for everything. The longest page takes a second to make.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// The pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers for as long as it is polled.
pub(crate) async fn serve(socket: Arc<ListenSocket>, admin: Arc<Admin>) {
    let places = Arc::new(Semaphore::new(MOST));
    // It is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match socket.accept().await {
            Ok(accepted) => {
                let admin = Arc::clone(&admin);
                tokio::spawn(async move {
                    let _place = place;
                    let _ = timeout(PATIENCE, exchange(accepted, &admin)).await;
                });
            }
            Err(error) => refused(&error).await,
        }
    }
}

async fn refused(error: &io::Error) {
    tracing::warn!(%error, "can't accept a connection for --admin");
    sleep(PAUSE).await;
}

async fn exchange(Accepted { stream, peer, .. }: Accepted, admin: &Arc<Admin>) {
    let service = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(admin.answer(&request, peer).await)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).keep_alive(false).max_buf_size(MAX_HEAD);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection for --admin ended");
    }
}
