//! One run: viewers come, nothing happens, some come and go and then stop, many change at once, a node dies.

use crate::{
    args::Size,
    crowd::Crowd,
    load::{
        Outcome,
        account::Account,
        samples::{Figures, mib, ms, quantile},
    },
    node::{self, Node},
    redis_server::{Redis, Work},
    watch::{Followed, LOOK, agree},
};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// How long it takes until nodes that start at once know each other: one renewal of their leases.
const START: Duration = Duration::from_millis(2500);

/// How many viewers come on each node in turn, at first.
const PARTY: usize = 100;

/// How long the renewals and readings of a phase may go on in the next.
const PAUSE: Duration = Duration::from_millis(500);

pub(crate) fn play(size: &Size) -> Outcome<Figures> {
    let mut figures = Figures::new();
    let mut redis = Redis::start()?;
    let nodes = (0..size.nodes).map(|_| Node::start(&redis.url)).collect::<Outcome<Vec<_>>>()?;
    thread::sleep(START);
    let opened = redis.work()?.connections;
    let mut crowd = Crowd::new(size, nodes, node::names(size)?);
    let before = memory(&redis)?;
    let rooms = crowd.names.clone();
    crowd.nodes.iter_mut().for_each(|node| node.look_at(&rooms));
    fill(&mut crowd, size, &mut figures)?;
    note_memory(&mut figures, before, memory(&redis)?, size);
    quiet(&mut redis, size, &mut figures)?;
    churn(&mut crowd, &mut redis, size, &mut figures)?;
    stops(&mut crowd, size, &mut figures)?;
    burst(&mut crowd, size, &mut figures)?;
    figures.insert("lost: connections that were opened again".into(), redis.work()?.connections - opened);
    crowd.kill();
    figures.insert("kill: all agree, s".into(), agree(&crowd)?.as_secs_f64());
    let load = fs::read_to_string("/proc/loadavg")?;
    figures.insert("load".into(), load.split(' ').next().unwrap_or_default().parse()?);
    Ok(figures)
}

fn fill(crowd: &mut Crowd, size: &Size, figures: &mut Figures) -> Outcome<()> {
    let started = Instant::now();
    for begin in (0..size.viewers).step_by(PARTY) {
        for node in 0..size.nodes {
            for _ in begin..size.viewers.min(begin + PARTY) {
                crowd.join(node)?;
            }
        }
    }
    figures.insert("fill: all have come, s".into(), started.elapsed().as_secs_f64());
    figures.insert("fill: all agree, s".into(), agree(crowd)?.as_secs_f64());
    Ok(())
}

/// Bytes of this process, and of Redis.
fn memory(redis: &Redis) -> Outcome<[u64; 2]> {
    Ok([Account::own().memory()?, redis.memory()?])
}

fn note_memory(figures: &mut Figures, before: [u64; 2], after: [u64; 2], size: &Size) {
    let [nodes, redis] = [after[0] - before[0], after[1] - before[1]];
    figures.insert("memory of a node, MiB".into(), mib(nodes) / size.nodes as f64);
    figures.insert("memory of Redis, MiB".into(), mib(redis));
}

fn quiet(redis: &mut Redis, size: &Size, figures: &mut Figures) -> Outcome<()> {
    thread::sleep(PAUSE);
    let (before, started) = (redis.work()?, Instant::now());
    thread::sleep(Duration::from_secs_f64(size.seconds));
    let work = redis.work()?.since(before);
    note_work(figures, "quiet", work, started.elapsed(), size);
    Ok(())
}

