//! What it costs that several nodes count together: round trips, commands, bytes and CPU of Redis, and how late the others
//! have a change.
//!
//! `cargo bench --bench nodes`, and `cargo bench --bench nodes -- --scale --plot docs/scale.svg`
//!
//! The rooms and what shares them are those of the program; a viewer is a guard, without a socket. Each node has its
//! rooms, its connections to Redis and a thread of its own, by which its CPU is known; Redis is Debian's, a process of
//! its own on this machine. All rooms are looked at on all nodes, sites and pages alike, which is the most that can be.
//!
//! One run (nodes/play.rs): viewers come until all have their tab; then nothing happens for a while; then some come and some
//! go at random; then many change at once; then a node dies. After each of these, every room on every node is compared
//! with what is true.

#[path = "nodes/args.rs"]
mod args;
#[path = "nodes/crowd.rs"]
mod crowd;
#[path = "load/mod.rs"]
mod load;
#[path = "nodes/node.rs"]
mod node;
#[path = "nodes/play.rs"]
mod play;
#[path = "nodes/plot.rs"]
mod plot;
#[path = "nodes/redis.rs"]
mod redis_server;
#[path = "nodes/report.rs"]
mod report;
#[path = "nodes/scale.rs"]
mod scale;
#[path = "nodes/truth.rs"]
mod truth;
#[path = "nodes/watch.rs"]
mod watch;

use std::process::ExitCode;

use args::{Args, Role};
use clap::Parser;
use load::Outcome;

fn main() -> ExitCode {
    load::run("nodes", || {
        let args = Args::parse().or_quick();
        match &args.role {
            Some(Role::Play(size)) => play::play(size).map(|figures| scale::tell(&figures)),
            None => measure(&args),
        }
    })
}

fn measure(args: &Args) -> Outcome<()> {
    args.run.say_if_quick();
    if args.scale {
        return scale::measure(args);
    }
    println!("{}", args.size);
    let figures = play::play(&args.size)?;
    report::print(&figures);
    report::criteria(&figures);
    Ok(())
}
