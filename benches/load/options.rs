//! The options that the benches share.

use super::{Outcome, certificate::Files};
use clap::{Args, ValueEnum};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Which binary of onlookers a server runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Build {
    /// The one that cargo has just built, or `--onlookers`.
    Current,
    /// The one of `--against`.
    Against,
}

impl Build {
    /// As the command line takes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Against => "against",
        }
    }
}

#[derive(Args, Clone)]
pub(crate) struct Options {
    /// How often each server gets the work.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,

    /// How many times somebody joins or leaves while N viewers stay.
    #[arg(long, default_value_t = 20)]
    pub(crate) changes: usize,

    /// From one change to the next.
    #[arg(long, default_value = "400ms", value_parser = humantime::parse_duration)]
    pub(crate) every: Duration,

    /// How many viewers that join may wait for their first frame at once; fewer than any server's backlog. A server
    /// may keep the memory that a burst of requests took, so the memory of a viewer depends on it.
    #[arg(long, default_value_t = 512)]
    pub(crate) at_once: usize,

    /// An onlookers binary of another commit, which gets the same work in turn with the current build.
    #[arg(long, value_name = "BINARY")]
    pub(crate) against: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) run: Run,
}

/// How a bench is started, and what it starts.
#[derive(Args, Clone)]
pub(crate) struct Run {
    /// Another onlookers binary than the one that cargo has just built.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_onlookers"))]
    pub(crate) onlookers: PathBuf,

    /// More flags for onlookers, separated by spaces.
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    flags: String,

    /// A small, short run of everything, to see that the bench still works; its figures mean nothing.
    #[arg(long)]
    pub(crate) quick: bool,

    /// Given by `cargo bench`, not by `cargo test`, which wants the quick run.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Run {
    /// Quick, unless `cargo bench` has asked for real figures.
    pub(crate) fn or_quick(self) -> Self {
        Self { quick: self.quick || !self.bench, ..self }
    }

    pub(crate) fn say_if_quick(&self) {
        if self.quick {
            println!("a quick run, to see that the bench works: its figures mean nothing");
        }
    }

    /// The command line of a server that prints its address, with these flags and those of the command line.
    pub(crate) fn command(&self, program: &Path, flags: &[&str]) -> Outcome<Vec<String>> {
        self.command_on("127.0.0.1:0", program, flags)
    }

    fn command_on(&self, listener: &str, program: &Path, flags: &[&str]) -> Outcome<Vec<String>> {
        let own = [text(program)?, "--listen", listener].into_iter().chain(flags.iter().copied());
        Ok(own.chain(self.flags.split_whitespace()).map(String::from).collect())
    }
}

impl Options {
    /// Short, unless `cargo bench` has asked for real figures.
    pub(crate) fn or_quick(self) -> Self {
        let run = self.run.or_quick();
        if !run.quick {
            return Self { run, ..self };
        }
        Self { rounds: 1, changes: 6, every: Duration::from_millis(150), run, ..self }
    }

    pub(crate) fn builds(&self) -> Vec<Build> {
        let against = self.against.iter().map(|_| Build::Against);
        [Build::Current].into_iter().chain(against).collect()
    }

    /// The command line of a server of that build, which prints its address.
    pub(crate) fn command(&self, build: Build) -> Outcome<Vec<String>> {
        self.run.command(self.program(build)?, &[])
    }

    /// The same, over TLS alone.
    pub(crate) fn command_with_tls(&self, build: Build, files: &Files) -> Outcome<Vec<String>> {
        let (certificate, key) = (text(&files.certificate)?, text(&files.key)?);
        let flags = ["--tls-cert", certificate, "--tls-key", key];
        self.run.command_on("tls:127.0.0.1:0", self.program(build)?, &flags)
    }

    pub(crate) fn program(&self, build: Build) -> Outcome<&Path> {
        match build {
            Build::Current => Ok(&self.run.onlookers),
            Build::Against => Ok(self.against.as_ref().ok_or("there is no --against")?),
        }
    }
}

fn text(path: &Path) -> Outcome<&str> {
    path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()).into())
}
