//! The command line of the bench.

use crate::load::options::Run;
use clap::{Args as Group, Parser, Subcommand};
use std::{fmt, path::PathBuf};

/// What it costs that several nodes count together.
#[derive(Parser, Clone)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) size: Size,

    /// One run after the other, of more and more nodes, then of more and more rooms, then of more and more changes.
    #[arg(long)]
    pub(crate) scale: bool,

    /// The numbers of nodes of these runs.
    #[arg(long, value_delimiter = ',', default_value = "2,5,10,20,50")]
    pub(crate) nodes_from_to: Vec<usize>,

    /// The numbers of rooms of these runs.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000")]
    pub(crate) rooms_from_to: Vec<usize>,

    /// The changes a second of these runs.
    #[arg(long, value_delimiter = ',', default_value = "100,1000,10000")]
    pub(crate) churn_from_to: Vec<u32>,

    /// Draws how the figures of these runs grow.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) run: Run,

    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// How large a run is.
#[derive(Group, Clone)]
pub(crate) struct Size {
    /// How many nodes count together.
    #[arg(long, default_value_t = 3)]
    pub(crate) nodes: usize,

    /// How many viewers each of them has.
    #[arg(long, default_value_t = 50_000)]
    pub(crate) viewers: usize,

    /// How many rooms there are: sites, and their pages.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) rooms: usize,

    /// How many rooms a site is: itself, and its pages.
    #[arg(long, default_value_t = 100)]
    pub(crate) site: usize,

    /// How many viewers come or go in a second, on all nodes together.
    #[arg(long, default_value_t = 1000)]
    pub(crate) churn: u32,

    /// How long they come and go, and how long nothing happens before, in seconds.
    #[arg(long, default_value_t = 20.0)]
    pub(crate) seconds: f64,

    /// No viewer is identified: each tab is a visitor.
    #[arg(long)]
    pub(crate) anonymous: bool,
}

/// What this program does as a child of itself.
#[derive(Subcommand, Clone)]
pub(crate) enum Role {
    /// One run, whose figures are printed for the bench.
    #[command(hide = true)]
    Play(Size),
}

impl Args {
    /// Short, unless `cargo bench` has asked for real figures.
    pub(crate) fn or_quick(self) -> Self {
        let run = self.run.or_quick();
        if !run.quick {
            return Self { run, ..self };
        }
        let size = Size { viewers: 500, rooms: 200, site: 20, churn: 100, seconds: 1.0, ..self.size };
        Self {
            size,
            nodes_from_to: vec![2, 3],
            rooms_from_to: vec![100, 200],
            churn_from_to: vec![100, 200],
            run,
            ..self
        }
    }
}

impl Size {
    pub(crate) fn sites(&self) -> usize {
        self.rooms.div_ceil(self.site).max(1)
    }

    /// How many pages each site has.
    pub(crate) fn pages(&self) -> usize {
        (self.site - 1).max(1)
    }

    /// As a child of this process takes it.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let Self { nodes, viewers, rooms, site, churn, seconds, anonymous } = self;
        let text = format!(
            "play --nodes {nodes} --viewers {viewers} --rooms {rooms} --site {site} --churn {churn} --seconds {seconds}"
        );
        let anonymous = anonymous.then_some("--anonymous");
        text.split(' ').chain(anonymous).map(String::from).collect()
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, viewers, churn, .. } = self;
        let (sites, pages) = (self.sites(), self.pages());
        let who = if self.anonymous { "viewers, not identified," } else { "viewers" };
        write!(
            f,
            "{nodes} nodes of {viewers} {who} in {sites} sites with {pages} pages each; {churn} changes a second"
        )
    }
}
