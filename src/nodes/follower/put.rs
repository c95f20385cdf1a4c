//! Putting what other nodes count into the rooms.

use onlookers_rooms::{Report, Reported, RoomName, Rooms, SourceId};

use crate::nodes::store::{Change, Found, NodeId, RoomCounts, Stored, Visitors};

/// Each of these nodes counts that in a room.
pub(super) fn put(rooms: &Rooms, room: &RoomName, found: &[(NodeId, Found)]) {
    let all: Vec<_> = found
        .iter()
        .map(|(node, found)| {
            let reported = found.as_ref().map(|Stored { counts, visitors, present }| {
                (report(counts), Reported::All { visitors, present })
            });
            (source(*node), reported)
        })
        .collect();
    rooms.report_together(room, &all);
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
