//! What the tests on the wire share: a server on a port that the system chooses, and clients that are nothing but
//! sockets, so that every byte of a stream is seen as it came.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod client;
pub(crate) mod crowd;
pub(crate) mod listener;
pub(crate) mod page;
pub(crate) mod parts;
pub(crate) mod program;
pub(crate) mod server;
pub(crate) mod viewer;

use std::time::Duration;

/// For how long a test waits for what must come. Only a failing test ever waits so long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// What a browser sends for the picture on a page of `site`, once the redirect has given it a URL of its own.
pub(crate) fn view_of(site: &str) -> String {
    format!("GET /online.png?u=1 HTTP/1.1\r\nHost: counter.example\r\nReferer: https://{site}/\r\n\r\n")
}

/// A request with a head and nothing else.
pub(crate) fn request(line: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("{line}\r\nHost: counter.example\r\n{headers}\r\n")
}
