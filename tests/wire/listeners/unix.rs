//! Unix sockets.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{connect, counted, place, read_to_end, read_until, view_for};
use crate::common::parts::png_of;
use crate::common::server::TestServer;
use crate::common::tls;
use crate::common::view_of;
use crate::common::viewer::Viewer;

#[test]
fn streams_live_over_a_unix_socket_until_the_server_ends() {
    let (_folder, path, place) = place("unix:");
    let server = TestServer::quiet(&["--listen", "127.0.0.1:0", "--listen", &place]);
    let mut page = connect(&path);
    page.write_all(view_for("198.51.100.1").as_bytes()).unwrap();
    read_until(&mut page, &png_of(1));
    let mut other = connect(&path);
    other.write_all(view_for("198.51.100.2").as_bytes()).unwrap();
    read_until(&mut page, &png_of(2));
    assert_eq!(counted(&server), (2, 2), "the visitors are those that the local proxy names");
    drop(other);
    let mut third = Viewer::join(server.address);
    third.wait_for(2);
    server.stop();
    read_to_end(&mut page);
    assert!(!path.exists(), "the file is removed");
}

#[test]
fn curl_reads_a_stream_over_a_unix_socket() {
    let (_folder, path, place) = place("unix:");
    let server = TestServer::quiet(&["--listen", "127.0.0.1:0", "--listen", &place]);
    let mut curl = Command::new("curl")
        .args(["-sN", "-e", "https://example.com/", "--unix-socket"])
        .arg(path)
        .arg("http://counter.example/online.png?u=1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs the program curl");
    let mut stream = curl.stdout.take().unwrap();
    read_until(&mut stream, &png_of(1));
    let _viewer = Viewer::join(server.address);
    read_until(&mut stream, &png_of(2));
    curl.kill().unwrap();
    curl.wait().unwrap();
}

#[test]
fn tls_works_over_a_unix_socket() {
    let (_folder, path, place) = place("tls:unix:");
    let (_files, pair) = tls::made(&["counter.example", "127.0.0.1"]);
    let server = TestServer::quiet(
        &[&["--listen", "127.0.0.1:0", "--listen", &place][..], &tls::files(&pair)].concat(),
    );
    let mut page = tls::over(&pair, "counter.example", connect(&path));
    page.write_all(view_of("example.com").as_bytes()).unwrap();
    read_until(&mut page, &png_of(1));
    let _viewer = Viewer::join(server.address);
    read_until(&mut page, &png_of(2));
}
