//! What the messages of pages cost, and whether pictures are late beside them.
//!
//! `cargo bench --bench messages -- --against BINARY --rounds 5`
//!
//! N WebSockets, in rooms of their own, each send four messages a second, while N pictures of another room are open
//! on the same server and one viewer more joins or leaves every 400 ms. In each round a server does this once with
//! the messages and once without; every second round begins with the messages. With `--against`, another binary does
//! the same in turn. Each server is a process of its own, and so is what holds its viewers; there, the WebSockets and
//! the pictures have a thread each.
//!
//! CPU of a message is what the server took more than without messages, divided by the messages; the frames of both
//! are taken out at the price that they have without messages.
//!
//! The load generator and the server share the cores, so that messages make pictures late even if another server gets
//! them: `--apart` measures that.

#[path = "messages/args.rs"]
mod args;
#[path = "messages/figure.rs"]
mod figure;
#[path = "load/mod.rs"]
mod load;
#[path = "messages/pages.rs"]
mod pages;
#[path = "messages/report.rs"]
mod report;
#[path = "messages/work.rs"]
mod work;

use args::{Args, Role};
use clap::Parser;
use load::{
    Outcome, account,
    options::Build,
    samples::Sample,
    turns::{self, Player},
};
use std::{mem, process::ExitCode};

fn main() -> ExitCode {
    load::run("messages", || {
        let args = Args::parse().or_quick();
        match args.role {
            Some(Role::Work { build, messages_first }) => work::play(&args, build, messages_first),
            None => measure(&args),
        }
    })
}

fn measure(args: &Args) -> Outcome<()> {
    args.options.run.say_if_quick();
    account::require_files(args.viewers + args.pages)?;
    let (mut samples, mut builds) = (Vec::new(), args.options.builds());
    for round in 0..args.options.rounds {
        println!("round {} of {}", round + 1, args.options.rounds);
        let start = |build: &Build| {
            let (build, messages_first) = (String::from(build.name()), round % 2 == 1);
            Player::start(build.clone(), &["work".into(), build, messages_first.to_string()])
        };
        let mut players = builds.iter().map(start).collect::<Outcome<Vec<_>>>()?;
        turns::finish(&mut players)?;
        samples.extend(builds.iter().zip(&mut players).map(|(&subject, player)| Sample {
            subject,
            viewers: args.viewers,
            round,
            figures: mem::take(&mut player.figures),
        }));
        builds.reverse();
    }
    report::print(&samples, args);
    Ok(())
}
