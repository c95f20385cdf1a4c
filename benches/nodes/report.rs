//! The figures of a run, and the criteria.

use crate::load::samples::{Figures, criteria_head, criterion};

/// What is asked of three nodes with 10,000 rooms and 1,000 changes a second.
const CRITERIA: [(&str, f64); 7] = [
    ("churn: round trips/s of a node", 20.0),
    ("churn: commands a changed room", 3.0),
    ("churn: Redis, % of a core", 10.0),
    ("churn: until the last node has 99 % of the changes, ms", 300.0),
    ("churn: until the last node has all of the changes, ms", 300.0),
    ("stop: all agree after the last change, the worst, ms", 300.0),
    ("kill: all agree, s", 10.0),
];

/// In the order of the phases, as their names are.
const PHASES: [&str; 8] = ["fill", "memory", "quiet", "churn", "stop", "burst", "lost", "kill"];

pub(crate) fn print(figures: &Figures) {
    for phase in PHASES {
        let mut of_phase: Vec<_> = figures.iter().filter(|(name, _)| name.starts_with(phase)).collect();
        of_phase.sort_by_key(|(name, _)| name.as_str());
        println!();
        of_phase.iter().for_each(|(name, value)| println!("{name:60}{value:>14.2}"));
    }
    println!("\nload of the machine at the end: {:.2}", value(figures, "load"));
}

pub(crate) fn criteria(figures: &Figures) {
    criteria_head();
    for (name, at_most) in CRITERIA {
        criterion(name, at_most, &[value(figures, name)]);
    }
}

pub(crate) fn value(figures: &Figures, name: &str) -> f64 {
    figures.get(name).copied().unwrap_or(f64::NAN)
}
