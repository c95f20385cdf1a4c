//! The new process: started by the old one, with one end of their link as its standard input.

use std::env;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use onlookers_handover::{Link, Message, exec};

/// Names the old process to the new one, by its number.
const FROM: &str = "ONLOOKERS_UPGRADE_FROM";

/// Names the keeper to a server that it has started.
const KEEPER: &str = "ONLOOKERS_KEEPER";

/// Names a server to a keeper that it has started.
const SERVER: &str = "ONLOOKERS_SERVER";

/// Says where a keeper finds what a version of it before has left.
const LEFT: &str = "ONLOOKERS_KEEPER_LEFT";

/// What says something of this process alone (sd_listen_fds(3), sd_watchdog_enabled(3)).
const OF_THIS_PROCESS: [&str; 8] =
    ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID", FROM, KEEPER, SERVER, LEFT];

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
        self.0.take().into_iter().for_each(|child| wait(child, "the new process"));
    }
}

/// Waits beside: the system keeps a process that has ended until its parent has asked how.
fn wait(mut child: Child, what: &'static str) {
    let wait = move || match child.wait() {
        Ok(status) if status.success() => tracing::debug!("{what} has ended"),
        Ok(status) => tracing::warn!("{what} has ended: {status}"),
        Err(error) => tracing::debug!(%error, "it isn't known how {what} is"),
    };
    let waiting = thread::Builder::new().name("wait".to_owned()).spawn(wait);
    waiting.map(drop).unwrap_or_else(|error| tracing::debug!(%error, "nobody waits for {what}"));
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
    let (child, link) = spawn(FROM)?;
    Ok((NewProcess(Some(child)), link))
}

/// The same, to be the keeper of this process. Its number is the second.
///
/// # Errors
/// The system's.
pub(super) fn start_keeper() -> io::Result<(Link, u32)> {
    let (child, link) = spawn(SERVER)?;
    let pid = child.id();
    wait(child, "the keeper");
    Ok((link, pid))
}

/// The same, as the keeper does.
///
/// # Errors
/// The system's.
pub(super) fn start_kept() -> io::Result<(Child, Link)> {
    spawn(KEEPER)
}

/// Starts the program with one end of a link. `name` says whose the other end is.
fn spawn(name: &str) -> io::Result<(Child, Link)> {
    let mut args = env::args_os();
    let program = args.next().ok_or_else(|| io::Error::other("it isn't known how this one was called"))?;
    let (link, end) = Link::pair()?;
    let mut command = Command::new(program);
    for name in OF_THIS_PROCESS {
        command.env_remove(name);
    }
    command.args(args).env(name, std::process::id().to_string()).stdin(Stdio::from(end));
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
pub(super) fn keeper() -> io::Result<Option<(Link, u32)>> {
    find(KEEPER)
}

/// The same of the server that has started this process to be its keeper.
///
/// # Errors
/// The system's.
pub(super) fn served() -> io::Result<Option<(Link, u32)>> {
    find(SERVER)
}

/// Has the keeper go on with the program that is there now, which finds this. Returns only if that fails.
pub(super) fn replace_keeper(left: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Error {
    let mut args = env::args_os();
    let Some(program) = args.next() else { return io::ErrorKind::NotFound.into() };
    exec::replace(&program, args, LEFT, (left, descriptors))
}

/// What the keeper before, in this process, has left; none if there was none.
///
/// # Errors
/// The system's, or if it can't be understood.
pub(super) fn left_by_keeper() -> io::Result<Option<Message>> {
    exec::take(LEFT)
}

/// Whether this process is the keeper of a server that runs.
pub fn is_keeper() -> bool {
    exec::is_there(LEFT) || is_other_end(SERVER)
}

/// Whether this process was started by the keeper, or by a server for an upgrade.
pub fn was_started_by_us() -> bool {
    [FROM, KEEPER].into_iter().any(is_other_end)
}

/// Whether the process that the variable names is at the other end of standard input.
fn is_other_end(name: &str) -> bool {
    let pid = env::var(name).ok().and_then(|pid| pid.parse().ok());
    let input = io::stdin().as_fd().try_clone_to_owned().map(Link::from);
    let peer = input.and_then(|link| link.peer()).ok().and_then(|peer| peer.pid);
    pid.is_some() && peer == pid
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
