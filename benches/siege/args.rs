//! The command line of the bench.

use crate::Outcome;
use clap::{Parser, Subcommand};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

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

    /// Another onlookers binary than the one that cargo has just built.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_onlookers"))]
    pub(crate) onlookers: PathBuf,

    /// More flags for onlookers, separated by spaces.
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    pub(crate) flags: String,

    /// A small, short run of everything, to see that the bench still works; its figures mean nothing.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Given by `cargo bench`, not by `cargo test`, which wants the quick run.
    #[arg(long, hide = true)]
    bench: bool,

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
    pub(crate) fn or_quick(self) -> Self {
        if self.bench && !self.quick {
            return self;
        }
        Self { viewers: 200, minutes: 0.05, every: Duration::from_millis(500), quick: true, ..self }
    }

    pub(crate) fn say_if_quick(&self) {
        if self.quick {
            println!("a quick run, to see that the bench works: its figures mean nothing");
        }
    }

    /// How long the attack takes.
    pub(crate) fn attack(&self) -> Duration {
        Duration::from_secs_f64(60.0 * self.minutes)
    }

    /// How long it is peace before that.
    pub(crate) fn peace(&self) -> Duration {
        if self.quick { self.attack() } else { (self.attack() / 6).max(Duration::from_secs(15)) }
    }

    /// The command line of the server, which has everything that pages can use.
    pub(crate) fn server(&self) -> Outcome<Vec<String>> {
        let program = self.onlookers.to_str().ok_or("the path of onlookers is not UTF-8")?;
        let own = [program, "--listen", "127.0.0.1:0", "--presence", "--messages"];
        Ok(own.into_iter().chain(self.flags.split_whitespace()).map(String::from).collect())
    }
}
