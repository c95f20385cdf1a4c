//! The servers under test: how each is started, asked, and told what it can't count itself.

use crate::{
    Outcome,
    args::Args,
    load::{
        asker::Asker,
        options::Build,
        pictures,
        server::{self, own_path},
        stream::MESSAGES,
    },
    nchan,
};
use clap::ValueEnum;
use std::{
    fmt::{self, Display, Formatter},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// A way to serve counts.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Floor,
    Onlookers,
    Events,
    Websocket,
    Nchan,
}

/// A server under test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    /// What the floor and Nchan have none of is the current one.
    pub(crate) build: Build,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Floor, Self::Onlookers, Self::Events, Self::Websocket, Self::Nchan];
}

impl Subject {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let builds = |kind| [Build::Current, Build::Against].map(|build| Self { kind, build });
        Kind::ALL.into_iter().flat_map(builds)
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Floor => "floor",
            Self::Onlookers => "onlookers",
            Self::Events => "events",
            Self::Websocket => "websocket",
            Self::Nchan => "nchan",
        })
    }
}

impl Display for Subject {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.build {
            Build::Current => self.kind.fmt(f),
            Build::Against => write!(f, "{} (against)", self.kind),
        }
    }
}

/// How servers are started.
pub(crate) struct Launch {
    onlookers: Vec<String>,
    build: Build,
    nchan: Option<PathBuf>,
    /// The length of frames from servers that don't paint their own.
    frame_bytes: usize,
    browser: bool,
}

impl Launch {
    pub(crate) fn new(args: &Args, build: Build, frame_bytes: usize) -> Outcome<Self> {
        let (onlookers, nchan) = (args.options.command(build)?, nchan::module());
        Ok(Self { onlookers, build, nchan, frame_bytes, browser: args.browser })
    }

    /// A picture for servers that don't paint their own.
    pub(crate) fn picture(&self, count: usize) -> Vec<u8> {
        pictures::made_up(count, self.frame_bytes - pictures::NEXT_PART.len())
    }

    /// The picture that onlookers ought to show for `count`.
    pub(crate) fn right_picture(&self, count: usize) -> Outcome<Vec<u8>> {
        server::right_picture(self.onlookers[0].as_ref(), count)
    }

    fn command(&self, kind: Kind, port: u16) -> Outcome<Vec<String>> {
        match (kind, &self.nchan) {
            (Kind::Floor, _) => Ok(vec![own_path()?, "floor".into(), self.frame_bytes.to_string()]),
            (Kind::Onlookers | Kind::Events | Kind::Websocket, _) => Ok(self.onlookers.clone()),
            (Kind::Nchan, Some(module)) => nchan::command(module, port),
            (Kind::Nchan, None) => Err("Nchan isn't installed".into()),
        }
    }
}

/// A running server; dropping it kills it.
pub(crate) struct Server {
    pub(crate) process: server::Server,
    pub(crate) kind: Kind,
    browser: bool,
}

impl Server {
    pub(crate) fn start(launch: &Launch, kind: Kind) -> Outcome<Self> {
        let (port, name) = (nchan::free_port()?, Subject { kind, build: launch.build }.to_string());
        let known = (kind == Kind::Nchan).then_some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let process = server::Server::start(&launch.command(kind, port)?, &format!("fanout-{name}"), known)?;
        if kind == Kind::Nchan {
            nchan::first(process.address, &launch.picture(1))?;
        }
        Ok(Self { process, kind, browser: launch.browser })
    }

    /// How viewers ask this server.
    pub(crate) fn asker(&self) -> Asker {
        let address = self.process.address;
        match self.kind {
            Kind::Onlookers => Asker { browser: self.browser, ..Asker::picture(address) },
            Kind::Floor => Asker::picture(address),
            Kind::Events => Asker::events(address),
            Kind::Websocket => Asker::websocket(address, &MESSAGES),
            Kind::Nchan => Asker::multipart(address),
        }
    }

    /// Tells a server that can't count how many there are now.
    pub(crate) fn tell(&self, launch: &Launch, count: usize) -> Outcome<()> {
        match self.kind {
            Kind::Nchan => nchan::publish(self.process.address, &launch.picture(count)),
            Kind::Floor | Kind::Onlookers | Kind::Events | Kind::Websocket => Ok(()),
        }
    }
}
