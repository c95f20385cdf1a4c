//! The figures of all rounds as a table, and the criteria of a change to onlookers.

use crate::{
    args::Args,
    figure::{self, of_turn},
    load::{
        options::Build,
        samples::{Sample, criteria_head, criterion, ratios, row, summary, values},
    },
};
use std::collections::BTreeSet;

/// A picture may take so much longer beside messages.
const LATER: f64 = 1.2;
/// Threads that use less of a core, in percent, are left out.
const BUSY: f64 = 0.5;

pub(crate) fn print(samples: &[Sample<Build>], args: &Args) {
    let Args { viewers, pages, rate, options, .. } = args;
    println!("\n{viewers} pictures; {pages} WebSockets, each with {rate} messages a second");
    if let Some(binary) = &options.against {
        println!("against is {}", binary.display());
    }
    println!("of {} rounds the median (least to most)\n", options.rounds);
    let (samples, builds) = (samples.iter().collect::<Vec<_>>(), options.builds());
    row("", builds.iter().map(|build| build.name().into()));
    for name in names(&samples) {
        row(&name, builds.iter().map(|&build| summary(&values(&samples, build, &name))));
    }
    criteria_head();
    for build in builds.iter().copied() {
        criteria(&samples, build);
    }
    if options.against.is_some() {
        let ratios = ratios(&samples, figure::CPU, Build::Current, Build::Against);
        criterion("current, CPU a message: of against", 1.0, &ratios);
    }
}

fn criteria(samples: &[&Sample<Build>], build: Build) {
    for (name, _) in figure::DELAYS {
        let later = |sample: &&&Sample<Build>| {
            let delay = |messages| sample.figures.get(&of_turn(name, messages));
            Some(delay(true)? / delay(false)?)
        };
        let of_build = samples.iter().filter(|sample| sample.subject == build);
        let what = name.rsplit_once(", ").map_or(name, |(what, _unit)| what);
        let title = format!("{}, pictures, {what}: with messages, of without", build.name());
        criterion(&title, LATER, &of_build.filter_map(|sample| later(&sample)).collect::<Vec<_>>());
    }
    let title = format!("{}, {}", build.name(), figure::LOST);
    criterion(&title, 0.0, &values(samples, build, figure::LOST));
}

/// The names of what was measured, in the order of the table.
fn names(samples: &[&Sample<Build>]) -> Vec<String> {
    let mut names: Vec<String> = vec![figure::RATE.into(), figure::CPU.into()];
    for (name, _) in figure::DELAYS {
        names.extend([false, true].map(|messages| of_turn(name, messages)));
    }
    for thread in threads(samples) {
        let cpu = figure::thread_cpu(&thread);
        names.extend([of_turn(&cpu, false), of_turn(&cpu, true), figure::thread_messages(&thread)]);
    }
    names.extend([figure::EVEN, figure::LOST, figure::ERRORS, figure::LOAD].map(String::from));
    names.retain(|name| samples.iter().any(|sample| sample.figures.contains_key(name)));
    names
}

/// The names of the server's threads that do something.
fn threads(samples: &[&Sample<Build>]) -> BTreeSet<String> {
    let figures = samples.iter().flat_map(|sample| &sample.figures);
    let busy = figures.filter(|(_, value)| **value >= BUSY);
    busy.filter_map(|(name, _)| figure::thread(name).map(String::from)).collect()
}
