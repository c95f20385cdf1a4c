//! The new process: started by the old one, with one end of their link as its standard input.

use std::env;
use std::io;
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use onlookers_handover::Link;

/// Names the old process to the new one, by its number.
const FROM: &str = "ONLOOKERS_UPGRADE_FROM";

/// Names the keeper to a server that it has started.
const KEEPER: &str = "ONLOOKERS_KEEPER";

/// What says something of this process alone (sd_listen_fds(3), sd_watchdog_enabled(3)).
const OF_THIS_PROCESS: [&str; 4] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"];

/// How long a process that has closed the link may take to end by itself.
const TO_END: Duration = Duration::from_secs(1);

/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(5);

/// The new process. Dropping this ends it, unless it was released.
#[derive(Debug)]
pub(super) struct NewProcess(Option<Child>);

impl NewProcess {
    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.0.as_ref().map_or(0, Child::id)
    }

    /// Waits a moment until it has ended by itself, and returns how; otherwise ends it. It is no more then.
    pub(super) fn end(&mut self, by_itself: bool) -> Option<ExitStatus> {
        let mut child = self.0.take()?;
        let deadline = Instant::now() + if by_itself { TO_END } else { Duration::ZERO };
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => sleep(LOOK),
                _ => break,
            }
        }
        // It is this process' own child: its number can't be another's.
        let _ = child.kill();
        let _ = child.wait();
        None
    }

    /// Lets it go on.
    pub(super) fn release(mut self) {
        let Some(mut child) = self.0.take() else { return };
        // The system keeps a process that has ended until its parent has asked how.
        let wait = move || match child.wait() {
            Ok(status) if status.success() => tracing::debug!("the new process has ended"),
            Ok(status) => tracing::warn!("the new process has ended: {status}"),
            Err(error) => tracing::debug!(%error, "it isn't known how the new process is"),
        };
        let waiting = thread::Builder::new().name("new-process".to_owned()).spawn(wait);
        waiting.map(drop).unwrap_or_else(|error| tracing::debug!(%error, "nobody waits for the new process"));
    }
}

impl Drop for NewProcess {
    fn drop(&mut self) {
        self.end(false);
    }
}

/// Starts the program that is now where this one was started from, with the same arguments.
///
/// # Errors
/// The system's.
pub(super) fn start() -> io::Result<(NewProcess, Link)> {
    let (child, link) = spawn(FROM, KEEPER)?;
    Ok((NewProcess(Some(child)), link))
}

/// The same, as the keeper does.
///
/// # Errors
/// The system's.
pub(super) fn start_kept() -> io::Result<(Child, Link)> {
    spawn(KEEPER, FROM)
}

/// Starts the program with one end of a link. `name` says whose the other end is.
fn spawn(name: &str, other: &str) -> io::Result<(Child, Link)> {
    let mut args = env::args_os();
    let program = args.next().ok_or_else(|| io::Error::other("it isn't known how this one was called"))?;
    let (link, end) = Link::pair()?;
    let mut command = Command::new(program);
    command.args(args).env(name, std::process::id().to_string()).env_remove(other).stdin(Stdio::from(end));
    for name in OF_THIS_PROCESS {
        command.env_remove(name);
    }
    Ok((command.spawn()?, link))
}

/// The link to the process that has started this one for an upgrade, and the number of that; none if it wasn't started so.
///
/// # Errors
/// The system's.
pub(super) fn old() -> io::Result<Option<(Link, u32)>> {
    find(FROM)
}

/// The same of the keeper that has started this process.
///
/// # Errors
/// The system's.
pub(super) fn keeper() -> io::Result<Option<Link>> {
    Ok(find(KEEPER)?.map(|(link, _)| link))
}

/// Whether this process was started by the keeper, or by a server for an upgrade.
pub fn was_started_by_us() -> bool {
    let is_peer = |pid: u32| {
        let input = io::stdin().as_fd().try_clone_to_owned();
        input.is_ok_and(|input| Link::from(input).peer().is_ok_and(|peer| peer.pid == Some(pid)))
    };
    [FROM, KEEPER]
        .iter()
        .any(|name| env::var(name).ok().and_then(|pid| pid.parse().ok()).is_some_and(is_peer))
}

fn find(name: &str) -> io::Result<Option<(Link, u32)>> {
    let Some(pid) = env::var(name).ok().and_then(|pid| pid.parse::<u32>().ok()) else { return Ok(None) };
    let link = Link::from(io::stdin().as_fd().try_clone_to_owned()?);
    // The variable may be left from long ago: then standard input is something else.
    if !link.peer().is_ok_and(|peer| peer.pid == Some(pid)) {
        return Ok(None);
    }
    // The duplicate is the only one, so that the other end is told when this process lets it go.
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(Some((link, pid)))
}

/// Whether the process that has started this one is still there.
pub(super) fn parent_is(pid: u32) -> bool {
    rustix::process::getppid().is_some_and(|parent| parent.as_raw_nonzero().get().unsigned_abs() == pid)
}
