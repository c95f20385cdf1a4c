//! What comes before the first request of a connection: a header of the PROXY protocol, a TLS handshake.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use crate::metrics::Failed;
use crate::net::connections::{ConnectionPermit, Phase};

/// How long a connection may take for each of them.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is nothing that a connection begins with.
pub(super) enum NotBegun {
    TooSlow,
    /// Its peer has closed it.
    Closed,
    Bad,
    /// It has to make room.
    ToldToClose,
}

/// The reasons why handshakes fail: they take too long, or are none.
pub(super) const OF_HANDSHAKES: [Failed; 2] = [Failed::SlowHandshake, Failed::Handshake];

impl NotBegun {
    /// How it is counted, where being too slow and being bad count so. Those that make room are counted there.
    pub(super) fn reason(&self, [too_slow, bad]: [Failed; 2]) -> Option<Failed> {
        match self {
            Self::TooSlow => Some(too_slow),
            Self::Closed => Some(Failed::Closed),
            Self::Bad => Some(bad),
            Self::ToldToClose => None,
        }
    }
}

/// What a connection begins with. `logged` is the address of its peer, if it may be logged.
///
/// # Errors
/// [`NotBegun`], if that fails or takes too long, or the connection has to make room.
pub(super) async fn begin<T>(
    logged: Option<IpAddr>,
    permit: &ConnectionPermit,
    beginning: impl Future<Output = io::Result<T>>,
) -> Result<T, NotBegun> {
    let mut beginning = Box::pin(timeout(HANDSHAKE_TIMEOUT, beginning));
    let done = poll_fn(|cx| match beginning.as_mut().poll(cx) {
        Poll::Pending => permit.poll_closed(Phase::Head, cx).map(|()| None),
        done => done.map(Some),
    });
    let done = done.await.ok_or(NotBegun::ToldToClose)?.map_err(|_| NotBegun::TooSlow)?;
    done.map_err(|error| {
        tracing::debug!(%error, address = logged.map(display), "a connection failed before its first request");
        if is_of_peer(&error) { NotBegun::Closed } else { NotBegun::Bad }
    })
}

/// Whether the peer has closed the connection, or has gone.
fn is_of_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}
