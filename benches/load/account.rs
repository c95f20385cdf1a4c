//! What a process has used, in the kernel's accounts.

use super::Outcome;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{collections::BTreeMap, fs, io, path::Path, time::Duration};

/// Files that a server or this process needs besides its viewers: listener, epoll, pipes, threads' wakers, logs.
const OTHER_FILES: usize = 300;

/// One process, looked at from outside.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(crate) pid: u32,
}

impl Account {
    pub(crate) fn own() -> Self {
        Self { pid: std::process::id() }
    }

    /// The server that this process keeps, or this process itself if it is the server.
    pub(crate) fn of_server(self) -> Outcome<Self> {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.pid))?;
        let child = children.split_whitespace().next().map(str::parse).transpose()?;
        Ok(child.map_or(self, |pid| Self { pid }))
    }

    /// Time on a CPU, user and kernel, of all threads. `/proc/PID/schedstat` alone is the first thread's only;
    /// `/proc/PID/stat` counts in ticks of 10 ms.
    pub(crate) fn cpu(self) -> Outcome<Duration> {
        Ok(self.threads()?.values().sum())
    }

    /// The same of its threads by their names; threads that share a name share an entry.
    pub(crate) fn threads(self) -> Outcome<BTreeMap<String, Duration>> {
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let thread = thread?.path();
            let (name, used) = (text(&thread.join("comm"))?, text(&thread.join("schedstat"))?);
            if let Some((nanoseconds, _)) = used.split_once(' ') {
                *threads.entry(name.trim().into()).or_default() += Duration::from_nanos(nanoseconds.parse()?);
            }
        }
        Ok(threads)
    }

    /// Bytes of its own memory: anonymous pages, and shared ones (Nchan keeps messages there). From the page
    /// tables, as the counters of `/proc/PID/status` are late by up to 32 pages a CPU.
    pub(crate) fn memory(self) -> Outcome<u64> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid))?;
        let kib = |name: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok())
        };
        let (anonymous, shared) =
            kib("Anonymous:").zip(kib("Pss_Shmem:")).ok_or("smaps_rollup has changed")?;
        Ok((anonymous + shared) * 1024)
    }

    /// Bytes of memory that it has, with the program itself.
    pub(crate) fn resident(self) -> Outcome<u64> {
        self.kib("smaps_rollup", "Rss:")
    }

    /// The most of it since [`Self::forget_peak`].
    pub(crate) fn peak(self) -> Outcome<u64> {
        self.kib("status", "VmHWM:")
    }

    pub(crate) fn forget_peak(self) -> Outcome<()> {
        // proc_pid_clear_refs(5): 5 resets the peak.
        Ok(fs::write(format!("/proc/{}/clear_refs", self.pid), "5")?)
    }

    pub(crate) fn open_files(self) -> Outcome<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid))?.count())
    }

    /// Bytes, from a line of a file that has KiB.
    fn kib(self, file: &str, name: &str) -> Outcome<u64> {
        let lines = fs::read_to_string(format!("/proc/{}/{file}", self.pid))?;
        let line = lines.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Ok(kib.ok_or_else(|| format!("{file} has no {name}"))? * 1024)
    }
}

/// Empty if the thread has ended since the directory was read.
fn text(file: &Path) -> Outcome<String> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => Ok(text?),
    }
}

/// As many open files as the system lets this process have, and the processes that it starts.
pub(crate) fn raise_file_limit() -> Outcome<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// Fails with what to do where this process may not open a file a viewer.
pub(crate) fn require_files(viewers: usize) -> Outcome<()> {
    let (soft, needed) = (open_files(), viewers + OTHER_FILES);
    if soft < needed {
        return Err(
            format!("{viewers} viewers need {needed} open files, {soft} are allowed: ulimit -n").into()
        );
    }
    Ok(())
}

/// How many viewers the file limit leaves room for.
pub(crate) fn room_for_viewers() -> usize {
    open_files().saturating_sub(OTHER_FILES)
}

fn open_files() -> usize {
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |soft| soft as usize)
}
