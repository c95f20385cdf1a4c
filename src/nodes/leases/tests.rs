//! Leases that are renewed, end, and are cleared away.

use super::*;

const NODE: NodeId = NodeId(1);
const LIFE: Duration = Timing::USUAL.life;
const FIRST_LIFE: Duration = Timing::USUAL.first_life;
const BURIAL: Duration = Timing::USUAL.burial;
const HALF: Duration = Duration::from_millis(3_750);

fn first() -> Partition {
    Partition::all().next().unwrap()
}

fn listed(renewals: u64) -> [(NodeId, u64); 1] {
    [(NODE, renewals)]
}

/// A table that has looked.
fn table() -> (LeaseTable, Instant) {
    let (mut table, start) = (LeaseTable::new(Timing::USUAL), Instant::now());
    table.update(first(), &[], false, start);
    (table, start)
}

#[test]
fn a_lease_that_may_be_an_old_one_ends_sooner() {
    let (mut table, start) = (LeaseTable::new(Timing::USUAL), Instant::now());
    table.update(first(), &listed(5), false, start);
    assert_eq!(table.expire(start + FIRST_LIFE), [(first(), NODE)]);
    // It was renewed some time since, and its node may have died since.
    table.update(first(), &listed(9), false, start + LIFE);
    assert_eq!(table.expire(start + LIFE + FIRST_LIFE), [(first(), NODE)]);
}

#[test]
fn a_lease_is_in_force_while_it_is_renewed() {
    let (mut table, start) = table();
    assert_eq!(table.update(first(), &listed(5), false, start), [NODE]);
    assert!(table.update(first(), &listed(6), false, start + HALF).is_empty());
    assert!(table.update(first(), &listed(6), false, start + LIFE).is_empty());
    assert!(table.expire(start + LIFE).is_empty());
    assert_eq!(table.next_end(), Some(start + HALF + LIFE));
    assert_eq!(table.expire(start + 2 * LIFE), [(first(), NODE)]);
    assert!(table.update(first(), &listed(6), false, start + 3 * LIFE).is_empty(), "it is still not renewed");
    assert_eq!(table.update(first(), &listed(7), false, start + 3 * LIFE), [NODE], "it was only frozen");
}

#[test]
fn a_lease_outlives_a_store_that_has_lost_it() {
    let (mut table, start) = table();
    table.update(first(), &listed(5), false, start);
    assert!(table.update(first(), &[], false, start + HALF).is_empty());
    assert!(table.is_in_force(first(), NODE));
    assert!(table.update(first(), &listed(1), false, start + HALF).is_empty());
    assert!(table.expire(start + LIFE).is_empty(), "it is renewed, if from 1");
    table.skip(LIFE);
    assert!(table.expire(start + 2 * LIFE).is_empty(), "this node was frozen");
}

#[test]
fn a_dead_node_is_buried_until_the_store_has_it_no_more() {
    let (mut table, start) = table();
    table.update(first(), &listed(5), false, start);
    table.expire(start + LIFE);
    assert_eq!(table.bury(start + LIFE), None);
    let dead = start + LIFE + BURIAL;
    assert_eq!(table.bury(dead), Some((first(), NODE, 5)));
    assert!(table.update(first(), &listed(5), false, dead).is_empty(), "the store still has it");
    assert_eq!(table.bury(dead), None);
    assert_eq!(table.bury(dead + BURIAL), Some((first(), NODE, 5)), "it couldn't be cleared");
    table.update(first(), &[], false, dead);
    assert_eq!(table.held(), 0);
}

#[test]
fn a_node_that_left_is_not_taken_for_a_new_one() {
    let (mut table, start) = table();
    table.update(first(), &listed(5), false, start);
    assert_eq!(table.left(NODE, start), [(first(), NODE)]);
    assert!(table.nodes(first()).next().is_none());
    // An answer from before it left.
    assert!(table.update(first(), &listed(6), false, start).is_empty());
    assert!(table.nodes(first()).next().is_none());
    for partition in Partition::all() {
        table.update(partition, &[], false, start + LIFE);
    }
    assert_eq!(table.held(), 0);
}
