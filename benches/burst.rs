//! What a burst of connections leaves behind, and whether viewers notice it.
//!
//! `cargo bench --bench burst -- --sends byte,head,body`
//!
//! Viewers of one room stay while one viewer more joins or leaves: once in peace, and once while 10,000 connections come,
//! send a byte each and leave, again and again. They come from many addresses, and from a process at nice 19, since it
//! shares the server's cores. Afterwards the server has to have as many open files as before, and about as much memory.

#[path = "burst/connections.rs"]
mod connections;
#[path = "load/mod.rs"]
mod load;
#[path = "burst/report.rs"]
mod report;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use connections::Sends;
use load::asker::Asker;
use load::attack::Attackers;
use load::crowd::Crowd;
use load::options::{Build, Options};
use load::samples::{Figures, Sample, mib, quantile};
use load::server::Server;
use load::{Outcome, account};

/// How many viewers of 100 have the frame at the time that is measured, and of how many changes of 100.
const SHARE: f64 = 0.95;

/// Longer than a paced feed waits.
const REST: Duration = Duration::from_millis(1500);

/// How long a burst may take to come.
const LONGEST: Duration = Duration::from_secs(60);

/// How long the server may take to close the connections of the burst.
const CLOSE: Duration = Duration::from_secs(30);

/// How long it may take to give memory back after that.
const SETTLE: Duration = Duration::from_secs(5);

/// Memory and open files after a burst of connections, and how late a join is meanwhile.
#[derive(Parser, Clone)]
struct Args {
    /// How many ordinary viewers stay.
    #[arg(long, default_value_t = 1000)]
    viewers: usize,

    /// How many connections come at once.
    #[arg(long, default_value_t = 10_000)]
    connections: usize,

    /// What each of them sends, one run each.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "byte")]
    sends: Vec<Sends>,

    #[command(flatten)]
    options: Options,

    #[command(subcommand)]
    role: Option<Role>,
}

/// What this program does as a child of itself.
#[derive(Subcommand, Clone)]
enum Role {
    /// Come and go until the bench ends it.
    #[command(hide = true)]
    Burst { address: SocketAddr, what: Sends },
}

fn main() -> ExitCode {
    load::run("burst", || {
        let args = Args::parse().or_quick();
        match args.role {
            Some(Role::Burst { address, what }) => connections::run(address, what, args.connections),
            None => measure(&args),
        }
    })
}

impl Args {
    fn or_quick(self) -> Self {
        let options = self.options.or_quick();
        if !options.run.quick {
            return Self { options, ..self };
        }
        Self { viewers: 100, connections: 500, options, ..self }
    }
}

fn measure(args: &Args) -> Outcome<()> {
    args.options.run.say_if_quick();
    account::require_files(args.viewers + args.connections)?;
    let mut samples = Vec::new();
    for round in 0..args.options.rounds {
        for &subject in &args.sends {
            println!("{subject}, round {} of {}", round + 1, args.options.rounds);
            let figures = play(args, subject)?;
            samples.push(Sample { subject, viewers: args.viewers, round, figures });
        }
    }
    report::print(&samples.iter().collect::<Vec<_>>(), args);
    Ok(())
}

/// One round on a server of its own.
fn play(args: &Args, what: Sends) -> Outcome<Figures> {
    let server = Server::start(&args.options.command(Build::Current)?, "burst", None)?;
    let mut crowd = Crowd::new(Asker::picture(server.address), args.options.at_once)?;
    crowd.may_lose = true;
    crowd.fill(args.viewers)?;
    // The feed rests after so many joins; in peace that would make the first change late.
    crowd.read_until(Instant::now() + REST)?;
    let peace = joins(args, &mut crowd, || true)?;
    let (files, memory) = (other_files(&server, &crowd)?, server.account.resident()?);
    server.account.forget_peak()?;
    let attackers = Attackers::start(&["burst".into(), server.address.to_string(), what.to_string()])?;
    let (mut came, start) = (Vec::new(), Instant::now());
    let burst = joins(args, &mut crowd, || {
        came.extend(attackers.lines().filter_map(|line| line.parse::<f64>().ok()));
        !came.is_empty() || start.elapsed() > LONGEST
    })?;
    // The kernel's own account of the peak is a little late.
    let peak = server.account.peak()?.max(server.account.resident()?);
    drop(attackers);
    let left = settle(&server, &mut crowd, files)?;
    let after = server.account.resident()?;
    let figures = [
        (report::BEFORE, mib(memory)),
        (report::PEAK, mib(peak)),
        (report::AFTER, mib(after)),
        (report::RATIO, after as f64 / memory as f64),
        (report::CAME, quantile(&came, 1.0).unwrap_or(0.0)),
        (report::BURSTS, came.len() as f64),
        (report::LEFT, left as f64),
        (report::PEACE, quantile(&peace, SHARE).unwrap_or(f64::NAN)),
        (report::BURST, quantile(&burst, SHARE).unwrap_or(f64::NAN)),
        (report::LOST, crowd.lost as f64),
    ];
    crowd.why_lost.iter().for_each(|why| println!("put out: {why}"));
    Ok(figures.map(|(name, value)| (name.into(), value)).into())
}

/// How many milliseconds some joins and leaves took to be painted, and more of them until `done`.
fn joins(args: &Args, crowd: &mut Crowd, mut done: impl FnMut() -> bool) -> Outcome<Vec<f64>> {
    let (mut joins, mut changes) = (Vec::new(), 0);
    while changes < args.options.changes || !done() {
        changes += 1;
        joins.extend(quantile(&crowd.timed_change(args.options.every)?, SHARE));
    }
    Ok(joins)
}

/// The server's open files without its viewers'.
fn other_files(server: &Server, crowd: &Crowd) -> Outcome<usize> {
    Ok(server.account.open_files()?.saturating_sub(crowd.len()))
}

/// Waits until the connections of the burst are closed, and memory has been given back. Returns how many files are still
/// open that were not before.
fn settle(server: &Server, crowd: &mut Crowd, before: usize) -> Outcome<usize> {
    let deadline = Instant::now() + CLOSE;
    loop {
        crowd.read_until(Instant::now() + Duration::from_millis(100))?;
        let left = other_files(server, crowd)?.saturating_sub(before);
        if left == 0 || Instant::now() > deadline {
            crowd.read_until(Instant::now() + SETTLE)?;
            return Ok(other_files(server, crowd)?.saturating_sub(before));
        }
    }
}
