//! The work that each server gets, and what is measured while it does it.

use crate::{
    Outcome,
    args::Args,
    figure::{self, of_turn},
    load::{
        account::Account,
        asker::Asker,
        crowd::Crowd,
        options::Build,
        samples::quantile,
        server::Server,
        turns::{self, Turns, tell},
    },
    pages::Status,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

/// How the names of event loops begin. Earlier builds had a `switchboard`, which read all WebSockets.
const LOOPS: [&str; 3] = ["loop-", "fanout-", "switchboard"];

/// One turn with messages and one without; the figures go to standard output.
pub(crate) fn play(args: &Args, build: Build, messages_first: bool) -> Outcome<()> {
    let turns = Turns::listen();
    let server = Server::start(&args.server(build)?, &format!("messages-{}", build.name()), None)?;
    let start_other =
        || Server::start(&args.server(build)?, &format!("messages-{}-apart", build.name()), None);
    let other = args.apart.then(start_other).transpose()?;
    let mut crowd = Crowd::new(Asker::picture(server.address), args.options.at_once)?;
    crowd.may_lose = true;
    let pages = Status::start(other.as_ref().unwrap_or(&server).address, args)?;
    let mut work = Work { args, server, crowd, pages, started: Instant::now() };
    work.settle()?;
    work.crowd.fill(args.viewers)?;
    let mut used = [None, None];
    for messages in [messages_first, !messages_first] {
        turns.wait(|| work.crowd.rest())?;
        used[usize::from(messages)] = Some(work.turn(messages)?);
    }
    if let [Some(without), Some(with)] = used {
        tell_messages(&without, &with);
    }
    tell(figure::LOST, (work.pages.lost.load(Relaxed) + work.crowd.lost) as f64);
    tell(figure::ERRORS, work.pages.errors.load(Relaxed) as f64);
    turns::over();
    Ok(())
}

/// A server with its viewers.
struct Work<'a> {
    args: &'a Args,
    server: Server,
    crowd: Crowd,
    pages: Arc<Status>,
    started: Instant,
}

impl Work<'_> {
    fn settle(&mut self) -> Outcome<()> {
        let pages = Arc::clone(&self.pages);
        self.crowd.until("the pages with WebSockets", |_| pages.settled.load(Relaxed))
    }

    fn turn(&mut self, messages: bool) -> Outcome<Used> {
        self.crowd.rest()?;
        let before = self.now()?;
        self.pages.settled.store(false, Relaxed);
        self.pages.send.store(messages, Relaxed);
        let mut delays = [const { Vec::new() }; figure::DELAYS.len()];
        for _ in 0..self.args.options.changes {
            let arrivals = self.crowd.timed_change(self.args.options.every)?;
            for ((_, share), delays) in figure::DELAYS.iter().zip(&mut delays) {
                delays.extend(quantile(&arrivals, *share));
            }
        }
        self.pages.send.store(false, Relaxed);
        self.settle()?;
        self.crowd.rest()?;
        for ((name, _), delays) in figure::DELAYS.iter().zip(&delays) {
            tell(&of_turn(name, messages), quantile(delays, 0.5).unwrap_or(0.0));
        }
        Ok(self.now()?.since(&before))
    }

    fn now(&self) -> Outcome<Used> {
        let threads = self.server.account.threads()?.into_iter();
        Ok(Used {
            threads: threads.map(|(name, cpu)| (name, cpu.as_secs_f64())).collect(),
            load: Account::own().cpu()?.as_secs_f64(),
            time: self.started.elapsed().as_secs_f64(),
            frames: self.crowd.tally.frames as f64,
            messages: self.pages.sent.load(Relaxed) as f64,
        })
    }
}

/// What a turn took, in seconds, and what came and went in it.
struct Used {
    /// CPU of the server's threads by their names.
    threads: BTreeMap<String, f64>,
    load: f64,
    time: f64,
    frames: f64,
    messages: f64,
}

impl Used {
    fn since(self, before: &Self) -> Self {
        let thread = |(name, cpu): (String, f64)| {
            let before = before.threads.get(&name).copied().unwrap_or(0.0);
            (name, cpu - before)
        };
        Self {
            threads: self.threads.into_iter().map(thread).collect(),
            load: self.load - before.load,
            time: self.time - before.time,
            frames: self.frames - before.frames,
            messages: self.messages - before.messages,
        }
    }

    /// CPU of the messages by thread: what is more than without them, frame by frame.
    fn of_messages(&self, without: &Self) -> BTreeMap<&str, f64> {
        let frames = self.frames / without.frames;
        let before = |name: &str| frames * without.threads.get(name).copied().unwrap_or(0.0);
        self.threads.iter().map(|(name, cpu)| (&name[..], cpu - before(name))).collect()
    }
}

fn tell_messages(without: &Used, with: &Used) {
    let (rate, cpu) = (with.messages / with.time, with.of_messages(without));
    let total: f64 = cpu.values().sum();
    tell(figure::RATE, rate);
    tell(figure::CPU, 1e6 * total / with.messages);
    tell(figure::LOAD, 100.0 * with.load / with.time);
    for (used, messages) in [(without, false), (with, true)] {
        for (name, cpu) in &used.threads {
            tell(&of_turn(&figure::thread_cpu(name), messages), 100.0 * cpu / used.time);
        }
    }
    // Below 0 is what the accounts are inexact by.
    let loops: Vec<_> = cpu.iter().filter(|(name, _)| is_loop(name)).collect();
    let shares: Vec<_> = loops.iter().map(|(_, cpu)| cpu.max(0.0)).collect();
    for ((name, _), share) in loops.iter().zip(&shares) {
        tell(&figure::thread_messages(name), rate * share / shares.iter().sum::<f64>());
    }
    if let Some((least, most)) = quantile(&shares, 0.0).zip(quantile(&shares, 1.0)) {
        tell(figure::EVEN, least / most);
    }
}

fn is_loop(thread: &str) -> bool {
    LOOPS.iter().any(|name| thread.starts_with(name))
}
