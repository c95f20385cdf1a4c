//! The command line of the bench.

use crate::load::options::{Build, Options};
use clap::{Parser, Subcommand, ValueEnum};

/// CPU of a message from a page, and how late pictures are while pages send messages.
#[derive(Parser, Clone)]
pub(crate) struct Args {
    /// How many pictures are open.
    #[arg(long, default_value_t = 5000)]
    pub(crate) viewers: usize,

    /// How many pages with a WebSocket send messages.
    #[arg(long, default_value_t = 5000)]
    pub(crate) pages: usize,

    /// How many messages each of them sends in a second; the server closes a connection that sends more than 20.
    #[arg(long, default_value_t = 4.0)]
    pub(crate) rate: f64,

    /// What they send.
    #[arg(long, value_enum, default_value_t = Message::Ping)]
    pub(crate) kind: Message,

    /// How many of them share a room, which is told their positions and messages.
    #[arg(long, default_value_t = 20)]
    pub(crate) room: usize,

    /// The messages go to another server on the same cores: so late are pictures because of the load alone.
    #[arg(long)]
    pub(crate) apart: bool,

    #[command(flatten)]
    pub(crate) options: Options,

    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// A message from a page.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Message {
    /// The server answers the sender.
    Ping,
    /// A position; the server runs with `--presence`.
    Presence,
    /// A message to the others in the room; the server runs with `--messages`.
    #[value(name = "message")]
    Text,
}

/// What this program does as a child of itself.
#[derive(Subcommand, Clone)]
pub(crate) enum Role {
    /// Do the work on one server.
    #[command(hide = true)]
    Work {
        build: Build,
        #[arg(action = clap::ArgAction::Set)]
        messages_first: bool,
    },
}

impl Args {
    pub(crate) fn or_quick(self) -> Self {
        let options = self.options.or_quick();
        let (viewers, pages) = if options.run.quick { (200, 200) } else { (self.viewers, self.pages) };
        Self { viewers, pages, options, ..self }
    }

    /// The command line of the server, which has to accept the messages.
    pub(crate) fn server(&self, build: Build) -> crate::Outcome<Vec<String>> {
        let mut command = self.options.command(build)?;
        match self.kind {
            Message::Ping => {}
            Message::Presence => command.push("--presence".into()),
            Message::Text => command.push("--messages".into()),
        }
        Ok(command)
    }
}
