//! The sockets over which an old process counts together with the newest one.

use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::thread;
use std::time::Duration;

use onlookers_handover::Link;
use tokio::net::UnixStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::message::{self, FromNew, TalkError};
use crate::nodes::Staying;

/// Offers a socket to the process at the other end, which is an old one.
///
/// # Errors
/// [`TalkError`].
pub(crate) fn offer(link: &Link, socket: BorrowedFd<'_>) -> Result<(), TalkError> {
    message::say(link, &FromNew::Count, &[socket])
}

/// Says to the process at the other end that the other nodes have been told what this one counts.
pub(crate) fn told(link: &Link) {
    // It may have ended.
    let _ = message::say(link, &FromNew::Told, &[]);
}

/// Says to the process at the other end, which is the new one, what stays here. Blocks.
#[cfg(feature = "redis")]
pub(crate) fn say_staying(link: &Link, staying: Staying) {
    // It may have ended.
    let _ = message::say(link, &FromNew::Staying(staying), &[]);
}

/// Waits until the process at the other end, which is the old one, has said what stays there, `within` at most. Blocks.
pub(crate) fn staying(link: &Link, within: Duration) -> Option<Staying> {
    let _ = link.set_timeout(Some(within));
    match message::hear(link) {
        Ok((FromNew::Staying(staying), _)) => Some(staying),
        _ => None,
    }
}

/// Waits until the process at the other end has told the other nodes what it counts, `within` at most. Blocks.
pub(crate) fn wait_until_told(link: &Link, within: Duration) {
    let _ = link.set_timeout(Some(within));
    if !matches!(message::hear(link), Ok((FromNew::Told, _))) {
        tracing::debug!("it isn't known whether the other process has told the nodes what it counts");
    }
}

/// The sockets that newer processes offer to this one, each in place of the one before; the end, when there is no newer process.
/// Needs a tokio runtime.
pub(crate) fn sockets(link: Link) -> mpsc::Receiver<UnixStream> {
    let (offer, offered) = mpsc::channel(1);
    let runtime = Handle::current();
    let listen = move || {
        let _runtime = runtime.enter();
        let _ = link.set_timeout(None);
        while let Ok((FromNew::Count, descriptors)) = message::hear(&link) {
            for descriptor in descriptors {
                let socket = StdUnixStream::from(descriptor);
                let socket = socket.set_nonblocking(true).and_then(|()| UnixStream::from_std(socket));
                // Without it, this process counts by itself.
                if socket.is_ok_and(|socket| offer.blocking_send(socket).is_err()) {
                    return;
                }
            }
        }
    };
    if let Err(error) = thread::Builder::new().name("newer-process".to_owned()).spawn(listen) {
        tracing::warn!(%error, "this process counts by itself until it ends");
    }
    offered
}
