//! The command line of the bench.

use crate::{
    load::options::{Build, Options},
    server::Kind,
};
use clap::{Parser, Subcommand, builder::ArgPredicate};
use std::{path::PathBuf, time::Duration};

/// CPU, memory and time that each delivered frame and each viewer cost, as ratios to a bare write loop.
#[derive(Parser, Clone)]
pub(crate) struct Args {
    /// How many viewers stay, one run each, at most 19,000.
    #[arg(long, value_delimiter = ',', default_value = "1000,5000,10000", value_parser = viewers)]
    pub(crate) viewers: Vec<usize>,

    /// Which servers get the work.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "onlookers,floor,nchan",
        default_value_if("tls", ArgPredicate::IsPresent, "onlookers,onlookers+tls,floor,nchan+tls")
    )]
    pub(crate) servers: Vec<Kind>,

    /// TLS 1.3 beside plaintext: other servers by default, and what joins at once cost and hold up.
    #[arg(long)]
    pub(crate) tls: bool,

    /// Viewers over TLS take up earlier sessions, instead of a full handshake each.
    #[arg(long)]
    pub(crate) resume: bool,

    /// How long the idle viewers of onlookers are watched; two of its repaints by default.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) idle: Duration,

    /// Join as a browser does: ask for the bare picture, be redirected, ask again on the same connection.
    #[arg(long)]
    pub(crate) browser: bool,

    /// Writes the plot, an SVG, to this file.
    #[arg(long)]
    pub(crate) plot: Option<PathBuf>,

    /// Random joins and leaves for so many minutes, instead of the work above.
    #[arg(long, num_args = 0..=1, default_missing_value = "10")]
    pub(crate) churn: Option<f64>,

    #[command(flatten)]
    pub(crate) options: Options,

    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// What this program does as a child of itself.
#[derive(Subcommand, Clone)]
pub(crate) enum Role {
    /// Do the work on one server, in turn with the other servers' processes like this one.
    #[command(hide = true)]
    Work { kind: Kind, build: Build, viewers: usize, frame_bytes: usize },
    /// Have all viewers join one server at once.
    #[command(hide = true)]
    Rush { kind: Kind, build: Build, viewers: usize },
    /// Be the write loop.
    #[command(hide = true)]
    Floor { frame_bytes: usize },
}

impl Args {
    pub(crate) fn or_quick(self) -> Self {
        let options = self.options.or_quick();
        if !options.run.quick {
            return Self { options, ..self };
        }
        let (idle, churn) = (Duration::from_millis(500), self.churn.map(|_| 0.05));
        Self { viewers: vec![200], options, idle, churn, ..self }
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
