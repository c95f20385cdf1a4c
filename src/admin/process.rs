//! Figures of the process, as `/proc` has them. Where there is none, they are left out.

use std::fmt;
use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::text::Text;

/// The places of fields in `/proc/self/stat` after the name of the program, from 0 on (proc_pid_stat(5)).
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
const THREADS: usize = 17;
const START: usize = 19;
const VIRTUAL: usize = 20;
const RESIDENT: usize = 21;

/// Writes them, with the names that all programs give them.
pub(super) fn encode(text: &mut Text<'_>) -> fmt::Result {
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(fields) {
        let ticks = clock_ticks_per_second() as f64;
        let cpu = (stat[USER_TIME] + stat[SYSTEM_TIME]) / ticks;
        text.counter_of_seconds(("process_cpu", "CPU time, of user and system"), cpu)?;
        text.gauge(
            ("process_resident_memory_bytes", "Memory that is in RAM"),
            stat[RESIDENT] * page_size() as f64,
        )?;
        text.gauge(("process_virtual_memory_bytes", "Address space"), stat[VIRTUAL])?;
        text.gauge(("process_threads", "Threads"), stat[THREADS])?;
        if let Some(booted) = booted() {
            let started = booted + stat[START] / ticks;
            text.gauge(("process_start_time_seconds", "When it was started, since 1970"), started)?;
        }
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        text.gauge(("process_open_fds", "Open files and sockets"), files.count() as f64)?;
    }
    match getrlimit(Resource::Nofile).current {
        Some(most) => text.gauge(("process_max_fds", "How many files may be open"), most as f64),
        None => Ok(()),
    }
}

/// The numbers after the program's name, which may have any letters in it.
fn fields(stat: &str) -> Option<Vec<f64>> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<_> = rest.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect();
    (fields.len() > RESIDENT).then_some(fields)
}

/// When the machine was started, in seconds since 1970.
fn booted() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}
