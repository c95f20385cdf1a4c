//! An hour in which anything may happen, in an order that a seed decides.

use std::time::Duration;

use super::world::{ROOMS, World};

/// Numbers that follow from a seed (splitmix64).
#[derive(Clone, Default)]
pub(in crate::nodes) struct Random(pub(in crate::nodes) u64);

impl Random {
    /// One below that.
    pub(in crate::nodes) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end
    }
}

const STEP: Duration = Duration::from_millis(50);

/// How long all must have been well before what everybody sees is right.
const QUIET: Duration = Duration::from_millis(10_500);

#[tokio::test(start_paused = true)]
async fn an_hour_of_faults_ends_right() {
    run(1, Duration::from_secs(3_600)).await;
}

#[tokio::test(start_paused = true)]
async fn minutes_of_faults_end_right() {
    let seed = std::env::var("ONLOOKERS_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in seed.map_or(2..8, |seed| seed..seed + 1) {
        run(seed, Duration::from_secs(180)).await;
    }
}

/// Half a minute of faults or less, a quiet time, and again.
async fn run(seed: u64, time: Duration) {
    let mut world = World::new(seed).await;
    let end = world.now() + time;
    while world.now() < end {
        let faults = 100 + world.random.below(500);
        world.begin_faults();
        for _ in 0..faults {
            fault(&mut world).await;
            churn(&mut world).await;
        }
        world.heal().await;
        for _ in 0..QUIET.as_millis() / STEP.as_millis() {
            churn(&mut world).await;
        }
        world.is_well();
        world.settle().await;
        world.check_exact("after a quiet time");
        for _ in 0..world.random.below(100) {
            churn(&mut world).await;
        }
    }
    world.check_end().await;
}

/// Viewers come, look and go.
async fn churn(world: &mut World) {
    for _ in 0..world.random.below(4) {
        let (member, room) = (world.any_member(), world.random.below(ROOMS as u64) as usize);
        match world.random.below(12) {
            0..3 => world.join(member, room),
            3 => world.appear(member, room),
            4..8 => world.leave(member),
            8..10 => world.look(member, room),
            _ => world.move_viewer(member),
        }
    }
    world.pass(STEP).await;
}

async fn fault(world: &mut World) {
    let (member, time) = (world.any_member(), world.random.below(12_000));
    match world.random.below(300) {
        0 => world.kill(member),
        1 => world.stop(member).await,
        2 => world.start().await,
        3 => world.freeze(member, Duration::from_millis(time)),
        4 => world.freeze(member, Duration::from_millis(time * 8)),
        5 | 6 => world.cut(member, Duration::from_millis(time)),
        7 | 8 => world.deafen(member, Duration::from_millis(time / 4)),
        9 => world.wipe(Duration::from_millis(time / 6)),
        10 => world.cut_all(Duration::from_millis(time)),
        11 => world.fill(Duration::from_millis(time)),
        12..16 => world.delay(member, Duration::from_millis(time / 6)),
        16 | 17 => world.fail_over(Duration::from_millis(time / 30)),
        _ => {}
    }
}
