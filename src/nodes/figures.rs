//! Figures of this node among the others, for operators.

use std::collections::HashSet;
use std::time::Duration;

use onlookers_rooms::sync::Mutex;
use tokio::time::Instant;

use super::leases::LeaseTable;
use super::store::Partition;
use crate::metrics::{Counter, Times};

/// What the task of this node notes.
#[derive(Default)]
pub(crate) struct NodeFigures {
    /// How long the store takes to answer, each time.
    pub(crate) answers: Times,
    /// Questions that the store has not answered, or refused.
    pub(crate) failures: Counter,
    leases: Mutex<LeaseFigures>,
}

/// What is known of leases.
#[derive(Clone, Copy, Default)]
pub(crate) struct LeaseFigures {
    /// How many other nodes have one in force.
    pub(crate) others: usize,
    /// When this node's were renewed last.
    renewed: Option<Instant>,
    /// When the one of the others was seen renewed that was renewed longest ago.
    oldest: Option<Instant>,
}

impl LeaseFigures {
    /// How long ago this node's leases were renewed; none if they never were.
    pub(crate) fn own_age(&self) -> Option<Duration> {
        self.renewed.map(|renewed| renewed.elapsed())
    }

    /// How long ago the oldest of the others' was seen renewed; none if there are no others.
    pub(crate) fn others_age(&self) -> Option<Duration> {
        self.oldest.map(|seen| seen.elapsed())
    }
}

impl NodeFigures {
    /// The leases as they are now.
    pub(crate) fn leases(&self) -> LeaseFigures {
        *self.leases.lock()
    }

    /// This node's leases were renewed.
    pub(super) fn renewed(&self) {
        self.leases.lock().renewed = Some(Instant::now());
    }

    /// The others' leases have changed.
    pub(super) fn note_leases(&self, table: &LeaseTable) {
        let others: HashSet<_> = Partition::all().flat_map(|partition| table.nodes(partition)).collect();
        let oldest = table.next_end().and_then(|end| end.checked_sub(table.timing().life));
        let mut leases = self.leases.lock();
        (leases.others, leases.oldest) = (others.len(), oldest);
    }
}
