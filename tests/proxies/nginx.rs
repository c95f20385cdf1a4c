//! A real nginx, configured as the README says, passes each change on at once and closes when a page has gone.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::DEADLINE;
use crate::common::listener::Listener;
use crate::common::page::{Page, frame, opening};
use crate::common::parts::png_of;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;

pub(crate) const README: &str = include_str!("../../README.md");

/// nginx on a socket in a temporary folder; killed and removed when dropped.
pub(crate) struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
}

impl Nginx {
    fn before(server: SocketAddr) -> Self {
        Self::with(server, "")
    }

    /// With more lines in the block for the server.
    fn with(server: SocketAddr, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = format!("listen unix:{}/socket;", folder.path().display());
        let location = block(README).replace("127.0.0.1:9192", &server.to_string());
        Self::start(folder, &listen, &format!("{location} {more}"))
    }

    /// With its files in that folder, these lines about where it listens, and this block for the server.
    pub(crate) fn start(folder: tempfile::TempDir, listen: &str, location: &str) -> Self {
        let servers = format!("server {{ {listen} location / {{ {location} }} }}");
        let child =
            command(folder.path(), &servers).spawn().expect("nginx has to be installed for this test");
        Self { child, folder }
    }

    /// A connection, as soon as nginx accepts one.
    fn connect(&self) -> UnixStream {
        let begun = Instant::now();
        loop {
            match UnixStream::connect(self.folder.path().join("socket")) {
                Ok(socket) => return socket,
                Err(error) => assert!(begun.elapsed() < DEADLINE, "nginx doesn't listen: {error}"),
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs nginx with its files in that folder and these servers.
pub(crate) fn command(folder: &Path, servers: &str) -> Command {
    let path = folder.display();
    let config = format!(
        "daemon off; master_process off; pid {path}/pid; error_log {path}/log;\n\
         events {{}}\n\
         http {{\n\
           access_log off; proxy_temp_path {path}/p; client_body_temp_path {path}/b; fastcgi_temp_path {path}/f;\n\
           uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;\n\
           {servers}\n\
         }}\n"
    );
    std::fs::write(folder.join("conf"), config).unwrap();
    let nginx =
        ["/usr/sbin/nginx", "nginx"].into_iter().find(|name| Path::new(name).exists()).unwrap_or("nginx");
    let mut command = Command::new(nginx);
    command.args(["-e", "stderr", "-c"]).arg(folder.join("conf")).stdout(Stdio::null());
    command
}

/// The lines for nginx on a page of the documents.
pub(crate) fn block(page: &str) -> String {
    let block = page.split_once("location / {").expect("a block for nginx").1;
    let lines = block.split_once('}').expect("the block's end").0.trim().lines();
    lines.map(|line| format!("{}\n", line.trim())).collect()
}

/// Reads until `wanted` has come.
pub(crate) fn read_until(socket: &mut impl Read, wanted: &[u8]) {
    let (mut read, mut bytes) = (Vec::new(), [0; 4096]);
    while !read.windows(wanted.len()).any(|part| part == wanted) {
        let some = socket.read(&mut bytes).unwrap();
        assert!(some > 0, "the stream ended without it: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&bytes[..some]);
    }
}

#[test]
fn the_readme_and_the_book_have_the_same_lines_for_nginx() {
    assert_eq!(block(README), block(include_str!("../../docs/behind-a-proxy.md")));
    assert_eq!(block(README), block(include_str!("../../docs/proxies/nginx.conf")), "the file to copy");
}

#[test]
fn nginx_passes_each_event_on_and_tells_when_a_page_has_gone() {
    let server = TestServer::quiet(&["--allow", "example.com"]);
    let nginx = Nginx::before(server.address);
    let mut page = nginx.connect();
    page.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    page.write_all(
        b"GET /events/example.com HTTP/1.0\r\nHost: count.example\r\nOrigin: https://example.com\r\n\r\n",
    )
    .unwrap();
    read_until(&mut page, b"\"count\":1,\"visitors\":1}\n\n");
    let mut other = Listener::join(server.address, "/events/example.com");
    read_until(&mut page, b"\"count\":2,");
    other.wait_for(2);
    drop(page);
    other.wait_for(1);
}

#[test]
fn nginx_passes_websockets_on_and_tells_when_a_page_has_gone() {
    let server = TestServer::quiet(&["--allow", "example.com"]);
    let nginx = Nginx::before(server.address);
    let mut page = nginx.connect();
    page.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    page.write_all(opening("/ws/example.com", "example.com", &[]).as_bytes()).unwrap();
    read_until(&mut page, b"\"count\":1,\"visitors\":1}");
    let mut other = Page::open(server.address, "");
    read_until(&mut page, b"\"type\":\"join\"");
    other.wait_for("example.com", 2, 1);
    page.write_all(&frame(0x81, br#"{"type":"ping"}"#)).unwrap();
    read_until(&mut page, br#"{"type":"pong"}"#);
    drop(page);
    other.wait_for("example.com", 1, 1);
}

#[test]
fn nginx_passes_each_picture_on_and_tells_when_a_page_has_gone() {
    let server = TestServer::quiet(&["--allow", "example.com"]);
    let nginx = Nginx::before(server.address);
    let mut page = nginx.connect();
    page.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // HTTP/1.0, so that nginx doesn't chunk what it passes on.
    page.write_all(
        b"GET /online.png?u=1 HTTP/1.0\r\nHost: count.example\r\nReferer: https://example.com/\r\n\r\n",
    )
    .unwrap();
    read_until(&mut page, &png_of(1));
    let mut other = Viewer::join(server.address);
    read_until(&mut page, &png_of(2));
    other.wait_for(2);
    drop(page);
    other.wait_for(1);
}

#[test]
fn a_visitor_behind_nginx_cannot_choose_an_address() {
    // An outer proxy on the socket vouches for the visitor.
    let from = "set_real_ip_from unix:; real_ip_header X-Test-Peer;";
    let server = TestServer::quiet(&["--trust-proxy", "127.0.0.0/8", "--max-per-address", "1"]);
    let nginx = Nginx::with(server.address, from);
    let status = |peer: &str, forged: &[u8]| {
        let mut page = nginx.connect();
        page.set_read_timeout(Some(DEADLINE)).unwrap();
        let head = format!(
            "GET /online.png?u=1 HTTP/1.0\r\nHost: count.example\r\nReferer: https://example.com/\r\nX-Test-Peer: {peer}\r\n"
        );
        page.write_all(&[head.as_bytes(), forged, b"\r\n\r\n"].concat()).unwrap();
        let mut status = [0; 12];
        page.read_exact(&mut status).unwrap();
        (String::from_utf8_lossy(&status[9..]).into_owned(), page)
    };
    let (first, _page) = status("198.51.100.1", b"X-Nothing: 1");
    assert_eq!(first, "200");
    for forged in [
        &b"X-Forwarded-For: \xe9\r\nCF-Connecting-IP: 203.0.113.1"[..],
        b"X-Forwarded-For: \xe9\r\nForwarded: for=203.0.113.2",
        b"X-Forwarded-For: 203.0.113.3",
        b"X-Forwarded-For: 203.0.113.4, 127.0.0.1\r\nX-Real-IP: 203.0.113.5",
    ] {
        assert_eq!(status("198.51.100.1", forged).0, "503", "{}", String::from_utf8_lossy(forged));
    }
    assert_eq!(status("198.51.100.2", b"X-Forwarded-For: \xe9").0, "200", "another visitor has a place");
}
