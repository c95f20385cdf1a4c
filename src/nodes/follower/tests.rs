//! Readings and hints that cross.

use onlookers_rooms::{Limits, RoomRef};

use super::*;
use crate::nodes::leases::Timing;

const NODE: NodeId = NodeId(1);

/// A room that somebody looks at, and of which a node's counts are being read.
fn reading() -> (Arc<Rooms>, RoomRef, LeaseTable, Follower) {
    let rooms = Arc::new(Rooms::with_others(Limits::default(), || ()));
    let room = rooms.open(&"a.example".parse().unwrap());
    let (mut leases, mut follower) = (
        LeaseTable::new(Timing::USUAL),
        Follower::new(Arc::clone(&rooms), Arc::new(Requested::new(Arc::clone(&rooms)))),
    );
    for partition in Partition::all() {
        leases.update(partition, &[(NODE, 1)], false, tokio::time::Instant::now());
    }
    follower.watch(&room.name(), &leases);
    assert!(matches!(follower.next_question(), Some(Question::Listen(_))));
    follower.listening(&[room.name()], &leases);
    assert!(matches!(follower.next_question(), Some(Question::Read(_))));
    (rooms, room, leases, follower)
}

fn counts(version: u64) -> RoomCounts {
    RoomCounts { version, tabs: version, ..RoomCounts::default() }
}

fn found(version: u64) -> Vec<Found> {
    vec![Some(Stored { counts: counts(version), ..Stored::default() })]
}

#[test]
fn a_hint_during_the_second_of_two_readings_is_not_lost() {
    let (_rooms, room, leases, mut follower) = reading();
    let wanted = vec![(NODE, room.name())];
    follower.unwatch(&room.name());
    follower.watch(&room.name(), &leases);
    follower.found(wanted.clone(), found(1));
    assert!(matches!(follower.next_question(), Some(Question::Read(_))));
    let visitors = Visitors::Change { come: Vec::new(), gone: Vec::new() };
    let (counts, present) = (Some(counts(2)), Vec::new());
    follower.hear(NODE, &Change { room: room.name(), previous: 1, counts, visitors, present });
    follower.found(wanted, found(1));
    assert!(matches!(follower.next_question(), Some(Question::Read(_))), "it may be older than the hint");
}

#[test]
fn a_node_is_forgotten_in_a_room_that_was_opened_anew() {
    let (rooms, room, leases, mut follower) = reading();
    let name = room.name();
    drop(room);
    let room = rooms.open(&name);
    follower.found(vec![(NODE, name.clone())], found(3));
    assert_eq!(room.counts().tabs, 3);
    follower.unwatch(&name);
    assert!(matches!(follower.next_question(), Some(Question::Unlisten(_))));
    follower.watch(&name, &leases);
    follower.forget(&[(Partition::of(name.of_site()), NODE)]);
    assert_eq!(room.counts().tabs, 0);
}
