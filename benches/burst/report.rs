//! The figures of all rounds as a table, and the criteria.

use crate::{
    Args,
    connections::Sends,
    load::samples::{Sample, criteria_head, criterion, row, summary, values},
};

pub(crate) const BEFORE: &str = "resident before, MiB";
pub(crate) const PEAK: &str = "… most during the burst, MiB";
pub(crate) const AFTER: &str = "… after it, MiB";
pub(crate) const RATIO: &str = "resident after, of before";
pub(crate) const CAME: &str = "connections of a burst, most";
pub(crate) const BURSTS: &str = "bursts";
pub(crate) const LEFT: &str = "open files left of the burst";
pub(crate) const PEACE: &str = "a join painted in peace, 95 %, ms";
pub(crate) const BURST: &str = "a join painted in the burst, 95 %, ms";
pub(crate) const LOST: &str = "viewers put out";

/// In the order of the table.
const ALL: [&str; 10] = [BEFORE, PEAK, AFTER, RATIO, CAME, BURSTS, LEFT, PEACE, BURST, LOST];

pub(crate) fn print(samples: &[&Sample<Sends>], args: &Args) {
    println!("\n{} viewers, {} connections at once", args.viewers, args.connections);
    println!("of {} rounds the median (least to most)\n", args.options.rounds);
    row("each sends", args.sends.iter().map(Sends::to_string));
    for name in ALL {
        row(name, args.sends.iter().map(|&what| summary(&values(samples, what, name))));
    }
    criteria_head();
    for &what in &args.sends {
        let limit = |name: &str, at_most, values: &[f64]| {
            criterion(&format!("{what}: {name}"), at_most, values);
        };
        limit(RATIO, 2.0, &values(samples, what, RATIO));
        limit(LEFT, 0.0, &values(samples, what, LEFT));
        limit(LOST, 0.0, &values(samples, what, LOST));
        limit("a join painted in the burst, of in peace", 2.0, &later(samples, what));
    }
}

/// How many times longer a join took, round by round.
fn later(samples: &[&Sample<Sends>], what: Sends) -> Vec<f64> {
    let of_what = samples.iter().filter(|sample| sample.subject == what);
    of_what.filter_map(|it| Some(it.figures.get(BURST)? / it.figures.get(PEACE)?)).collect()
}
