//! Nodes that start, stop, die and freeze, and what that costs the store.

use std::time::Duration;

use onlookers_rooms::{RoomName, ViewerId};
use tokio::time::Instant;

use super::fake::Call;
use super::world::World;

/// A page, and its site.
const PAGE: usize = 1;
const SITE: usize = 0;

/// Of each node two visitors of a page, one of them everybody's, and somebody at the first who looks.
async fn looking() -> World {
    let mut world = World::new(1).await;
    for member in 0..3 {
        world.join_as(member, PAGE, Some(0));
        world.join_as(member, PAGE, Some(1 + member as u8));
    }
    world.look(0, PAGE);
    world.look(0, SITE);
    world.settle().await;
    world.check_exact("at first");
    world
}

#[tokio::test(start_paused = true)]
async fn a_visitor_of_several_nodes_is_one() {
    let world = looking().await;
    let counts = world.shown(0, SITE);
    assert_eq!((counts.tabs, counts.visitors), (6, 4));
}

#[tokio::test(start_paused = true)]
async fn a_killed_node_is_gone_within_ten_seconds() {
    let mut world = looking().await;
    world.kill(1);
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(world.shown(0, PAGE).tabs, 6, "it might come back");
    world.pass(Duration::from_secs(5)).await;
    world.check_exact("ten seconds after");
    world.check_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_is_gone_at_once() {
    let mut world = looking().await;
    world.stop(1).await;
    world.settle().await;
    world.check_exact("300 ms after");
    let left = world.server.change(|state| state.nodes().len());
    assert_eq!(left, 2);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_restarted_causes_no_other_number() {
    let mut world = looking().await;
    world.stop(1).await;
    world.start().await;
    for _ in 0..40 {
        world.pass(Duration::from_millis(100)).await;
        let tabs = world.shown(0, PAGE).tabs;
        assert!((4..=6).contains(&tabs), "{tabs}");
    }
    world.join_as(2, PAGE, Some(0));
    world.settle().await;
    world.check_exact("after its first viewer");
}

#[tokio::test(start_paused = true)]
async fn the_first_viewer_of_a_new_node_counts_at_once() {
    let mut world = looking().await;
    world.start().await;
    world.join_as(3, PAGE, Some(0));
    world.settle().await;
    world.check_exact("300 ms after");
}

#[tokio::test(start_paused = true)]
async fn a_frozen_node_that_wakes_up_counts_once() {
    for seconds in [1, 6, 9, 30, 100] {
        let mut world = looking().await;
        world.look(1, PAGE);
        world.settle().await;
        world.freeze(1, Duration::from_secs(seconds));
        world.pass(Duration::from_secs(seconds)).await;
        for _ in 0..30 {
            world.pass(Duration::from_millis(100)).await;
            let [one, other] = [0, 1].map(|member| world.shown(member, PAGE).tabs);
            assert!(one <= 6 && other == 6, "{one} and {other} after {seconds} s");
        }
        world.check_exact("after it woke up");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_node_only_renews_its_leases() {
    let mut world = looking().await;
    world.pass(Duration::from_secs(1)).await;
    world.server.change(|state| state.made.clear());
    world.pass(Duration::from_secs(20)).await;
    let made = world.server.change(|state| state.made.clone());
    assert_eq!(made.keys().collect::<Vec<_>>(), [&Call::Renew]);
    assert!((28..=33).contains(&made[&Call::Renew]), "{made:?}");
}

#[tokio::test(start_paused = true)]
async fn rooms_that_nobody_looks_at_are_not_read() {
    let mut world = World::new(1).await;
    world.server.change(|state| state.made.clear());
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        world.join_as(0, PAGE, Some(0));
        world.leave(0);
        world.join_as(1, PAGE, Some(0));
        world.pass(Duration::from_millis(30)).await;
        world.leave(1);
    }
    let made = world.server.change(|state| state.made.clone());
    assert!(!made.contains_key(&Call::Read) && !made.contains_key(&Call::Listen), "{made:?}");
    assert!((100..=202).contains(&made[&Call::Publish]), "{made:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_goes_out_even_if_nothing_else_changes() {
    let mut world = looking().await;
    let name: RoomName = "a.example/a".parse().unwrap();
    let look = world.members[0].rooms.open(&name);
    world.settle().await;
    // More than one batch has place for.
    (0..600).for_each(|_| look.post(ViewerId::new(1), &"x".repeat(1_000)));
    assert!(!world.members[0].rooms.has_told_all());
    world.pass(Duration::from_secs(1)).await;
    assert!(world.members[0].rooms.has_told_all());
}
