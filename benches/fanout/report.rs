//! The figures of all rounds as a table: medians with the least and the most, and ratios taken round by round.

use crate::{
    args::Args,
    figure::{self, quantile},
    server::Kind,
    turns::Sample,
};

/// Everything, for each number of viewers.
pub(crate) fn print(samples: &[Sample], args: &Args) {
    for &viewers in &args.viewers {
        let of_size: Vec<_> = samples.iter().filter(|sample| sample.viewers == viewers).collect();
        let measured = |&kind: &Kind| of_size.iter().any(|sample| sample.kind == kind);
        let kinds = Kind::ALL.into_iter().filter(measured).collect();
        Table { samples: of_size, kinds }.print(viewers, args.rounds);
    }
}

struct Table<'a> {
    samples: Vec<&'a Sample>,
    kinds: Vec<Kind>,
}

impl Table<'_> {
    fn print(&self, viewers: usize, rounds: usize) {
        println!("\n{viewers} viewers; of {rounds} rounds the median (least to most)");
        row("", self.kinds.iter().map(Kind::to_string));
        for name in figure::ALL {
            row(name, self.kinds.iter().map(|&kind| summary(&values(&self.samples, kind, name))));
        }
        for (name, base) in [
            (figure::FRAME, Kind::Floor),
            (figure::FRAME, Kind::Nchan),
            (figure::DEAF, Kind::Floor),
            (figure::FRAME, Kind::Onlookers),
            (figure::MEMORY, Kind::Onlookers),
            (figure::MEMORY_ALL, Kind::Onlookers),
            (figure::IDLE, Kind::Onlookers),
        ] {
            // Pictures are what the other representations are compared with.
            let wanted = base != Kind::Onlookers
                || [Kind::Events, Kind::Websocket].iter().any(|kind| self.kinds.contains(kind));
            if wanted && self.kinds.contains(&base) {
                let title =
                    format!("{}: of {base}", name.rsplit_once(", ").map_or(name, |(what, _unit)| what));
                row(&title, self.kinds.iter().map(|&kind| summary(&self.ratios(name, kind, base))));
            }
        }
    }

    /// Round by round, so that what slows the machine for a minute slows both.
    fn ratios(&self, name: &str, kind: Kind, base: Kind) -> Vec<f64> {
        let of_kind = self.samples.iter().filter(|sample| sample.kind == kind);
        let ratio = |sample: &&Sample| {
            let other = |other: &&&Sample| other.kind == base && other.round == sample.round;
            let other = self.samples.iter().find(other)?;
            Some(sample.figures.get(name)? / other.figures.get(name)?)
        };
        of_kind.filter_map(ratio).collect()
    }
}

fn row(title: &str, cells: impl Iterator<Item = String>) {
    println!("{title:38}{}", cells.map(|cell| format!("{cell:>26}")).collect::<String>());
}

/// A figure of one server in each round.
pub(crate) fn values(samples: &[&Sample], kind: Kind, name: &str) -> Vec<f64> {
    let of_kind = samples.iter().filter(|sample| sample.kind == kind);
    of_kind.filter_map(|sample| sample.figures.get(name).copied()).collect()
}

fn summary(values: &[f64]) -> String {
    match (quantile(values, 0.0), quantile(values, 0.5), quantile(values, 1.0)) {
        (Some(least), Some(median), Some(most)) => format!("{median:.2} ({least:.2} to {most:.2})"),
        _ => "-".into(),
    }
}
