//! What a delivered frame costs: onlookers beside a bare write loop and beside nginx with Nchan.
//!
//! `cargo bench --bench fanout -- --viewers 1000,10000 --rounds 3 --plot docs/fanout.svg`
//!
//! The same work goes to each server, on one machine over loopback: N viewers connect and stay; then one more joins
//! or leaves, twenty times, at most every 400 ms, and each change goes to all. The servers take a change each in
//! turn (fanout/turns.rs), so that what else the machine does meanwhile it does to all. Each server is a process of
//! its own, and so is what holds its viewers. CPU is the server's own, as the scheduler accounts for it, from each
//! change until all have its frame. Absolute times differ from machine to machine: believe the ratios.
//!
//! - `floor`: one epoll thread that writes each frame to each viewer and does nothing else (fanout/floor.rs);
//! - `onlookers`: the program as users run it;
//! - `events` (with `--servers onlookers,events`): its server-sent events, beside its pictures;
//! - `websocket` (with `--servers onlookers,websocket`): the same counts as messages of WebSockets;
//! - `nchan`: nginx with Nchan as a multipart publisher, where both are installed (fanout/nchan.rs).
//!
//! `--churn MINUTES` is the other mode: as many viewers as the file limit allows come and go at random, and at the
//! end each of them has to hold the right picture.

#[path = "fanout/account.rs"]
mod account;
#[path = "fanout/args.rs"]
mod args;
#[path = "fanout/asker.rs"]
mod asker;
#[path = "fanout/churn.rs"]
mod churn;
#[path = "fanout/crowd.rs"]
mod crowd;
#[path = "fanout/deaf.rs"]
mod deaf;
#[path = "fanout/figure.rs"]
mod figure;
#[path = "fanout/floor.rs"]
mod floor;
#[path = "fanout/guard.rs"]
mod guard;
#[path = "fanout/nchan.rs"]
mod nchan;
#[path = "fanout/pictures.rs"]
mod pictures;
#[path = "fanout/plot.rs"]
mod plot;
#[path = "fanout/report.rs"]
mod report;
#[path = "fanout/server.rs"]
mod server;
#[path = "fanout/stream.rs"]
mod stream;
#[path = "fanout/turns.rs"]
mod turns;
#[path = "fanout/work.rs"]
mod work;

use args::{Args, Role};
use clap::Parser;
use server::{Kind, Launch};
use std::{error::Error, process::ExitCode};
use turns::Sample;

/// What can fail here ends the bench with a sentence for its reader, so one boxed error serves all.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Until onlookers has shown how long its frames are.
const FRAME_BYTES: usize = 800;

fn main() -> ExitCode {
    let args = Args::parse().or_quick();
    let outcome = match &args.role {
        Some(Role::Floor { frame_bytes }) => floor::serve(*frame_bytes),
        Some(Role::Guard { command }) => guard::watch(command),
        Some(Role::Work { kind, viewers, frame_bytes }) => {
            let played = Launch::new(&args, *frame_bytes)
                .and_then(|launch| work::play(&launch, *kind, *viewers, &args));
            played.map_err(|error| format!("{kind}: {error}").into())
        }
        None => measure(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> Outcome<()> {
    if args.quick {
        println!("a quick run, to see that the bench works: its figures mean nothing");
    }
    if let Some(minutes) = args.churn {
        return churn::run(&Launch::new(args, FRAME_BYTES)?, args, minutes);
    }
    account::require_files(args.most_viewers())?;
    let samples = rounds(args)?;
    report::print(&samples, args);
    match &args.plot {
        Some(path) => plot::write(path, &samples),
        None => Ok(()),
    }
}

/// Every second round goes the other way round, so that the order favours nobody.
fn rounds(args: &Args) -> Outcome<Vec<Sample>> {
    let (mut samples, mut kinds, mut frame_bytes) = (Vec::new(), installed(args), FRAME_BYTES);
    for &viewers in &args.viewers {
        for round in 0..args.rounds {
            println!("{viewers} viewers, round {} of {}", round + 1, args.rounds);
            samples.extend(turns::round(&kinds, viewers, round, &mut frame_bytes)?);
            kinds.reverse();
        }
    }
    Ok(samples)
}

fn installed(args: &Args) -> Vec<Kind> {
    let mut kinds = args.servers.clone();
    if kinds.contains(&Kind::Nchan) && nchan::module().is_none() {
        println!("nchan is LEFT OUT: no nginx with Nchan here (Debian: nginx, libnginx-mod-nchan)");
        kinds.retain(|&kind| kind != Kind::Nchan);
    }
    kinds
}
