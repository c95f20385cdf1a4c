//! Whether the server can take more viewers, and if not, why.

use std::fmt;
use std::sync::atomic::Ordering;

use super::App;
use crate::metrics::labels;

/// The body of the public `/healthz` while the server has as many viewers as it may have.
pub(crate) const FULL: &str = "full\n";

labels! {
    /// Why a server isn't ready.
    Unready {
        /// It stops.
        Stopping = "stopping",
        /// It has as many viewers as it may have.
        Viewers = "viewers",
        /// There are as many sites as there may be.
        Sites = "sites",
        /// Other nodes can't be reached.
        Alone = "alone",
    }
}

impl App {
    /// Why the server isn't ready for more viewers; nothing if it is.
    pub(crate) fn unready(&self) -> Vec<Unready> {
        let (sites, most_sites) = self.rooms.open_sites();
        let is_alone = self.requested.is_alone();
        let reasons = [
            (self.is_stopping.load(Ordering::Relaxed), Unready::Stopping),
            (self.capacity.viewers() >= self.capacity.limit(), Unready::Viewers),
            (sites >= most_sites, Unready::Sites),
            (is_alone, Unready::Alone),
        ];
        reasons.into_iter().filter(|(is_so, _)| *is_so).map(|(_, reason)| reason).collect()
    }

    /// Why a load balancer should send viewers elsewhere; nothing if it needn't.
    ///
    /// A node that counts alone still serves its viewers: if Redis is away, all nodes are alone, and another one would be no better.
    pub(crate) fn turns_away(&self) -> Vec<Unready> {
        let another_is_better = |reason: &Unready| matches!(reason, Unready::Stopping | Unready::Viewers);
        self.unready().into_iter().filter(another_is_better).collect()
    }

    /// The server stops: it isn't ready any more.
    pub(crate) fn begin_to_stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopping => "the server stops",
            Self::Viewers => "there are as many viewers as there may be (--max-viewers)",
            Self::Sites => "there are as many sites as there may be (--max-sites)",
            Self::Alone => "Redis can't be reached: this node counts alone",
        })
    }
}
