//! Starting a server under test as a process of its own, and ending it.

use super::{Outcome, account::Account, guard};
use std::{
    env,
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

/// A running server; dropping it kills it.
pub(crate) struct Server {
    pub(crate) account: Account,
    pub(crate) address: SocketAddr,
    _guard: Guard,
}

impl Server {
    /// Returns when the server has printed its address, unless that is `known`. `name` is for its log.
    pub(crate) fn start(command: &[String], name: &str, known: Option<SocketAddr>) -> Outcome<Self> {
        let log = directory().join(format!("{name}.log"));
        let mut guard = guard(command, &log)?;
        let lines = lines(guard.0.stdout.take().ok_or("the guard has no output")?);
        let (account, address) =
            greet(&lines, known).map_err(|error| format!("{name}: {error}; its log is {}", log.display()))?;
        Ok(Self { account, address, _guard: guard })
    }
}

/// Where the benches may write.
pub(crate) fn directory() -> PathBuf {
    env!("CARGO_TARGET_TMPDIR").into()
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
    guard.arg(guard::ROLE).args(command);
    let guard = guard.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(log)?);
    Ok(Guard(guard.spawn()?))
}

/// Without the settings of the environment: the server runs with its defaults.
pub(crate) fn clean(program: &str) -> Command {
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

/// The picture that `onlookers` ought to show for `count`.
pub(crate) fn right_picture(onlookers: &Path, count: usize) -> Outcome<Vec<u8>> {
    let file = directory().join(format!("right-{}.png", std::process::id()));
    let program = onlookers.to_str().ok_or("the path of onlookers is not UTF-8")?;
    let mut command = clean(program);
    let status = command.args(["picture", "--count", &count.to_string(), "-o"]).arg(&file).status()?;
    if !status.success() {
        return Err(format!("onlookers picture --count {count}: {status}").into());
    }
    let picture = fs::read(&file)?;
    fs::remove_file(file)?;
    Ok(picture)
}

/// What a process prints, read to the end so that it never waits for a reader.
pub(crate) fn lines(output: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

/// The guard prints the process id, the server its address unless that is known, in either order.
fn greet(lines: &Receiver<String>, known: Option<SocketAddr>) -> Outcome<(Account, SocketAddr)> {
    let (mut account, mut listens) = (None::<Account>, known);
    loop {
        if let Some(started) = account.zip(listens) {
            return Ok((started.0.of_server()?, started.1));
        }
        let line = lines.recv_timeout(START).map_err(|_| "it has ended, or printed no address")?;
        match line.strip_prefix("pid ") {
            Some(pid) => account = Some(Account { pid: pid.parse()? }),
            None => listens = listens.or(address(&line)),
        }
    }
}

fn address(line: &str) -> Option<SocketAddr> {
    let rest = line.split_once("://127.0.0.1:")?.1;
    let port = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some(SocketAddr::from(([127, 0, 0, 1], port)))
}
