//! The figures of all rounds: medians with the least and the most, and ratios taken round by round.

use std::{collections::HashMap, time::Duration};

/// Figures by their names.
pub(crate) type Figures = HashMap<String, f64>;

/// What one server did in one round.
pub(crate) struct Sample<S> {
    /// Which server.
    pub(crate) subject: S,
    pub(crate) viewers: usize,
    pub(crate) round: usize,
    pub(crate) figures: Figures,
}

/// A figure of one server in each round.
pub(crate) fn values<S: PartialEq>(samples: &[&Sample<S>], subject: S, name: &str) -> Vec<f64> {
    let of_subject = samples.iter().filter(|sample| sample.subject == subject);
    of_subject.filter_map(|sample| sample.figures.get(name).copied()).collect()
}

/// A figure of one server, of another's. Round by round, so that what slows the machine for a minute slows both.
pub(crate) fn ratios<S: PartialEq>(samples: &[&Sample<S>], name: &str, subject: S, base: S) -> Vec<f64> {
    let of_subject = samples.iter().filter(|sample| sample.subject == subject);
    let ratio = |sample: &&Sample<S>| {
        let other = |other: &&&Sample<S>| other.subject == base && other.round == sample.round;
        let other = samples.iter().find(other)?;
        Some(sample.figures.get(name)? / other.figures.get(name)?)
    };
    of_subject.filter_map(ratio).collect()
}

/// A line of a table.
pub(crate) fn row(title: &str, cells: impl Iterator<Item = String>) {
    println!("{title:44}{}", cells.map(|cell| format!(" {cell:>26}")).collect::<String>());
}

/// The head of a table of criteria.
pub(crate) fn criteria_head() {
    println!("\n{:76}{:>8}{:>26}", "criteria, round by round", "at most", "median (least to most)");
}

/// A line of a table of criteria, and whether the median keeps its limit.
pub(crate) fn criterion(title: &str, at_most: f64, values: &[f64]) {
    let verdict = match quantile(values, 0.5) {
        Some(median) if median <= at_most => "holds",
        Some(_) => "DOES NOT HOLD",
        None => "not measured",
    };
    println!("{title:76}{at_most:>8.2}{:>26}  {verdict}", summary(values));
}

pub(crate) fn summary(values: &[f64]) -> String {
    match (quantile(values, 0.0), quantile(values, 0.5), quantile(values, 1.0)) {
        (Some(least), Some(median), Some(most)) => format!("{median:.2} ({least:.2} to {most:.2})"),
        _ => "-".into(),
    }
}

/// The value that a share of all don't exceed, by rank, without interpolation.
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    1e3 * time.as_secs_f64()
}

/// MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
