//! Listeners other than a plain port.

use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::common::client::get;
use crate::common::server::TestServer;
use crate::common::{DEADLINE, view_of};

mod names;
mod passed;
mod proxy_protocol;
mod redirect;
mod unix;

/// A place for a socket, and its folder.
fn place(prefix: &str) -> (tempfile::TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let place = format!("{prefix}{}", path.display());
    (folder, path, place)
}

fn connect(path: &PathBuf) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// The request of a picture, forwarded for that visitor.
fn view_for(visitor: &str) -> String {
    view_of("example.com").replacen("\r\n", &format!("\r\nX-Forwarded-For: {visitor}\r\n"), 1)
}

fn read_until(stream: &mut impl Read, wanted: &[u8]) {
    let (mut read, mut bytes) = (Vec::new(), [0; 4096]);
    while !read.windows(wanted.len()).any(|part| part == wanted) {
        let some = stream.read(&mut bytes).unwrap();
        assert!(some > 0, "the stream ended without it: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&bytes[..some]);
    }
}

/// What comes up to the end, which may be a reset.
fn read_to_end(stream: &mut impl Read) -> Vec<u8> {
    let mut read = Vec::new();
    match stream.read_to_end(&mut read) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => read,
    }
}

/// Pages and visitors of example.com.
fn counted(server: &TestServer) -> (u64, u64) {
    let counted = get(server.address, "/count/example.com.json", &[]);
    let counted: serde_json::Value = serde_json::from_slice(&counted.body).unwrap();
    (counted["pages"].as_u64().unwrap(), counted["visitors"].as_u64().unwrap())
}
