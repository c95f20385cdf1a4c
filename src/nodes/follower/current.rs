//! Whether everything is read that is to be known of the other nodes.

use std::collections::HashSet;

use onlookers_rooms::RoomName;

use super::known::Reading;
use super::{Follower, LeaseTable};

impl Follower {
    /// The store will do so, and say that hints were missed.
    pub(in crate::nodes) fn not_listening(&mut self) {
        self.subscribing = HashSet::new();
    }

    /// What all nodes count is to be read, but for what is read anyway as soon as it is listened to.
    pub(in crate::nodes) fn read_all(&mut self, leases: &LeaseTable) {
        let is_listened = |room: &RoomName| self.listened.contains(room) && !self.subscribing.contains(room);
        for (room, watched) in self.watched.iter_mut().filter(|(room, _)| is_listened(room)) {
            watched.ask(leases.nodes(watched.partition), room, &mut self.unread);
        }
    }

    /// The rooms that somebody looks at.
    pub(in crate::nodes) fn rooms(&self) -> impl Iterator<Item = &RoomName> {
        self.watched.keys()
    }

    /// Whether everything that is to be read of a room has been; so it is of one that nobody looks at.
    pub(in crate::nodes) fn is_current(&self, room: &RoomName) -> bool {
        let Some(watched) = self.watched.get(room) else { return true };
        let is_listened = self.listened.contains(room) && !self.subscribing.contains(room);
        is_listened && watched.nodes.values().all(|known| known.reading == Reading::Done)
    }
}
