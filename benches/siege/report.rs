//! The figures as a table, and the criteria.

use crate::{
    args::Args,
    load::samples::{criteria_head, criterion, mib, quantile, row},
    watch::Watch,
};

/// An ordinary viewer sees a change within so many milliseconds.
const SEEN: f64 = 2000.0;

/// A time in which rooms change.
pub(crate) struct Phase {
    /// How many milliseconds after a change each viewer had the new count.
    pub(crate) delays: Vec<f64>,
    pub(crate) changes: usize,
    pub(crate) lost: usize,
    /// Cores.
    pub(crate) cpu: f64,
    pub(crate) most: Watch,
}

/// What is left when the attackers have gone.
pub(crate) struct After {
    pub(crate) before: Watch,
    pub(crate) settled: Watch,
    pub(crate) wrong_counts: usize,
    pub(crate) lost: usize,
    pub(crate) why_lost: Vec<String>,
}

pub(crate) fn print(args: &Args, phases: &[Phase; 2], after: &After) {
    println!("\n{} viewers, {} minutes under attack\n", args.viewers, args.minutes);
    let figure = |name: &str, of: &dyn Fn(&Phase) -> String| row(name, phases.iter().map(of));
    row("", ["in peace", "under attack"].map(String::from).into_iter());
    figure("changes", &|phase| phase.changes.to_string());
    for (name, share) in [("half", 0.5), ("95 %", 0.95), ("the slowest", 1.0)] {
        figure(&format!("until {name} of all viewers see it, ms"), &|phase| number(delay(phase, share)));
    }
    figure("viewers put out or refused", &|phase| phase.lost.to_string());
    figure("the server, % of a core", &|phase| number(100.0 * phase.cpu));
    figure("resident at most, MiB", &|phase| number(mib(phase.most.resident)));
    figure("open files at most", &|phase| phase.most.files.to_string());
    print_after(after);
    criteria(phases, after);
}

fn print_after(after: &After) {
    println!();
    row("", ["before", "after"].map(String::from).into_iter());
    let both = [after.before, after.settled];
    row("resident, MiB", both.iter().map(|watch| number(mib(watch.resident))));
    row("open files", both.iter().map(|watch| watch.files.to_string()));
    after.why_lost.iter().for_each(|why| println!("put out: {why}"));
}

fn criteria([_, attack]: &[Phase; 2], after: &After) {
    let After { before, settled, wrong_counts, lost, .. } = after;
    criteria_head();
    criterion("ordinary viewers put out or refused", 0.0, &[*lost as f64]);
    criterion("until 95 % of all viewers see a change under attack, ms", SEEN, &[delay(attack, 0.95)]);
    criterion("until the slowest of all viewers sees a change, ms", SEEN, &[delay(attack, 1.0)]);
    criterion("rooms with a wrong count afterwards", 0.0, &[*wrong_counts as f64]);
    criterion("open files left of the attack", 0.0, &[settled.files as f64 - before.files as f64]);
    criterion("resident after, of before", 2.0, &[settled.resident as f64 / before.resident as f64]);
}

fn delay(phase: &Phase, share: f64) -> f64 {
    quantile(&phase.delays, share).unwrap_or(f64::NAN)
}

fn number(value: f64) -> String {
    format!("{value:.2}")
}
