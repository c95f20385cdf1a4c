//! The attackers: what they do, each kind in threads of its own, until the bench ends them.

use crate::{Outcome, load::attack::be_attackers};
use attacker::Attacker;
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

#[path = "attack/attacker.rs"]
mod attacker;
#[path = "attack/http2.rs"]
mod http2;
#[path = "attack/messages.rs"]
mod messages;
#[path = "attack/pictures.rs"]
mod pictures;
#[path = "attack/requests.rs"]
mod requests;
#[path = "attack/silence.rs"]
mod silence;
#[path = "attack/websockets.rs"]
mod websockets;

/// The room of ordinary viewers where attackers come and go.
pub(crate) const BESIEGED: (&str, &str) = ("besieged.example", "");

/// One thing that attackers do, over and over again.
struct Kind {
    name: &'static str,
    threads: u32,
    /// How long an attacker rests after each step.
    rest: Duration,
    step: fn(&mut Attacker) -> io::Result<()>,
}

const fn kind(
    name: &'static str,
    threads: u32,
    rest: u64,
    step: fn(&mut Attacker) -> io::Result<()>,
) -> Kind {
    Kind { name, threads, rest: Duration::from_millis(rest), step }
}

/// All of them, with their rests in milliseconds.
const KINDS: [Kind; 18] = [
    kind("pipelined heavy stills", 8, 0, pictures::stills),
    kind("streams in styles of their own", 4, 5, pictures::styles),
    kind("streams that nobody reads", 2, 20, pictures::unread),
    kind("idle connections", 1, 5, silence::idle),
    kind("unfinished heads", 1, 5, silence::heads),
    kind("bodies that never come", 1, 5, silence::bodies),
    kind("half a request, then a reset", 2, 1, requests::halves),
    kind("garbage", 2, 1, requests::garbage),
    kind("marks", 2, 1, requests::marks),
    kind("pages of random sites", 2, 1, requests::sites),
    kind("32 new pages on a WebSocket", 2, 0, websockets::rooms),
    kind("short WebSockets with a position", 4, 1, websockets::positions),
    kind("WebSockets with garbage", 2, 1, websockets::garbage),
    kind("loud senders of messages", 4, 50, messages::loud),
    kind("HTTP/2 streams, reset at once", 2, 1, http2::resets),
    kind("endless heads of HTTP/2", 2, 1, http2::continuations),
    kind("settings of HTTP/2", 2, 1, http2::settings),
    kind("pings of HTTP/2", 2, 1, http2::pings),
];

/// Attacks with the kinds in whose name `only` is, until the bench ends it, and prints then how much of it succeeded.
pub(crate) fn run(address: SocketAddr, only: &str) -> Outcome<()> {
    let kinds: Vec<_> = KINDS.iter().filter(|kind| kind.name.contains(only)).collect();
    let tallies: Arc<[Tally]> = kinds.iter().map(|_| Tally::default()).collect();
    let at_end = (kinds.clone(), Arc::clone(&tallies));
    be_attackers(move || at_end.0.iter().zip(at_end.1.iter()).for_each(|(kind, tally)| tally.print(kind)))?;
    let mut number = 0;
    for (at, kind) in kinds.into_iter().enumerate() {
        for _ in 0..kind.threads {
            number += 1;
            let (mut attacker, tallies) = (Attacker::new(address, number), Arc::clone(&tallies));
            thread::spawn(move || {
                loop {
                    tallies[at].count((kind.step)(&mut attacker).is_ok());
                    thread::sleep(kind.rest);
                }
            });
        }
    }
    loop {
        thread::park();
    }
}

/// How many steps succeeded and failed.
#[derive(Default)]
struct Tally {
    done: AtomicU64,
    failed: AtomicU64,
}

impl Tally {
    fn count(&self, done: bool) {
        if done { &self.done } else { &self.failed }.fetch_add(1, Relaxed);
    }

    fn print(&self, kind: &Kind) {
        let (done, failed) = (self.done.load(Relaxed), self.failed.load(Relaxed));
        println!("    {:40}{done:>10} times, {failed:>8} failed", kind.name);
    }
}
