//! What is known of other nodes in a room, and what is to be read.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};

use onlookers_rooms::RoomName;

/// What is known of one node in one room.
#[derive(Default)]
pub(super) struct Known {
    /// The version of its counts that is in the room; 0 if it counts nobody.
    pub(super) version: u64,
    pub(super) reading: Reading,
}

/// Whether the counts are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Reading {
    #[default]
    Done,
    /// They will be: until then no hint matters.
    Due,
    /// They are being read.
    Asked {
        /// Whether they have to be read again: hints may have been missed since.
        again: bool,
        /// What a hint has told since.
        heard: Option<Heard>,
    },
}

/// The newest counts of a node that a hint was heard of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Version(u64),
    /// It counts nobody any more.
    Gone,
}

/// The rooms of which counts are to be read. They come in the order of their names, so that the pages of a site are read
/// together, and after the last one the first comes again, so that none waits for ever.
#[derive(Default)]
pub(super) struct Unread {
    rooms: BTreeSet<RoomName>,
    last: Option<RoomName>,
}

impl Known {
    /// Has the counts read, or read again. Returns whether that is due.
    pub(super) fn ask(&mut self) -> bool {
        match &mut self.reading {
            Reading::Asked { again, .. } => *again = true,
            reading => *reading = Reading::Due,
        }
        self.reading == Reading::Due
    }

    /// Notes that the counts are being read.
    pub(super) fn begin(&mut self) {
        self.reading = Reading::Asked { again: false, heard: None };
    }

    /// Whether it is known, perhaps from before.
    pub(super) fn is_known(&self) -> bool {
        self.reading == Reading::Done || self.version > 0
    }
}

impl Heard {
    /// Of counts with that version; none has it that counts nobody.
    pub(super) fn of(version: Option<u64>) -> Self {
        version.map_or(Self::Gone, Self::Version)
    }

    /// Whether the counts that were read may be older.
    pub(super) fn is_newer_than(self, read: Option<u64>) -> bool {
        match (self, read) {
            (Self::Version(heard), Some(read)) => heard > read,
            (Self::Gone, None) => false,
            (Self::Version(_), None) | (Self::Gone, Some(_)) => true,
        }
    }
}

impl Unread {
    pub(super) fn insert(&mut self, room: &RoomName) {
        self.rooms.insert(room.clone());
    }

    pub(super) fn remove(&mut self, room: &RoomName) {
        self.rooms.remove(room);
    }

    pub(super) fn pop(&mut self) -> Option<RoomName> {
        let after = self.last.as_ref().map_or(Unbounded, Excluded);
        let next = self.rooms.range((after, Unbounded)).next().or_else(|| self.rooms.first()).cloned()?;
        self.rooms.remove(&next);
        self.last = Some(next.clone());
        Some(next)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_unread_room_waits_for_ever() {
        let rooms: [RoomName; 3] =
            ["a.example/1", "a.example/2", "b.example"].map(|name| name.parse().unwrap());
        let mut unread = Unread::default();
        rooms.iter().rev().for_each(|room| unread.insert(room));
        assert_eq!(unread.pop(), Some(rooms[0].clone()));
        unread.insert(&rooms[0]);
        assert_eq!(
            [1, 2, 3].map(|_| unread.pop()),
            [&rooms[1], &rooms[2], &rooms[0]].map(|room| Some(room.clone()))
        );
        assert_eq!(unread.pop(), None);
    }
}
