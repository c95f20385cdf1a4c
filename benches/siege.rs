//! Everything that a hostile client can do, all at once and for minutes, and what ordinary viewers notice of it.
//!
//! `cargo bench --bench siege -- --minutes 10`
//!
//! 5,000 ordinary viewers are on pages of a few sites: pictures, events and WebSockets. In each room one more joins or
//! leaves every few seconds, first in peace and then under attack. The attackers (siege/attack.rs has the list) are a
//! process at nice 19, since they share the server's cores. Their errors are theirs. An ordinary viewer that is put out,
//! or refused, is a finding. When the attackers have left, counts, open files and memory have to be as before.
//!
//! Attackers come and go in one of the rooms, too, whose count is never still: its viewers have to stay, and see the right
//! count in the end.

#[path = "siege/args.rs"]
mod args;
#[path = "siege/attack.rs"]
mod attack;
#[path = "siege/counts.rs"]
mod counts;
#[path = "load/mod.rs"]
mod load;
#[path = "siege/report.rs"]
mod report;
#[path = "siege/room.rs"]
mod room;
#[path = "siege/rooms.rs"]
mod rooms;
#[path = "siege/watch.rs"]
mod watch;

use std::process::ExitCode;
use std::time::Duration;

use args::{Args, Role};
use clap::Parser;
use load::attack::Attackers;
use load::server::Server;
use load::{Outcome, account};
use report::{After, Phase};
use rooms::{Changes, Rooms};
use watch::Watch;

fn main() -> ExitCode {
    load::run("siege", || {
        let args = Args::parse().or_quick();
        match args.role {
            Some(Role::Attack { address }) => attack::run(address, &args.only),
            None => measure(&args),
        }
    })
}

fn measure(args: &Args) -> Outcome<()> {
    args.run.say_if_quick();
    account::require_files(args.viewers)?;
    let server = Server::start(&args.server()?, "siege", None)?;
    let mut rooms = Rooms::open(server.address, args)?;
    println!("{} viewers in {} rooms; {:?} in peace", args.viewers, rooms.len(), args.peace());
    let peace = phase(&server, &mut rooms, args.peace())?;
    let before = Watch::look(server.account)?;
    println!("{:?} under attack", args.attack());
    let attackers = Attackers::start(&["attack".into(), server.address.to_string()])?;
    let attack = phase(&server, &mut rooms, args.attack())?;
    attackers.end()?.iter().for_each(|line| println!("{line}"));
    println!("the attackers have left");
    let settled = rooms.during(Changes::None, || watch::settle(server.account, &before))??;
    let wrong_counts = rooms.check(server.address, &args.run.onlookers)?;
    let after = After { before, settled, wrong_counts, lost: rooms.lost(), why_lost: rooms.why_lost() };
    report::print(args, &[peace, attack], &after);
    Ok(())
}

/// Changes in every room for some time, and what the server takes meanwhile.
fn phase(server: &Server, rooms: &mut Rooms, time: Duration) -> Outcome<Phase> {
    let (lost, cpu) = (rooms.lost(), server.account.cpu()?);
    server.account.forget_peak()?;
    let most = rooms.during(Changes::Steady, || watch::most(server.account, time))??;
    let cpu = (server.account.cpu()? - cpu).as_secs_f64() / time.as_secs_f64();
    Ok(Phase {
        delays: rooms.take_delays(),
        changes: rooms.take_changes(),
        lost: rooms.lost() - lost,
        cpu,
        most,
    })
}
