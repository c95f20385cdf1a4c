//! The processes that stay after an upgrade: they count together through this one, which is the newest.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::{io, sync::Arc};

use onlookers_handover::Link;
use tokio::net::UnixStream;
use tokio::task::{AbortHandle, JoinSet};

use crate::nodes::Hub;
use crate::upgrade;

/// Older processes, and where they meet.
#[derive(Default)]
pub(super) struct Older {
    hub: Option<Hub>,
    /// The link to each, and the task that answers it.
    links: Vec<(Arc<Link>, AbortHandle)>,
    serving: JoinSet<()>,
}

impl Older {
    /// Has the processes at the other ends of the links count through this one from now on.
    pub(super) fn serve(&mut self, links: Vec<Link>) -> Hub {
        let hub = self.hub.get_or_insert_with(Hub::new).clone();
        for link in links {
            match offer(&link) {
                Ok(socket) => {
                    let serving = self.serving.spawn(hub.serve(socket));
                    self.links.push((Arc::new(link), serving));
                }
                Err(error) => tracing::warn!(%error, "an older process counts by itself"),
            }
        }
        hub
    }

    /// The links to those that are still there.
    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        let there = self.links.iter().filter(|(_, serving)| !serving.is_finished());
        there.map(|(link, _)| Arc::clone(link)).collect()
    }

    /// Where they meet, if there are any.
    pub(super) fn hub(&self) -> Option<&Hub> {
        self.hub.as_ref()
    }

    /// Waits until none is there any more, if there was one.
    pub(super) async fn wait_until_left(&mut self) {
        if self.hub.is_none() {
            return std::future::pending().await;
        }
        while self.serving.join_next().await.is_some() {}
        (self.hub, self.links) = (None, Vec::new());
    }
}

/// Gives the process at the other end a socket to count over, and returns the other end of that.
fn offer(link: &Link) -> io::Result<UnixStream> {
    let (ours, theirs) = StdUnixStream::pair()?;
    theirs.set_nonblocking(true)?;
    ours.set_nonblocking(true)?;
    upgrade::offer(link, theirs.as_fd()).map_err(io::Error::other)?;
    UnixStream::from_std(ours)
}
