//! Readings and hints that cross.

use onlookers_rooms::{Limits, RoomRef};

use super::*;
use crate::nodes::leases::Timing;
use crate::nodes::store::{RoomCounts, Stored};

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
    rooms.take_opened();
    follower.watch(&room.name(), &leases);
    assert!(matches!(follower.next_question(true), Some(Question::Listen(_))));
    follower.listening(&[room.name()], &leases);
    assert!(matches!(follower.next_question(true), Some(Question::Read(_))));
    (rooms, room, leases, follower)
}

/// Its counts, while nothing is known of them.
fn unknown(room: &RoomRef) -> Wanted {
    Wanted { node: NODE, room: room.name(), known: 0 }
}

/// From one version to the next.
fn change(room: &RoomRef, previous: u64, next: u64) -> Change {
    let visitors = Visitors::Change { come: Vec::new(), gone: Vec::new() };
    Change { room: room.name(), previous, counts: Some(counts(next)), visitors, present: Vec::new() }
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
    let wanted = vec![unknown(&room)];
    follower.unwatch(&room.name());
    follower.watch(&room.name(), &leases);
    follower.found(&wanted, found(1));
    assert!(matches!(follower.next_question(true), Some(Question::Read(_))));
    follower.hear(NODE, &change(&room, 1, 2));
    follower.found(&wanted, found(1));
    assert!(matches!(follower.next_question(true), Some(Question::Read(_))), "it may be older than the hint");
}

#[test]
fn a_node_is_forgotten_in_a_room_that_was_opened_anew() {
    let (rooms, room, leases, mut follower) = reading();
    let name = room.name();
    drop(room);
    let room = rooms.open(&name);
    rooms.take_opened();
    follower.found(&[unknown(&room)], found(3));
    assert_eq!(room.counts().tabs, 3);
    follower.unwatch(&name);
    assert!(matches!(follower.next_question(true), Some(Question::Unlisten(_))));
    follower.watch(&name, &leases);
    follower.forget(&[(Partition::of(name.of_site()), NODE)]);
    assert_eq!(room.counts().tabs, 0);
}

#[test]
fn a_hint_that_the_reading_was_newer_than_changes_nothing() {
    let (_rooms, room, _leases, mut follower) = reading();
    follower.hear(NODE, &change(&room, 1, 2));
    follower.found(&[unknown(&room)], found(3));
    follower.hear(NODE, &change(&room, 2, 3));
    assert!(follower.next_question(true).is_none());
    assert_eq!(room.counts().tabs, 3);
    follower.hear(NODE, &change(&room, 3, 4));
    assert_eq!(room.counts().tabs, 4);
}

#[test]
fn counts_that_are_the_same_stay_and_only_those() {
    let (_rooms, room, leases, mut follower) = reading();
    follower.found(&[unknown(&room)], found(3));
    let all = Partition::all().map(|partition| (partition, vec![NODE])).collect();
    follower.read_nodes(&all);
    let Some(Question::Read(wanted)) = follower.next_question(true) else { panic!("it reads again") };
    assert_eq!(wanted, [Wanted { known: 3, ..unknown(&room) }]);
    // Of these, the store has read only the version.
    let same = vec![Some(Stored {
        counts: RoomCounts { version: 3, ..RoomCounts::default() },
        ..Stored::default()
    })];
    follower.found(&wanted, same.clone());
    assert_eq!(room.counts().tabs, 3);
    assert!(follower.next_question(true).is_none());
    // What was known then isn't any more.
    follower.unwatch(&room.name());
    follower.watch(&room.name(), &leases);
    follower.found(&wanted, same);
    assert!(matches!(follower.next_question(true), Some(Question::Read(_))));
}

#[test]
fn a_room_is_known_once_the_last_unread_node_has_died() {
    let (rooms, room, _leases, mut follower) = reading();
    follower.not_found(&[unknown(&room)]);
    follower.forget(&[(Partition::of(room.name().of_site()), NODE)]);
    assert!(!rooms.knows_others(&room.name()));
    assert!(follower.next_question(true).is_none());
    assert!(rooms.knows_others(&room.name()));
}
