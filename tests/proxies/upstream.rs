//! Proxies that speak HTTP/2 to the server: one connection carries many readers.

use std::time::{Duration, Instant};

use crate::common::parts::png_of;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::files::{Kind, Proxy, server};
use crate::link::{Door, Link};
use crate::network::VISITORS;
use crate::nginx::read_until;

const READERS: u64 = 200;

for_each_proxy!(two_hundred_readers_share_few_connections: caddy Caddy, haproxy Haproxy);

fn two_hundred_readers_share_few_connections(kind: Kind) {
    let server = server(&[]);
    let _proxy = Proxy::over_http2(kind);
    let mut watcher = view(&server);
    let mut readers: Vec<_> = (1..=READERS).map(read).collect();
    watcher.wait_for(READERS + 1);
    let connections = connections_to(server.address.port());
    println!("{kind:?}: {READERS} readers over {connections} connections");
    assert!(connections <= 10, "{connections}");
    for reader in &mut readers {
        read_until(reader, &png_of(READERS + 1));
    }
    // Each receives the next change, and a reader who goes is uncounted while the others share its connection.
    drop(readers.pop());
    let begun = Instant::now();
    watcher.wait_for(READERS);
    let took = begun.elapsed();
    println!("{kind:?}: uncounted after {took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    for reader in &mut readers {
        read_until(reader, &png_of(READERS));
    }
    drop(readers);
    watcher.wait_for(1);
}

fn view(server: &TestServer) -> Viewer {
    let mut viewer = Viewer::join(server.address);
    viewer.wait_for(1);
    viewer
}

/// A page of example.com. With HTTP/1.0 nothing is between the pictures.
fn read(number: u64) -> Link {
    let line = format!("/online.png?u={number} HTTP/1.0\r\nHost: count.example");
    Link::ask(VISITORS[0], Door::Plain(80), &format!("{line}\r\nReferer: https://example.com/"))
}

/// How many connections the port has, but for one.
fn connections_to(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    let port = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is_one = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields.len() > 3 && fields[1].ends_with(&port) && fields[3] == ESTABLISHED
    };
    table.lines().filter(is_one).count() - 1
}
