//! The command line of the bench.

use crate::Outcome;
use crate::load::options::Run;
use clap::{Parser, Subcommand};
use std::{net::SocketAddr, time::Duration};

/// What viewers notice of all attacks at once, and what these leave behind.
#[derive(Parser, Clone)]
pub(crate) struct Args {
    /// How many ordinary viewers stay.
    #[arg(long, default_value_t = 5000)]
    pub(crate) viewers: usize,

    /// How long the attack takes.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) minutes: f64,

    /// Only the attacks in whose name this is: `WebSocket`, say.
    #[arg(long, default_value = "")]
    pub(crate) only: String,

    /// From one change in a room to the next.
    #[arg(long, default_value = "3s", value_parser = humantime::parse_duration)]
    pub(crate) every: Duration,

    #[command(flatten)]
    pub(crate) run: Run,

    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// What this program does as a child of itself.
#[derive(Subcommand, Clone)]
pub(crate) enum Role {
    /// Attack a server until the bench ends it.
    #[command(hide = true)]
    Attack { address: SocketAddr },
}

impl Args {
    /// Short, unless `cargo bench` has asked for real figures.
    pub(crate) fn or_quick(self) -> Self {
        let run = self.run.or_quick();
        if !run.quick {
            return Self { run, ..self };
        }
        Self { viewers: 200, minutes: 0.05, every: Duration::from_millis(500), run, ..self }
    }

    /// How long the attack takes.
    pub(crate) fn attack(&self) -> Duration {
        Duration::from_secs_f64(60.0 * self.minutes)
    }

    /// How long it is peace before that.
    pub(crate) fn peace(&self) -> Duration {
        if self.run.quick { self.attack() } else { (self.attack() / 6).max(Duration::from_secs(15)) }
    }

    /// The command line of the server, which has everything that pages can use.
    pub(crate) fn server(&self) -> Outcome<Vec<String>> {
        self.run.command(&self.run.onlookers, &["--presence", "--messages"])
    }
}
