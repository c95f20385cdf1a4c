//! A store that fails, and what nodes make of it.

use std::time::Duration;

use onlookers_rooms::RoomName;

use super::fake::{Call, Fate};
use super::world::World;

/// A site, and a page of it.
const SITE: usize = 0;
const PAGE: usize = 1;
const OTHER: usize = 6;

const FIVE_SECONDS: Duration = Duration::from_secs(5);

/// Two viewers, and somebody at another node who looks.
async fn looking() -> World {
    let mut world = World::new(1).await;
    world.join_as(0, PAGE, Some(0));
    world.join_as(1, PAGE, Some(0));
    world.look(2, PAGE);
    world.settle().await;
    world.check_exact("at first");
    world
}

fn plan(world: &World, call: Call, fate: Fate, times: usize) {
    world.server.change(|state| state.planned.extend(vec![(call, fate); times]));
}

#[tokio::test(start_paused = true)]
async fn a_viewer_who_went_while_publishing_failed_is_gone() {
    for fate in [Fate::FailsBefore, Fate::FailsAfter, Fate::HangsBefore, Fate::HangsAfter] {
        for times in 1..3 {
            let mut world = looking().await;
            world.begin_faults();
            plan(&world, Call::Publish, fate, times);
            world.leave(0);
            world.heal().await;
            world.pass(FIVE_SECONDS * times as u32).await;
            world.check_exact("after a failure");
            world.check_end().await;
        }
    }
}

/// Between two renewals of the leases, so that none is lost.
#[tokio::test(start_paused = true)]
async fn what_a_replica_lacks_is_told_again() {
    let mut world = looking().await;
    world.fail_over(Duration::from_millis(300));
    world.leave(0);
    world.join_as(1, PAGE, Some(1));
    world.pass(FIVE_SECONDS).await;
    world.check_exact("after a failover");
    world.check_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_opened_waits_for_no_batch() {
    let mut world = looking().await;
    plan(&world, Call::Publish, Fate::HangsAfter, 1);
    world.join_as(2, OTHER, None);
    world.pass(Duration::from_millis(150)).await;
    world.look(2, SITE);
    world.settle().await;
    world.check_exact("while a batch isn't answered");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lost_all_is_told_all_even_if_its_answer_is_lost() {
    let mut world = looking().await;
    world.pass(FIVE_SECONDS * 2).await;
    world.wipe(Duration::ZERO);
    plan(&world, Call::Renew, Fate::FailsAfter, 3);
    world.heal().await;
    world.pass(FIVE_SECONDS).await;
    world.look(0, PAGE);
    world.settle().await;
    world.check_exact("five seconds after");
}

#[tokio::test(start_paused = true)]
async fn numbers_stay_while_a_store_restarts_with_nothing() {
    let mut world = looking().await;
    world.wipe(Duration::from_secs(1));
    for _ in 0..60 {
        world.pass(Duration::from_millis(100)).await;
        world.check_exact("meanwhile");
    }
}

#[tokio::test(start_paused = true)]
async fn visitors_are_known_by_one_key_after_the_store_lost_it() {
    let mut world = looking().await;
    world.wipe(Duration::from_millis(500));
    world.pass(FIVE_SECONDS * 2).await;
    world.start().await;
    world.pass(Duration::from_secs(1)).await;
    world.join_as(3, PAGE, Some(0));
    world.settle().await;
    world.check_exact("at a new node");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_had_is_asked_for_now_and_then() {
    let mut world = looking().await;
    plan(&world, Call::Key, Fate::FailsBefore, 10);
    world.start().await;
    world.pass(FIVE_SECONDS).await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_node_that_could_not_be_removed_stays_dead() {
    let mut world = looking().await;
    world.kill(0);
    world.pass(FIVE_SECONDS * 2).await;
    world.check_exact("ten seconds after");
    plan(&world, Call::Reap, Fate::FailsBefore, 32);
    for _ in 0..150 {
        world.pass(Duration::from_secs(1)).await;
        world.check_exact("long after");
    }
    assert_eq!(world.server.change(|state| state.nodes().len()), 2);
}

#[tokio::test(start_paused = true)]
async fn a_node_without_a_store_is_alone_and_back_soon() {
    let mut world = looking().await;
    world.look(0, PAGE);
    world.cut_all(Duration::from_secs(30));
    world.pass(Duration::from_secs(10)).await;
    assert_eq!([0, 2].map(|member| world.shown(member, PAGE).tabs), [1, 0]);
    world.join_as(0, PAGE, None);
    world.pass(Duration::from_millis(20_100)).await;
    world.pass(FIVE_SECONDS).await;
    world.check_exact("five seconds after");
}

#[tokio::test(start_paused = true)]
async fn a_full_store_is_tried_again() {
    let mut world = looking().await;
    world.fill(Duration::from_secs(20));
    world.join_as(0, PAGE, None);
    world.pass(Duration::from_secs(20)).await;
    world.join_as(1, OTHER, None);
    world.look(0, OTHER);
    world.pass(FIVE_SECONDS).await;
    world.check_exact("five seconds after");
}

#[tokio::test(start_paused = true)]
async fn a_node_without_a_store_remembers_no_pages_that_have_gone() {
    let mut world = looking().await;
    world.cut_all(Duration::from_secs(1_000));
    world.pass(Duration::from_secs(1)).await;
    for number in 0..300 {
        let name: RoomName = format!("d.example/{number}").parse().unwrap();
        let rooms = &world.members[2].rooms;
        let page = (rooms.join(&name, None).unwrap(), rooms.open(&name));
        // One that the store has been asked about.
        world.look(2, PAGE);
        world.pass(Duration::from_millis(130)).await;
        drop(page);
    }
    world.pass(Duration::from_secs(1)).await;
    assert!(world.members[2].held.all().0 < 10, "{:?}", world.members[2].held.all());
    world.heal().await;
    world.pass(FIVE_SECONDS).await;
    world.check_exact("five seconds after");
}