fn churn(crowd: &mut Crowd, redis: &mut Redis, size: &Size, figures: &mut Figures) -> Outcome<()> {
    let mut followed = Followed::default();
    let commands = redis.commands()?;
    let (before, cpu, started) = (redis.work()?, nodes_cpu()?, Instant::now());
    let changes = come_and_go(crowd, Duration::from_secs_f64(size.seconds), size.churn, &mut followed)?;
    let took = started.elapsed();
    let (work, cpu) = (redis.work()?.since(before), nodes_cpu()? - cpu);
    agree(crowd)?;
    followed.look(crowd);
    note_work(figures, "churn", work, took, size);
    note_commands(figures, &commands, &redis.commands()?, work.publishes);
    figures.insert("churn: changes/s".into(), changes as f64 / took.as_secs_f64());
    figures.insert("churn: changed rooms/s".into(), work.publishes / took.as_secs_f64());
    figures.insert("churn: commands a changed room".into(), work.commands / work.publishes);
    figures.insert("churn: a node, % of a core".into(), percent(cpu / size.nodes as f64, took));
    for (name, share) in [("half", 0.5), ("95 %", 0.95), ("99 %", 0.99), ("all", 1.0)] {
        let delay = quantile(&followed.delays, share).unwrap_or(f64::NAN);
        figures.insert(format!("churn: until the last node has {name} of the changes, ms"), delay);
    }
    Ok(())
}

/// Viewers come and go for so long. Returns how many.
fn come_and_go(crowd: &mut Crowd, time: Duration, churn: u32, followed: &mut Followed) -> Outcome<u64> {
    let (mut changes, started) = (0, Instant::now());
    while started.elapsed() < time {
        while (changes as f64) < started.elapsed().as_secs_f64() * f64::from(churn) {
            followed.follow(crowd.change(changes)?);
            changes += 1;
        }
        thread::sleep(LOOK);
        followed.look(crowd);
    }
    Ok(changes)
}

/// They come and go, and all stop at the same moment, again and again: how long it takes until every total is right.
fn stops(crowd: &mut Crowd, size: &Size, figures: &mut Figures) -> Outcome<()> {
    let mut delays = Vec::new();
    for _ in 0..(size.seconds * 5.0) as usize {
        come_and_go(crowd, PAUSE, size.churn, &mut Followed::default())?;
        delays.push(ms(agree(crowd)?));
    }
    for (name, share) in [("half of the times", 0.5), ("99 % of them", 0.99), ("the worst", 1.0)] {
        let delay = quantile(&delays, share).unwrap_or(f64::NAN);
        figures.insert(format!("stop: all agree after the last change, {name}, ms"), delay);
    }
    Ok(())
}

/// A tenth of the viewers, at once.
fn burst(crowd: &mut Crowd, size: &Size, figures: &mut Figures) -> Outcome<()> {
    let changes = size.nodes * size.viewers / 10;
    let started = Instant::now();
    for number in 0..changes {
        crowd.change(number as u64)?;
    }
    agree(crowd)?;
    figures.insert("burst: changes".into(), changes as f64);
    figures.insert("burst: all agree, s".into(), started.elapsed().as_secs_f64());
    Ok(())
}

/// Seconds on a CPU.
fn nodes_cpu() -> Outcome<f64> {
    Ok(Account::own().threads()?.get(node::THREAD).copied().unwrap_or_default().as_secs_f64())
}

fn note_work(figures: &mut Figures, phase: &str, work: Work, took: Duration, size: &Size) {
    let a_second = |value: f64| value / took.as_secs_f64();
    let all = [
        ("round trips/s of a node", a_second(work.reads) / size.nodes as f64),
        ("commands/s", a_second(work.commands)),
        ("KiB/s to Redis", a_second(work.bytes_in) / 1024.0),
        ("KiB/s from Redis", a_second(work.bytes_out) / 1024.0),
        ("Redis, % of a core", percent(work.cpu, took)),
    ];
    figures.extend(all.map(|(name, value)| (format!("{phase}: {name}"), value)));
}

fn note_commands(figures: &mut Figures, before: &[(String, f64)], after: &[(String, f64)], rooms: f64) {
    for (name, calls) in after {
        let had = before.iter().find(|(before, _)| before == name).map_or(0.0, |(_, calls)| *calls);
        if calls - had > rooms / 100.0 {
            figures.insert(format!("churn: {name} a changed room"), (calls - had) / rooms);
        }
    }
}

fn percent(seconds: f64, of: Duration) -> f64 {
    100.0 * seconds / of.as_secs_f64()
}
