//! Shared by the integration tests: a server on a port that the system chooses, and clients that are plain sockets, so
//! that tests see every byte as it came.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod crowd;
pub(crate) mod h2;
pub(crate) mod listener;
pub(crate) mod log;
pub(crate) mod machines;
pub(crate) mod net;
pub(crate) mod network;
pub(crate) mod page;
pub(crate) mod parts;
pub(crate) mod program;
pub(crate) mod redis;
pub(crate) mod sentinel;
pub(crate) mod server;
pub(crate) mod tls;
pub(crate) mod unbroken;
pub(crate) mod viewer;

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long a test waits for something that must happen. Only a failing test waits so long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A browser's request for the picture on a page of `site`, after the redirect to a unique URL.
pub(crate) fn view_of(site: &str) -> String {
    format!("GET /online.png?u=1 HTTP/1.1\r\nHost: counter.example\r\nReferer: https://{site}/\r\n\r\n")
}

/// A request with a head and nothing else.
pub(crate) fn request(line: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("{line}\r\nHost: counter.example\r\n{headers}\r\n")
}

/// Raises this process' limit of open files as far as it may: it holds as many connections as the server.
pub(crate) fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}
