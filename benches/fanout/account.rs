//! What a process has used, in the kernel's accounts.

use crate::Outcome;
use std::{fs, io, time::Duration};

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

    /// Time on a CPU, user and kernel, of all threads. `/proc/PID/schedstat` alone is the first thread's only;
    /// `/proc/PID/stat` counts in ticks of 10 ms.
    pub(crate) fn cpu(self) -> Outcome<Duration> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            nanoseconds += schedstat(&thread?.path().join("schedstat"))?;
        }
        Ok(Duration::from_nanos(nanoseconds))
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
}

fn schedstat(path: &std::path::Path) -> Outcome<u64> {
    let text = match fs::read_to_string(path) {
        // The thread has ended since the directory was read.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        text => text?,
    };
    Ok(text.split(' ').next().unwrap_or("").parse()?)
}

/// Fails with what to do where this process may not open a file a viewer.
pub(crate) fn require_files(viewers: usize) -> Outcome<()> {
    let (soft, needed) = (open_files()?, viewers + OTHER_FILES);
    if soft < needed {
        return Err(
            format!("{viewers} viewers need {needed} open files, {soft} are allowed: ulimit -n").into()
        );
    }
    Ok(())
}

/// How many viewers the file limit leaves room for.
pub(crate) fn room_for_viewers() -> Outcome<usize> {
    Ok(open_files()?.saturating_sub(OTHER_FILES))
}

fn open_files() -> Outcome<usize> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or("");
    match line.split_whitespace().next() {
        Some("unlimited") => Ok(usize::MAX),
        Some(soft) => Ok(soft.parse()?),
        None => Err("/proc/self/limits names no limit of open files".into()),
    }
}
