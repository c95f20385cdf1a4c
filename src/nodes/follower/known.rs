//! What is known of other nodes in a room, and what is to be read.

use std::collections::{HashSet, VecDeque};

use onlookers_rooms::RoomName;

use crate::nodes::store::NodeId;

/// What is known of one node in one room.
#[derive(Default)]
pub(super) struct Known {
    /// The version of its counts that is in the room; 0 if it counts nobody.
    pub(super) version: u64,
    /// Whether it is to be read, or being read.
    pub(super) is_unread: bool,
    /// Whether it has to be read again: hints may have been missed since the reading began.
    pub(super) is_stale: bool,
    /// What a hint has told since the reading began.
    pub(super) heard: Option<Heard>,
}

/// The newest counts of a node that a hint was heard of.
#[derive(Clone, Copy)]
pub(super) enum Heard {
    Version(u64),
    /// It counts nobody any more.
    Gone,
}

/// Counts that are to be read, in order.
#[derive(Default)]
pub(super) struct Unread {
    queue: VecDeque<(NodeId, RoomName)>,
    queued: HashSet<(NodeId, RoomName)>,
}

impl Known {
    pub(super) fn ask(&mut self, node: NodeId, room: &RoomName, unread: &mut Unread) {
        if !self.is_unread {
            self.is_unread = true;
            unread.push(node, room);
        } else {
            self.is_stale = true;
        }
    }
}

impl Heard {
    /// Whether the counts that were read may be older. They have no version if the node counts nobody.
    pub(super) fn is_newer_than(self, read: Option<u64>) -> bool {
        match (self, read) {
            (Self::Version(heard), Some(read)) => heard > read,
            (Self::Gone, None) => false,
            (Self::Version(_), None) | (Self::Gone, Some(_)) => true,
        }
    }
}

impl Unread {
    pub(super) fn push(&mut self, node: NodeId, room: &RoomName) {
        if self.queued.insert((node, room.clone())) {
            self.queue.push_back((node, room.clone()));
        }
    }

    pub(super) fn pop(&mut self) -> Option<(NodeId, RoomName)> {
        let first = self.queue.pop_front()?;
        self.queued.remove(&first);
        Some(first)
    }

    #[cfg(test)]
    pub(in crate::nodes) fn len(&self) -> usize {
        self.queue.len()
    }
}
