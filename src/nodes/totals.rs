//! The totals of the other nodes over all sites, for stills that show every site together.
//!
//! Each node writes its total when it renews its leases, so others have it two seconds later at most. No stream shows it.

use std::sync::Arc;

use onlookers_rooms::{Counts, Rooms};

use super::leases::LeaseTable;
use super::store::{NodeId, Partition};

/// The totals of the others, as they were read last.
pub(super) struct OtherTotals {
    rooms: Arc<Rooms>,
    of: Vec<(NodeId, Counts)>,
}

impl OtherTotals {
    pub(super) fn new(rooms: Arc<Rooms>) -> Self {
        Self { rooms, of: Vec::new() }
    }

    /// The store has these, and perhaps those of nodes that are dead.
    pub(super) fn found(&mut self, totals: &[(NodeId, Counts)]) {
        self.of = totals.to_vec();
    }

    /// Adds up those of the nodes with a lease in force.
    pub(super) fn add_up(&self, leases: &LeaseTable) {
        let in_force = self.of.iter().filter(|(node, _)| leases.is_in_force(Partition::FIRST, *node));
        let sum = in_force.fold(Counts::default(), |sum, (_, counts)| Counts {
            tabs: sum.tabs.saturating_add(counts.tabs),
            visitors: sum.visitors.saturating_add(counts.visitors),
        });
        self.rooms.report_totals(sum);
    }
}
