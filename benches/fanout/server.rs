//! Starting each server under test as a process of its own, and ending it.

use crate::{
    Outcome,
    account::Account,
    args::Args,
    asker::Asker,
    nchan, pictures,
    stream::{EVENTS, MESSAGES, PICTURES},
};
use clap::ValueEnum;
use std::{
    env,
    fmt::{self, Display, Formatter},
    fs::{self, File},
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// The longest that a server may take to print its address.
const START: Duration = Duration::from_secs(20);

/// A server under test.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Floor,
    Onlookers,
    Events,
    Websocket,
    Nchan,
}

const PICTURE: &str = "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n\
    Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image";
const NCHAN: &str = "Accept: multipart/mixed\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image";
const WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: https://example.com\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";
const SCRIPT: &str = "Accept: text/event-stream\r\nOrigin: https://example.com\r\nCache-Control: no-store\r\n\
    Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty";

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Floor, Self::Onlookers, Self::Events, Self::Websocket, Self::Nchan];
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

/// How servers are started.
pub(crate) struct Launch {
    onlookers: Vec<String>,
    nchan: Option<PathBuf>,
    /// The length of frames from servers that don't paint their own.
    frame_bytes: usize,
    browser: bool,
}

impl Launch {
    pub(crate) fn new(args: &Args, frame_bytes: usize) -> Outcome<Self> {
        let program = args.onlookers.to_str().ok_or("the path of onlookers is not UTF-8")?;
        let mut onlookers = vec![program.into(), "--listen".into(), "127.0.0.1:0".into()];
        onlookers.extend(args.flags.split_whitespace().map(String::from));
        Ok(Self { onlookers, nchan: nchan::module(), frame_bytes, browser: args.browser })
    }

    /// A picture for servers that don't paint their own.
    pub(crate) fn picture(&self, count: usize) -> Vec<u8> {
        pictures::made_up(count, self.frame_bytes - crate::floor::NEXT_PART.len())
    }

    /// The picture that onlookers ought to show for `count`.
    pub(crate) fn right_picture(&self, count: usize) -> Outcome<Vec<u8>> {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fanout-right.png");
        let mut command = clean(&self.onlookers[0]);
        let status = command.args(["picture", "--count", &count.to_string(), "-o"]).arg(&file).status()?;
        if !status.success() {
            return Err(format!("onlookers picture --count {count}: {status}").into());
        }
        Ok(fs::read(file)?)
    }

    fn command(&self, kind: Kind, directory: &Path, port: u16) -> Outcome<Vec<String>> {
        match (kind, &self.nchan) {
            (Kind::Floor, _) => Ok(vec![own_path()?, "floor".into(), self.frame_bytes.to_string()]),
            (Kind::Onlookers | Kind::Events | Kind::Websocket, _) => Ok(self.onlookers.clone()),
            (Kind::Nchan, Some(module)) => nchan::command(module, directory, port),
            (Kind::Nchan, None) => Err("Nchan isn't installed".into()),
        }
    }
}

/// A running server; dropping it kills it.
pub(crate) struct Server {
    pub(crate) account: Account,
    address: SocketAddr,
    kind: Kind,
    browser: bool,
    _guard: Guard,
}

impl Server {
    pub(crate) fn start(launch: &Launch, kind: Kind) -> Outcome<Self> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fanout-{kind}"));
        fs::create_dir_all(&directory)?;
        let log = directory.join("stderr.log");
        let port = nchan::free_port()?;
        let mut guard = guard(&launch.command(kind, &directory, port)?, &log)?;
        let lines = lines(guard.0.stdout.take().ok_or("the guard has no output")?);
        let (account, address) = greet(&lines, kind, port)
            .map_err(|error| format!("{kind}: {error}; its log is {}", log.display()))?;
        let server = Self { account, address, kind, browser: launch.browser, _guard: guard };
        if kind == Kind::Nchan {
            nchan::first(address, &launch.picture(1))?;
        }
        Ok(server)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// How viewers ask this server.
    pub(crate) fn asker(&self) -> Asker {
        let (path, headers, marks) = match self.kind {
            Kind::Floor | Kind::Onlookers => ("/online.png", PICTURE, &*PICTURES),
            Kind::Events => ("/events/example.com", SCRIPT, &*EVENTS),
            Kind::Websocket => ("/ws/example.com", WEBSOCKET, &*MESSAGES),
            Kind::Nchan => ("/online.png", NCHAN, &*PICTURES),
        };
        let browser = self.browser && self.kind == Kind::Onlookers;
        Asker { address: self.address, path, headers, marks, browser }
    }

    /// Tells a server that can't count how many there are now.
    pub(crate) fn tell(&self, launch: &Launch, count: usize) -> Outcome<()> {
        match self.kind {
            Kind::Nchan => nchan::publish(self.address, &launch.picture(count)),
            Kind::Floor | Kind::Onlookers | Kind::Events | Kind::Websocket => Ok(()),
        }
    }
}

/// The process that kills the server when its own standard input ends.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn guard(command: &[String], log: &Path) -> Outcome<Guard> {
    let mut guard = clean(&own_path()?);
    guard.args(["guard", "--"]).args(command);
    let guard = guard.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(log)?);
    Ok(Guard(guard.spawn()?))
}

/// Settings of whoever runs the bench are not "as users run it".
fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ONLOOKERS_")) {
        command.env_remove(name);
    }
    command
}

pub(crate) fn own_path() -> Outcome<String> {
    let path = env::current_exe()?;
    Ok(path.to_str().ok_or("the path of the bench is not UTF-8")?.into())
}

/// What the server prints, read to the end so that it never waits for a reader.
pub(crate) fn lines(output: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

/// The guard prints the process id, the server its address unless it was told it, in either order.
fn greet(lines: &Receiver<String>, kind: Kind, port: u16) -> Outcome<(Account, SocketAddr)> {
    let told = SocketAddr::from(([127, 0, 0, 1], port));
    let (mut account, mut listens) = (None, (kind == Kind::Nchan).then_some(told));
    loop {
        if let Some(started) = account.zip(listens) {
            return Ok(started);
        }
        let line = lines.recv_timeout(START).map_err(|_| "it has ended, or printed no address")?;
        match line.strip_prefix("pid ") {
            Some(pid) => account = Some(Account { pid: pid.parse()? }),
            None => listens = listens.or(address(&line)),
        }
    }
}

fn address(line: &str) -> Option<SocketAddr> {
    let rest = line.split_once("http://127.0.0.1:")?.1;
    let port = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some(SocketAddr::from(([127, 0, 0, 1], port)))
}
