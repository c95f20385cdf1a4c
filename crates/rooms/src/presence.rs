//! Presences in a room, as others are told of them: viewers by their ids, with their positions if they say them; and visitors
//! whose position a mark has told.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::others::VisitorKey;
use crate::position::Position;
use crate::readers::{Reader, ViewerId};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// Of how many in one room others are told: those who came first.
const MOST_IN_A_ROOM: usize = 256;

/// And of how many in all rooms together. Each takes about 150 bytes where somebody looks at the room.
const MOST: usize = 65_536;

/// One who is present in a room.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PresentId {
    /// A viewer whose coming and going is announced.
    Viewer(ViewerId),
    /// A visitor whom a mark has told of.
    Visitor(VisitorKey),
}

/// The state of a viewer or visitor who is present.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub enum Presence {
    /// A viewer who hasn't said where they are.
    Here,
    /// A viewer who has.
    Reader(Reader),
    /// A visitor's furthest mark.
    Mark(Position),
}

/// The presences of a room that others are told of.
#[derive(Debug)]
pub(crate) struct Told {
    ids: HashSet<PresentId>,
    /// How many there are in all rooms.
    total: Arc<AtomicUsize>,
}

impl Told {
    /// Nobody. `total` is shared by all rooms.
    pub(crate) fn new(total: &Arc<AtomicUsize>) -> Self {
        Self { ids: HashSet::new(), total: Arc::clone(total) }
    }

    /// Adds one, unless there are too many.
    pub(crate) fn add(&mut self, id: PresentId) {
        // One more or less than the limit does no harm.
        let has_place = self.ids.len() < MOST_IN_A_ROOM && self.total.load(Ordering::Relaxed) < MOST;
        if has_place && self.ids.insert(id) {
            self.total.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Removes one. True if that one was here.
    pub(crate) fn remove(&mut self, id: PresentId) -> bool {
        let was_here = self.ids.remove(&id);
        self.total.fetch_sub(usize::from(was_here), Ordering::Relaxed);
        was_here
    }

    pub(crate) fn contains(&self, id: PresentId) -> bool {
        self.ids.contains(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = PresentId> {
        self.ids.iter().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.total.fetch_sub(self.ids.len(), Ordering::Relaxed);
    }
}

impl Presence {
    /// Where they are, if that is known.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Here => None,
            Self::Reader(reader) => Some(reader.position),
            Self::Mark(position) => Some(*position),
        }
    }

    /// The reader, of a viewer who has said where they are.
    pub fn reader(&self) -> Option<&Reader> {
        match self {
            Self::Reader(reader) => Some(reader),
            Self::Here | Self::Mark(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(number: usize) -> PresentId {
        PresentId::Viewer(ViewerId::new(number as u64))
    }

    #[test]
    fn others_are_told_of_so_many_in_a_room_and_in_all() {
        let total = Arc::default();
        let mut rooms: Vec<_> = (0..MOST / MOST_IN_A_ROOM).map(|_| Told::new(&total)).collect();
        for room in &mut rooms {
            (0..2 * MOST_IN_A_ROOM).for_each(|number| room.add(viewer(number)));
            assert_eq!(room.len(), MOST_IN_A_ROOM);
        }
        let mut last = Told::new(&total);
        last.add(viewer(0));
        assert_eq!(last.len(), 0);
        assert!(rooms[0].remove(viewer(7)) && !rooms[0].remove(viewer(7)));
        last.add(viewer(0));
        last.add(viewer(0));
        assert!(last.contains(viewer(0)) && last.len() == 1);
        drop((rooms, last));
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }
}
