//! The limit of open files, of which each connection takes one; and accepting connections when it is reached.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::listen::ListenSocket;

/// The limit to set when the system has none.
const DEFAULT_LIMIT: u64 = 1 << 20;

/// The pause after an accept error that is not the peer's.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long to wait for the request of a connection that gets 503. Other connections wait meanwhile.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(10);

const UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nCache-Control: no-store\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// Raises the limit of open files as far as the system lets this process, and returns it.
pub(crate) fn raise_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(DEFAULT_LIMIT);
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => wanted,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files stays where it is");
            current.unwrap_or(DEFAULT_LIMIT)
        }
    }
}

/// How many files are open: the system gives a new one the lowest free number.
pub(crate) fn in_use() -> u64 {
    File::open("/dev/null").map_or(0, |file| u64::try_from(file.as_raw_fd()).unwrap_or_default())
}

/// An open file to close at the limit, which makes it possible to accept a connection and answer 503. Otherwise new
/// connections would hang in the kernel's queue.
#[derive(Debug)]
pub(crate) struct SpareFile(Option<File>);

impl SpareFile {
    pub(crate) fn new() -> Self {
        Self(File::open("/dev/null").ok())
    }

    /// Opens the file again, if that failed before.
    pub(crate) fn reopen(&mut self) {
        if self.0.is_none() {
            *self = Self::new();
        }
    }

    /// Logs `error`; answers 503 to the next connection at the limit of open files, and otherwise waits a little.
    pub(crate) async fn handle_accept_error(&mut self, listener: &ListenSocket, error: &io::Error) {
        if are_used_up(error) && self.0.take().is_some() {
            tracing::warn!("out of open files: a connection gets 503");
            if let Err(error) = answer_unavailable(listener).await {
                tracing::debug!(%error, "a connection went unanswered");
            }
            self.reopen();
        } else if !is_of_connection(error) {
            tracing::warn!(%error, "can't accept");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();
const ENFILE: i32 = rustix::io::Errno::NFILE.raw_os_error();

/// Whether there is no file left for another connection.
pub(crate) fn are_used_up(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(code) if code == EMFILE || code == ENFILE)
}

/// Whether the connection failed, and not the listener.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers 503 to the next connection in the queue. Its request is read first: closing a socket with unread data resets
/// it, and a reset can overtake the answer.
async fn answer_unavailable(listener: &ListenSocket) -> io::Result<()> {
    // The connection whose accept failed may have left the queue by now; don't wait for another one.
    let mut socket = timeout(REQUEST_TIMEOUT, listener.accept()).await??.stream;
    let _ = timeout(REQUEST_TIMEOUT, socket.read(&mut [0; 4096])).await;
    socket.write_all(UNAVAILABLE).await?;
    socket.shutdown().await
}
