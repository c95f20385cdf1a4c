//! The README's lines, copied as they are, on the ports that web servers have: in a network of the test's own.

use crate::common::client::get;
use crate::common::parts::png_of;
use crate::common::server::TestServer;
use crate::link::{Door, Link};
use crate::network::{VISITORS, certificate, in_network_of_its_own};
use crate::nginx::{Nginx, README, block, read_until};

#[test]
fn the_readmes_lines_are_right_on_ports_80_443_and_8080() {
    in_network_of_its_own("ports::the_readmes_lines_are_right_on_ports_80_443_and_8080", right_on_each_port);
}

fn right_on_each_port() {
    let command = README.lines().find_map(|line| line.trim().strip_prefix("`onlookers --allow"));
    let command = format!("--allow{}", command.expect("the README's command").trim_end_matches("`."));
    let args: Vec<_> = command.split(' ').map(|word| word.trim_matches('\'')).collect();
    let server = TestServer::quiet(&[&args[..], &["--listen", "127.0.0.1:9192"]].concat());
    let _nginx = nginx();
    for (port, address) in
        [(80, "http://count.example"), (443, "https://count.example"), (8080, "http://count.example:8080")]
    {
        port_and_scheme_are_right(port, address);
        site_and_visitors_are_right(&server, port);
    }
}

/// With a certificate of its own, on the three ports.
fn nginx() -> Nginx {
    let folder = certificate();
    let path = folder.path().display().to_string();
    let listen = format!(
        "listen 80; listen 8080; listen 443 ssl; \
         ssl_certificate {path}/fullchain.pem; ssl_certificate_key {path}/privkey.pem;"
    );
    Nginx::start(folder, &listen, &block(README))
}

fn door(port: u16) -> Door {
    if port == 443 { Door::Tls(port) } else { Door::Plain(port) }
}

/// The tags to copy have both, and the server knows its own page by them.
fn port_and_scheme_are_right(port: u16, address: &str) {
    let door = door(port);
    let host = address.split_once("://").unwrap().1;
    let mut page = Link::ask(VISITORS[0], door, &format!("/ HTTP/1.0\r\nHost: {host}"));
    read_until(&mut page, format!("srcset=\"{address}/online.png,").as_bytes());
    let picture = format!("/online.png?u=1&peek=1 HTTP/1.0\r\nHost: {host}\r\nReferer: {address}/");
    read_until(&mut Link::ask(VISITORS[0], door, &picture), &png_of(0));
}

/// Three pages of two visitors.
fn site_and_visitors_are_right(server: &TestServer, port: u16) {
    let page = format!(
        "/online.png?u=1&page=/{port} HTTP/1.0\r\nHost: count.example:{port}\r\nReferer: https://example.com/"
    );
    let door = door(port);
    let mut links = vec![];
    for (visitor, count) in [(VISITORS[0], 1), (VISITORS[0], 2), (VISITORS[1], 3)] {
        links.push(Link::ask(visitor, door, &page));
        read_until(links.last_mut().unwrap(), &png_of(count));
    }
    let counted = get(server.address, &format!("/count/example.com/{port}.json"), &[]);
    let counted: serde_json::Value = serde_json::from_slice(&counted.body).unwrap();
    assert_eq!((&counted["pages"], &counted["visitors"]), (&3.into(), &2.into()), "port {port}: {counted}");
}
