//! Open files: each viewer is one, and the process may have only so many.

use std::fs::File;
use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Files for all else than viewers: listeners, polls, and connections whose request is still being read.
const SPARE: usize = 256;

/// Where to leave the limit of open files when the system names none.
const PLENTY: u64 = 1 << 20;

/// After how long to accept again when the system is out of something.
const PAUSE: Duration = Duration::from_millis(50);

/// How long to wait for the request of a newcomer who is turned away; the next one waits meanwhile.
const PATIENCE: Duration = Duration::from_millis(10);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nCache-Control: no-store\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// Raises the limit of open files as far as the system lets this process, and returns it.
pub(crate) fn raise_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(PLENTY);
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => wanted,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files stays where it is");
            current.unwrap_or(PLENTY)
        }
    }
}

/// How many viewers `files` open files allow.
pub(crate) fn viewers_within(files: u64) -> usize {
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    files.saturating_sub(SPARE).max(files / 2)
}

/// A file kept open to be closed at the limit: it makes room to accept a newcomer and say 503. Otherwise newcomers would
/// hang in the kernel's queue.
#[derive(Debug)]
pub(crate) struct Reserve(Option<File>);

impl Reserve {
    pub(crate) fn new() -> Self {
        Self(File::open("/dev/null").ok())
    }

    /// Has a file again, if it lost the one it had to somebody else and there are some now.
    pub(crate) fn renew(&mut self) {
        if self.0.is_none() {
            *self = Self::new();
        }
    }

    /// Accept errors are weather: log, wait, go on.
    pub(crate) async fn weather(&mut self, listener: &TcpListener, error: &io::Error) {
        let at_the_limit = matches!(error.raw_os_error(), Some(code) if code == EMFILE || code == ENFILE);
        if at_the_limit && self.0.take().is_some() {
            tracing::warn!("out of open files: a newcomer gets 503");
            if let Err(error) = turn_away(listener).await {
                tracing::debug!(%error, "a newcomer went unanswered");
            }
            self.renew();
        } else if !is_the_peers(error) {
            tracing::warn!(%error, "can't accept");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();
const ENFILE: i32 = rustix::io::Errno::NFILE.raw_os_error();

/// Whether the connection failed, and not the listener.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Says 503 to the next in the queue. Its request is read before: to close with that unread would be to reset, and a reset
/// can overtake the answer.
async fn turn_away(listener: &TcpListener) -> io::Result<()> {
    // The one whose accept failed may have gone from the queue meanwhile: then nobody is to wait for the next.
    let (mut socket, _) = timeout(PATIENCE, listener.accept()).await??;
    let _ = timeout(PATIENCE, socket.read(&mut [0; 4096])).await;
    socket.write_all(FULL).await?;
    socket.shutdown().await
}
