//! The servers under test: how each is started, asked, and told what it can't count itself.

use crate::{
    Outcome,
    args::Args,
    load::{
        asker::Asker,
        certificate,
        options::Build,
        pictures,
        server::{self, own_path},
        stream::MESSAGES,
        tls,
    },
    nchan,
};
use clap::ValueEnum;
use rustls::ClientConfig;
use std::{
    fmt::{self, Display, Formatter},
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

/// A way to serve counts.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Floor,
    Onlookers,
    #[value(name = "onlookers+tls")]
    OnlookersTls,
    Events,
    Websocket,
    Nchan,
    #[value(name = "nchan+tls")]
    NchanTls,
}

/// A server under test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    /// What the floor and Nchan have none of is the current one.
    pub(crate) build: Build,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Floor,
        Self::Onlookers,
        Self::OnlookersTls,
        Self::Events,
        Self::Websocket,
        Self::Nchan,
        Self::NchanTls,
    ];

    pub(crate) fn is_nchan(self) -> bool {
        matches!(self, Self::Nchan | Self::NchanTls)
    }

    fn has_tls(self) -> bool {
        matches!(self, Self::OnlookersTls | Self::NchanTls)
    }
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
            Self::OnlookersTls => "onlookers+tls",
            Self::Events => "events",
            Self::Websocket => "websocket",
            Self::Nchan => "nchan",
            Self::NchanTls => "nchan+tls",
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
pub(crate) struct Launch<'a> {
    args: &'a Args,
    build: Build,
    /// The length of frames from servers that don't paint their own.
    frame_bytes: usize,
}

impl<'a> Launch<'a> {
    pub(crate) fn new(args: &'a Args, build: Build, frame_bytes: usize) -> Self {
        Self { args, build, frame_bytes }
    }

    /// A picture for servers that don't paint their own.
    pub(crate) fn picture(&self, count: usize) -> Vec<u8> {
        pictures::made_up(count, self.frame_bytes - pictures::NEXT_PART.len())
    }

    /// The picture that onlookers ought to show for `count`.
    pub(crate) fn right_picture(&self, count: usize) -> Outcome<Vec<u8>> {
        server::right_picture(self.args.options.program(self.build)?, count)
    }

    fn command(&self, kind: Kind, name: &str, ports: [u16; 2]) -> Outcome<Vec<String>> {
        let directory = server::directory().join(name);
        let certificate = kind.has_tls().then(|| certificate::Files::write(&directory)).transpose()?;
        match (kind, certificate) {
            (Kind::Floor, _) => Ok(vec![own_path()?, "floor".into(), self.frame_bytes.to_string()]),
            (Kind::Nchan | Kind::NchanTls, files) => nchan::command(&directory, ports, files),
            (_, None) => self.args.options.command(self.build),
            (_, Some(files)) => self.args.options.command_with_tls(self.build, &files),
        }
    }

    fn tls(&self, kind: Kind) -> Outcome<Option<Arc<ClientConfig>>> {
        kind.has_tls().then(|| tls::client(self.args.resume)).transpose()
    }
}

/// A running server; dropping it kills it.
pub(crate) struct Server {
    pub(crate) process: server::Server,
    pub(crate) kind: Kind,
    browser: bool,
    tls: Option<Arc<ClientConfig>>,
    /// Where a server that can't count is told.
    publisher: SocketAddr,
}

impl Server {
    pub(crate) fn start(launch: &Launch, kind: Kind) -> Outcome<Self> {
        let name = format!("fanout-{}", Subject { kind, build: launch.build });
        let ports = nchan::free_ports()?;
        let [known, publisher] = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let command = launch.command(kind, &name, ports)?;
        let process = server::Server::start(&command, &name, kind.is_nchan().then_some(known))?;
        if kind.is_nchan() {
            nchan::first(publisher, &launch.picture(1))?;
        }
        Ok(Self { process, kind, browser: launch.args.browser, tls: launch.tls(kind)?, publisher })
    }

    /// How viewers ask this server.
    pub(crate) fn asker(&self) -> Asker {
        let address = self.process.address;
        let asker = match self.kind {
            Kind::Onlookers | Kind::OnlookersTls => {
                Asker { browser: self.browser, ..Asker::picture(address) }
            }
            Kind::Floor => Asker::picture(address),
            Kind::Events => Asker::events(address),
            Kind::Websocket => Asker::websocket(address, &MESSAGES),
            Kind::Nchan | Kind::NchanTls => Asker::multipart(address),
        };
        Asker { tls: self.tls.clone(), ..asker }
    }

    /// Tells a server that can't count how many there are now.
    pub(crate) fn tell(&self, launch: &Launch, count: usize) -> Outcome<()> {
        if self.kind.is_nchan() { nchan::publish(self.publisher, &launch.picture(count)) } else { Ok(()) }
    }
}
