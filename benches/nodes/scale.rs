//! How the figures grow with nodes and with changes: one run each, in a process of its own, whose memory begins anew.

use crate::{
    args::{Args, Size},
    load::{
        Outcome,
        samples::{Figures, row},
        server::own_path,
    },
    plot,
    report::value,
};
use std::process::{Command, Stdio};

/// What the tables have, with how it is written.
const FIGURES: [(&str, usize); 21] = [
    ("churn: changes/s", 0),
    ("churn: changed rooms/s", 0),
    ("churn: round trips/s of a node", 1),
    ("churn: commands/s", 0),
    ("churn: commands a changed room", 2),
    ("churn: KiB/s to Redis", 0),
    ("churn: KiB/s from Redis", 0),
    ("churn: Redis, % of a core", 1),
    ("churn: a node, % of a core", 1),
    ("churn: until the last node has half of the changes, ms", 0),
    ("churn: until the last node has 95 % of the changes, ms", 0),
    ("churn: until the last node has all of the changes, ms", 0),
    ("stop: all agree after the last change, half of the times, ms", 0),
    ("stop: all agree after the last change, the worst, ms", 0),
    ("quiet: commands/s", 0),
    ("lost: connections that were opened again", 0),
    ("fill: all agree, s", 2),
    ("burst: all agree, s", 2),
    ("kill: all agree, s", 1),
    ("memory of a node, MiB", 0),
    ("memory of Redis, MiB", 0),
];

/// The runs of one table: what grows, and its figures.
pub(crate) type Growth = Vec<(f64, Figures)>;

pub(crate) fn measure(args: &Args) -> Outcome<()> {
    let of_nodes =
        args.nodes_from_to.iter().map(|&nodes| (nodes as f64, Size { nodes, ..args.size.clone() }));
    let nodes = table("nodes", of_nodes.collect())?;
    let of_rooms =
        args.rooms_from_to.iter().map(|&rooms| (rooms as f64, Size { rooms, ..args.size.clone() }));
    let rooms = table("rooms", of_rooms.collect())?;
    let of_churn =
        args.churn_from_to.iter().map(|&churn| (f64::from(churn), Size { churn, ..args.size.clone() }));
    let churn = table("changes a second", of_churn.collect())?;
    match &args.plot {
        Some(path) => {
            plot::write(path, &[("nodes", &nodes), ("rooms", &rooms), ("changes a second", &churn)])
        }
        None => Ok(()),
    }
}

fn table(what: &str, sizes: Vec<(f64, Size)>) -> Outcome<Growth> {
    let mut growth = Growth::new();
    for (at, size) in sizes {
        println!("{size}");
        growth.push((at, run(&size)?));
    }
    println!();
    row(what, growth.iter().map(|(at, _)| at.to_string()));
    for (name, digits) in FIGURES {
        row(name, growth.iter().map(|(_, figures)| format!("{:.digits$}", value(figures, name))));
    }
    row("load of the machine", growth.iter().map(|(_, figures)| value(figures, "load").to_string()));
    println!();
    Ok(growth)
}

fn run(size: &Size) -> Outcome<Figures> {
    let output = Command::new(own_path()?).args(size.arguments()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{size}: {}", output.status).into());
    }
    let lines = String::from_utf8(output.stdout)?;
    let figure =
        |line: &str| line.split_once('\t').and_then(|(name, value)| Some((name.into(), value.parse().ok()?)));
    Ok(lines.lines().filter_map(figure).collect())
}

/// The other side: prints the figures of a run for the bench.
pub(crate) fn tell(figures: &Figures) {
    figures.iter().for_each(|(name, value)| println!("{name}\t{value}"));
}
