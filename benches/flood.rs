//! What ordinary viewers notice while others have the server paint as much as it will.
//!
//! `cargo bench --bench flood`
//!
//! Viewers of one room stay while one viewer more joins or leaves, and somebody asks for `/count/…` all the time: once in
//! peace, and once while attackers ask for the heaviest pictures there are, each another one, from addresses that change
//! all the time. They run at nice 19, since they share the server's cores, which real ones would not.

#[path = "flood/attack.rs"]
mod attack;
#[path = "flood/counts.rs"]
mod counts;
#[path = "load/mod.rs"]
mod load;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use counts::Counts;
use load::asker::Asker;
use load::attack::Attackers;
use load::crowd::Crowd;
use load::options::{Build, Options};
use load::samples::{Sample, criteria_head, criterion, ms, quantile, row, summary, values};
use load::server::Server;
use load::{Outcome, account};

/// How many viewers of 100 have the frame at the time that is measured, and of how many changes of 100.
const SHARE: f64 = 0.95;

const JOIN: &str = "a join painted, 95 % of changes, ms";
const COUNT: &str = "/count, 95 % of answers, ms";
const LONGEST_COUNT: &str = "/count, the longest answer, ms";
const CPU: &str = "the server, % of a core";
const LOST: &str = "viewers put out";

/// How long a join takes, and a count, in peace and under attack.
#[derive(Parser, Clone)]
struct Args {
    /// How many ordinary viewers stay.
    #[arg(long, default_value_t = 1000)]
    viewers: usize,

    /// How many attackers there are.
    #[arg(long, default_value_t = 16)]
    attackers: usize,

    #[command(flatten)]
    options: Options,

    #[command(subcommand)]
    role: Option<Role>,
}

/// What this program does as a child of itself.
#[derive(Subcommand, Clone)]
enum Role {
    /// Attack a server until the bench ends it.
    #[command(hide = true)]
    Attack { address: SocketAddr },
}

#[derive(Clone, Copy, PartialEq)]
enum Situation {
    Peace,
    Attack,
}

fn main() -> ExitCode {
    load::run("flood", || {
        let args = Args::parse();
        let options = args.options.clone().or_quick();
        let viewers = if options.run.quick { 100 } else { args.viewers };
        let args = Args { viewers, options, ..args };
        match args.role {
            Some(Role::Attack { address }) => attack::run(address, args.attackers),
            None => measure(&args),
        }
    })
}

fn measure(args: &Args) -> Outcome<()> {
    args.options.run.say_if_quick();
    account::require_files(args.viewers)?;
    let mut samples = Vec::new();
    for round in 0..args.options.rounds {
        println!("round {} of {}", round + 1, args.options.rounds);
        let server = Server::start(&args.options.command(Build::Current)?, "flood", None)?;
        let mut crowd = Crowd::new(Asker::picture(server.address), args.options.at_once)?;
        crowd.may_lose = true;
        crowd.fill(args.viewers)?;
        for subject in [Situation::Peace, Situation::Attack] {
            let attackers = (subject == Situation::Attack).then(|| attackers(server.address)).transpose()?;
            let figures = look(args, &server, &mut crowd)?;
            drop(attackers);
            samples.push(Sample {
                subject,
                viewers: args.viewers,
                round,
                figures: figures.into_iter().collect(),
            });
        }
    }
    print(&samples.iter().collect::<Vec<_>>(), args);
    Ok(())
}

/// The figures of some changes.
fn look(args: &Args, server: &Server, crowd: &mut Crowd) -> Outcome<Vec<(String, f64)>> {
    let counts = Counts::ask(server.address);
    let (started, cpu) = (Instant::now(), server.account.cpu()?);
    let mut joins = Vec::new();
    for _ in 0..args.options.changes {
        joins.extend(quantile(&crowd.timed_change(args.options.every)?, SHARE));
    }
    let cpu = (server.account.cpu()? - cpu).as_secs_f64() / started.elapsed().as_secs_f64();
    let counts: Vec<_> = counts.stop()?.into_iter().map(ms).collect();
    let figures = [
        (JOIN, quantile(&joins, SHARE)),
        (COUNT, quantile(&counts, SHARE)),
        (LONGEST_COUNT, quantile(&counts, 1.0)),
        (CPU, Some(100.0 * cpu)),
        (LOST, Some(crowd.lost as f64)),
    ];
    Ok(figures.into_iter().filter_map(|(name, value)| Some((name.into(), value?))).collect())
}

fn print(samples: &[&Sample<Situation>], args: &Args) {
    println!("\n{} viewers, {} attackers", args.viewers, args.attackers);
    println!("of {} rounds the median (least to most)\n", args.options.rounds);
    row("", ["in peace", "under attack"].map(String::from).into_iter());
    for name in [JOIN, COUNT, LONGEST_COUNT, CPU, LOST] {
        let situations = [Situation::Peace, Situation::Attack].into_iter();
        row(name, situations.map(|subject| summary(&values(samples, subject, name))));
    }
    criteria_head();
    let later = load::samples::ratios(samples, JOIN, Situation::Attack, Situation::Peace);
    criterion("a join painted under attack, of in peace", 2.0, &later);
    criterion("/count under attack, ms", 20.0, &values(samples, Situation::Attack, COUNT));
    criterion("viewers put out", 0.0, &values(samples, Situation::Attack, LOST));
}

fn attackers(address: SocketAddr) -> Outcome<Attackers> {
    Attackers::start(&["attack".into(), address.to_string()])
}
