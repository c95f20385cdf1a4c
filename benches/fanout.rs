//! What a delivered frame costs: onlookers beside a bare write loop and beside nginx with Nchan.
//!
//! `cargo bench --bench fanout -- --viewers 1000,10000 --rounds 3 --plot docs/fanout.svg`
//!
//! The same work goes to each server, on one machine over loopback: N viewers connect and stay; then one more joins
//! or leaves, twenty times, at most every 400 ms, and each change goes to all. The servers take a change each in
//! turn (load/turns.rs), so that what else the machine does meanwhile it does to all. Each server is a process of
//! its own, and so is what holds its viewers. CPU is the server's own, as the scheduler accounts for it, from each
//! change until all have its frame. Absolute times differ from machine to machine: believe the ratios.
//!
//! - `floor`: one epoll thread that writes each frame to each viewer and does nothing else (fanout/floor.rs);
//! - `onlookers`: the program as users run it;
//! - `events` (with `--servers onlookers,events`): its server-sent events, beside its pictures;
//! - `websocket` (with `--servers onlookers,websocket`): the same counts as messages of WebSockets;
//! - `nchan`: nginx with Nchan as a multipart publisher, where both are installed (fanout/nchan.rs);
//! - `onlookers+tls`, `nchan+tls` (with `--tls`): pictures over TLS 1.3, with a certificate of the bench's own.
//!
//! `--against BINARY` adds servers of another build of onlookers, and prints whether the current build keeps what is
//! allowed (fanout/criteria.rs).
//!
//! `--tls` also has all viewers join one server at once (fanout/rush.rs), and prints what is asked of TLS
//! (fanout/tls_criteria.rs) beside rustls' handshakes alone (fanout/handshakes.rs).
//!
//! `--churn MINUTES` is the other mode: as many viewers as the file limit allows come and go at random, and at the
//! end each of them has to hold the right picture.

#[path = "fanout/args.rs"]
mod args;
#[path = "fanout/churn.rs"]
mod churn;
#[path = "fanout/criteria.rs"]
mod criteria;
#[path = "fanout/deaf.rs"]
mod deaf;
#[path = "fanout/figure.rs"]
mod figure;
#[path = "fanout/floor.rs"]
mod floor;
#[path = "fanout/handshakes.rs"]
mod handshakes;
#[path = "load/mod.rs"]
mod load;
#[path = "fanout/nchan.rs"]
mod nchan;
#[path = "fanout/plot.rs"]
mod plot;
#[path = "fanout/report.rs"]
mod report;
#[path = "fanout/rounds.rs"]
mod rounds;
#[path = "fanout/rush.rs"]
mod rush;
#[path = "fanout/server.rs"]
mod server;
#[path = "fanout/tls_criteria.rs"]
mod tls_criteria;
#[path = "fanout/work.rs"]
mod work;

use args::{Args, Role};
use clap::Parser;
use load::{account, options::Build};
use server::Launch;
use std::process::ExitCode;

pub(crate) use load::Outcome;

fn main() -> ExitCode {
    load::run("fanout", || {
        let args = Args::parse().or_quick();
        match &args.role {
            Some(Role::Floor { frame_bytes }) => floor::serve(*frame_bytes),
            Some(Role::Work { kind, build, viewers, frame_bytes }) => {
                let launch = Launch::new(&args, *build, *frame_bytes);
                let played = work::play(&launch, *kind, *viewers, &args);
                played.map_err(|error| format!("{kind}: {error}").into())
            }
            Some(Role::Rush { kind, build, viewers }) => {
                let launch = Launch::new(&args, *build, rounds::FRAME_BYTES);
                let played = rush::play(&launch, *kind, *viewers, &args);
                played.map_err(|error| format!("{kind}, all at once: {error}").into())
            }
            None => measure(&args),
        }
    })
}

fn measure(args: &Args) -> Outcome<()> {
    args.options.run.say_if_quick();
    if let Some(minutes) = args.churn {
        let launch = Launch::new(args, Build::Current, rounds::FRAME_BYTES);
        return churn::run(&launch, args, minutes);
    }
    account::require_files(args.most_viewers())?;
    let times = if args.options.run.quick { 50 } else { 2000 };
    let handshake = args.tls.then(|| handshakes::measure(times, args.resume)).transpose()?;
    let samples = rounds::play(args)?;
    report::print(&samples, args, handshake.as_ref());
    match &args.plot {
        Some(path) => plot::write(path, &samples),
        None => Ok(()),
    }
}
