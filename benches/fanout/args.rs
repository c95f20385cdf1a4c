//! The command line of the bench.

use crate::server::Kind;
use clap::{Parser, Subcommand};
use std::{path::PathBuf, time::Duration};

/// CPU, memory and time that each delivered frame and each viewer cost, as ratios to a bare write loop.
#[derive(Parser, Clone)]
pub(crate) struct Args {
    /// How many viewers stay, one run each, at most 19,000.
    #[arg(long, value_delimiter = ',', default_value = "1000,5000,10000", value_parser = viewers)]
    pub(crate) viewers: Vec<usize>,

    /// How often each server gets the work.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,

    /// Which servers get the work.
    #[arg(long, value_delimiter = ',', default_value = "onlookers,floor,nchan")]
    pub(crate) servers: Vec<Kind>,

    /// How many times somebody joins or leaves while N viewers stay.
    #[arg(long, default_value_t = 20)]
    pub(crate) changes: usize,

    /// From one change to the next.
    #[arg(long, default_value = "400ms", value_parser = humantime::parse_duration)]
    pub(crate) every: Duration,

    /// How long the idle viewers of onlookers are watched; two of its repaints by default.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) idle: Duration,

    /// How many viewers that join may wait for their first picture at once; fewer than any server's backlog. What a server
    /// takes for a burst of requests it may keep, so the memory of a viewer depends on it.
    #[arg(long, default_value_t = 512)]
    pub(crate) at_once: usize,

    /// Join as a browser does: ask for the bare picture, be redirected, ask again on the same connection.
    #[arg(long)]
    pub(crate) browser: bool,

    /// Writes the plot, an SVG, to this file.
    #[arg(long)]
    pub(crate) plot: Option<PathBuf>,

    /// Random joins and leaves for so many minutes, instead of the work above.
    #[arg(long, num_args = 0..=1, default_missing_value = "10")]
    pub(crate) churn: Option<f64>,

    /// A small, short run of everything, to see that the bench still works; its figures mean nothing.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Another onlookers binary than the one that cargo has just built.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_onlookers"))]
    pub(crate) onlookers: PathBuf,

    /// More flags for onlookers, separated by spaces.
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    pub(crate) flags: String,

    /// Given by `cargo bench`, not by `cargo test`, which wants the quick run.
    #[arg(long, hide = true)]
    bench: bool,

    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// What this program does as a child of itself.
#[derive(Subcommand, Clone)]
pub(crate) enum Role {
    /// Do the work on one server, in turn with the other servers' processes like this one.
    #[command(hide = true)]
    Work { kind: Kind, viewers: usize, frame_bytes: usize },
    /// Be the write loop.
    #[command(hide = true)]
    Floor { frame_bytes: usize },
    /// Run a command until standard input ends.
    #[command(hide = true)]
    Guard {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

impl Args {
    pub(crate) fn or_quick(self) -> Self {
        if self.bench && !self.quick {
            return self;
        }
        let (every, idle) = (Duration::from_millis(150), Duration::from_millis(500));
        let churn = self.churn.map(|_| 0.05);
        Self { viewers: vec![200], rounds: 1, changes: 6, every, idle, churn, quick: true, ..self }
    }

    pub(crate) fn most_viewers(&self) -> usize {
        self.viewers.iter().copied().max().unwrap_or(0)
    }
}

fn viewers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..=19_000) => Ok(n),
        _ => Err("a number from 1 to 19000".into()),
    }
}
