//! The README's lines, copied as they are, on the ports that web servers have: in a network of the test's own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::common::DEADLINE;
use crate::common::client::get;
use crate::common::net::Net;
use crate::common::parts::png_of;
use crate::common::server::TestServer;
use crate::nginx::{Nginx, README, block, read_until};

/// Two addresses of the namespace's loopback. A connection to one of them comes from it, too.
const VISITORS: [Ipv4Addr; 2] = [Ipv4Addr::new(203, 0, 113, 1), Ipv4Addr::new(203, 0, 113, 2)];

const OPENSSL: &str = "this test needs the program openssl";

/// A connection to nginx, by TLS on port 443.
enum Link {
    Plain(TcpStream),
    Tls(Child),
}

impl Link {
    /// Connects as soon as nginx accepts, and sends a request.
    fn ask(visitor: Ipv4Addr, port: u16, head: &str) -> Self {
        let to = SocketAddr::from((visitor, port));
        let begun = Instant::now();
        let socket = loop {
            match TcpStream::connect(to) {
                Ok(socket) => break socket,
                Err(error) => assert!(begun.elapsed() < DEADLINE, "nginx doesn't listen: {error}"),
            }
        };
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut link = if port == 443 { Self::Tls(tls(to)) } else { Self::Plain(socket) };
        // HTTP/1.0, so that nginx doesn't chunk what it passes on.
        let head = format!("GET {head}\r\n\r\n");
        match &mut link {
            Self::Plain(socket) => socket.write_all(head.as_bytes()).unwrap(),
            Self::Tls(client) => client.stdin.as_mut().unwrap().write_all(head.as_bytes()).unwrap(),
        }
        link
    }
}

impl Read for Link {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(bytes),
            Self::Tls(client) => client.stdout.as_mut().unwrap().read(bytes),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Self::Tls(client) = self {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

fn tls(to: SocketAddr) -> Child {
    Command::new("openssl")
        .args(["s_client", "-quiet", "-servername", "count.example", "-connect", &to.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect(OPENSSL)
}

#[test]
fn the_readmes_lines_are_right_on_ports_80_443_and_8080() {
    let net = Net::new();
    let inside = Command::new("ip")
        .args(["netns", "exec", &net.name])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "ports::in_a_network_of_its_own", "--ignored"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inside.stdout);
    assert!(inside.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "another test runs it in a network of its own"]
fn in_a_network_of_its_own() {
    run("ip", "link set lo up");
    for visitor in VISITORS {
        run("ip", &format!("addr add {visitor}/32 dev lo"));
    }
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
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let key = format!("-newkey rsa:2048 -keyout {path}/key -out {path}/certificate");
    run("openssl", &format!("req -x509 -nodes -days 2 -subj /CN=count.example {key}"));
    let listen = format!(
        "listen 80; listen 8080; listen 443 ssl; ssl_certificate {path}/certificate; ssl_certificate_key {path}/key;"
    );
    Nginx::start(folder, &listen, &block(README))
}

/// The tags to copy have both, and the server knows its own page by them.
fn port_and_scheme_are_right(port: u16, address: &str) {
    let host = address.split_once("://").unwrap().1;
    let mut page = Link::ask(VISITORS[0], port, &format!("/ HTTP/1.0\r\nHost: {host}"));
    read_until(&mut page, format!("src=\"{address}/online.png").as_bytes());
    let picture = format!("/online.png?u=1&peek=1 HTTP/1.0\r\nHost: {host}\r\nReferer: {address}/");
    read_until(&mut Link::ask(VISITORS[0], port, &picture), &png_of(0));
}

/// Three pages of two visitors.
fn site_and_visitors_are_right(server: &TestServer, port: u16) {
    let page = format!(
        "/online.png?u=1&page=/{port} HTTP/1.0\r\nHost: count.example:{port}\r\nReferer: https://example.com/"
    );
    let mut links = vec![];
    for (visitor, count) in [(VISITORS[0], 1), (VISITORS[0], 2), (VISITORS[1], 3)] {
        links.push(Link::ask(visitor, port, &page));
        read_until(links.last_mut().unwrap(), &png_of(count));
    }
    let counted = get(server.address, &format!("/count/example.com/{port}.json"), &[]);
    let counted: serde_json::Value = serde_json::from_slice(&counted.body).unwrap();
    assert_eq!((&counted["pages"], &counted["visitors"]), (&3.into(), &2.into()), "port {port}: {counted}");
}

fn run(program: &str, words: &str) {
    let run = Command::new(program).args(words.split(' ')).output().expect(OPENSSL);
    assert!(run.status.success(), "{program} {words}: {}", String::from_utf8_lossy(&run.stderr));
}
