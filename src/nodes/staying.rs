//! What stays with the old process of an upgrade, as the node that it goes on as.
//!
//! Until then all of it stands in Redis under the name that the new process goes on with. The new process writes both at one moment, and
//! says so: other servers see neither of them without the other.

use std::collections::HashSet;

use onlookers_rooms::RoomName;
use serde::{Deserialize, Serialize};

use super::publisher::Publisher;
use super::store::Change;
use super::{Lease, Shared};

/// What stays, and the place among the others that the old process has from then on.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Staying {
    lease: Lease,
    changes: Vec<Change>,
}

impl Staying {
    /// What is counted here, when everything else has moved.
    pub(crate) fn of(shared: &Shared) -> Self {
        let Lease { id, version } = Lease::new();
        let (changes, version) = changes_of(shared, version, None);
        Self { lease: Lease { id, version }, changes }
    }

    /// The place of the old process from then on.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Says in Redis that the node of the lease has become two, of which one is counted here. Returns that one's lease.
    #[cfg(feature = "redis")]
    pub(crate) async fn split_from(
        &self,
        lease: &Lease,
        redis: &super::Connecting,
        shared: &Shared,
    ) -> Lease {
        if self.changes.is_empty() {
            return lease.clone();
        }
        let rooms: HashSet<_> = self.changes.iter().map(|change| &change.room).collect();
        // Changes are noted from now on; the node itself begins anew.
        shared.begin();
        let (mut changes, version) = changes_of(shared, lease.version, Some(&rooms));
        let here: HashSet<_> = changes.iter().map(|change| change.room.clone()).collect();
        let gone = rooms.into_iter().filter(|room| !here.contains(*room));
        changes.extend(gone.map(|room| Change::gone(room.clone())));
        let both = [(lease.id, &changes[..]), (self.lease.id, &self.changes[..])];
        if let Err(error) = redis.0.0.split(both).await {
            tracing::warn!(%error, "other servers may miss what stays with the old process for a moment");
        }
        Lease { id: lease.id, version }
    }
}

/// What is counted here in all rooms, or in these, each change with a version above that; and the last version.
fn changes_of(shared: &Shared, version: u64, of: Option<&HashSet<&RoomName>>) -> (Vec<Change>, u64) {
    shared.rooms.tell_all();
    let mut local = shared.rooms.take_changes(usize::MAX);
    local.retain(|change| of.is_none_or(|rooms| rooms.contains(&change.room)));
    let mut publisher = Publisher::new(shared.rooms.clone());
    publisher.go_on(version);
    let changes = publisher.publish(&local, 0);
    (changes, publisher.version())
}
