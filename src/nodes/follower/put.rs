//! Putting what other nodes count into the rooms.

use onlookers_rooms::{Report, Reported, RoomName, Rooms, SourceId};

use crate::nodes::store::{Change, Found, NodeId, RoomCounts, Stored, Visitors};

/// A node counts that in a room.
pub(super) fn put(rooms: &Rooms, node: NodeId, room: &RoomName, found: Found) {
    match found {
        Some(Stored { counts, visitors, present }) => {
            let all = Reported::All { visitors: &visitors, present: &present };
            rooms.report(room, source(node), report(&counts), all);
        }
        None => rooms.forget(room, source(node)),
    }
}

/// What a node counts has changed.
pub(super) fn apply(rooms: &Rooms, node: NodeId, change: &Change) {
    match (&change.counts, &change.visitors) {
        (Some(counts), Visitors::Change { come, gone }) => {
            let changed = Reported::Change { come, gone, present: &change.present };
            rooms.report(&change.room, source(node), report(counts), changed);
        }
        _ => rooms.forget(&change.room, source(node)),
    }
}

pub(super) fn source(node: NodeId) -> SourceId {
    SourceId(node.0)
}

fn report(counts: &RoomCounts) -> Report {
    let RoomCounts { version: _, tabs, anonymous, level, peak, present: _ } = *counts;
    Report { tabs, anonymous, level, peak }
}
