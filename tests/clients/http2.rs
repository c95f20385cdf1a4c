//! HTTP/2 with other people's clients: curl, nghttp, h2load, and Python's h2.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::client::get;
use crate::common::parts::{BETWEEN, png_of};
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::npm::run;

const H2: &str = "h2==4.3.0";

fn reads_each_change(client: &mut Command, server: &TestServer) -> Child {
    let mut watcher = Viewer::join(server.address);
    let mut client = client.stdout(Stdio::piped()).spawn().expect("the client has to be installed");
    let out = client.stdout.as_mut().unwrap();
    let mut read = Vec::new();
    let mut read_until = |wanted: &[u8]| {
        let mut some = [0; 4096];
        while !read.windows(wanted.len()).any(|bytes| bytes == wanted) {
            let count = out.read(&mut some).unwrap();
            assert!(count > 0, "the client has ended after {:?}", String::from_utf8_lossy(&read));
            read.extend_from_slice(&some[..count]);
        }
    };
    let part = |count| [&png_of(count)[..], BETWEEN].concat();
    watcher.wait_for(2);
    read_until(&part(2));
    for _ in 0..3 {
        let third = Viewer::join(server.address);
        read_until(&part(3));
        drop(third);
        read_until(&part(2));
    }
    client
}

fn end(mut client: Child, server: &TestServer) {
    let mut watcher = Viewer::join(server.address);
    watcher.wait_for(2);
    client.kill().unwrap();
    client.wait().unwrap();
    watcher.wait_for(1);
}

#[test]
fn curl_receives_each_change() {
    let server = TestServer::quiet(&[]);
    let url = format!("http://{}/online.png?u=1", server.address);
    let mut curl = Command::new("curl");
    curl.args(["-sN", "--http2-prior-knowledge", "-H", "Referer: https://example.com/", &url]);
    let client = reads_each_change(&mut curl, &server);
    end(client, &server);
}

#[test]
fn nghttp_receives_each_change() {
    let server = TestServer::quiet(&[]);
    let url = format!("http://{}/online.png?u=1", server.address);
    // Into a pipe it writes only when it has a lot.
    let mut nghttp = Command::new("stdbuf");
    nghttp.args(["-o0", "nghttp", "-H", "referer: https://example.com/", &url]);
    let client = reads_each_change(&mut nghttp, &server);
    end(client, &server);
}

#[test]
fn h2load_gets_every_answer() {
    let server = TestServer::quiet(&[]);
    let url = format!("http://{}/count/example.com.json", server.address);
    let mut h2load = Command::new("h2load");
    let load = run(h2load.args(["-n", "5000", "-c", "10", "-m", "50", &url]), "h2load has to be installed");
    let said = String::from_utf8(load.stdout).unwrap();
    assert!(said.contains("5000 succeeded, 0 failed, 0 errored, 0 timeout"), "{said}");
}

/// One connection, as many streams as it may have.
#[test]
fn h2load_opens_a_hundred_streams() {
    let server = TestServer::quiet(&[]);
    let mut watcher = Viewer::join(server.address);
    let url = format!("http://{}/online.png?u=1", server.address);
    let mut h2load = Command::new("h2load");
    h2load.args(["-n", "100", "-c", "1", "-m", "100", "-H", "referer: https://example.com/", &url]);
    let mut load = h2load.stdout(Stdio::null()).spawn().expect("h2load has to be installed");
    watcher.wait_for(101);
    load.kill().unwrap();
    load.wait().unwrap();
    watcher.wait_for(1);
}

#[test]
fn pythons_h2_is_served() {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python").join(H2);
    if !library.exists() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
        run(pip.arg(&library).arg(H2), "python3 and pip must be installed and reach their index");
    }
    let server = TestServer::quiet(&[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/http2.py");
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", &library).env("PYTHONDONTWRITEBYTECODE", "1");
    let heard = run(python.arg(script).arg(server.address.to_string()), "the client").stdout;
    let heard = String::from_utf8(heard).unwrap();
    let wanted = "head text/event-stream\none\ntwo\none\npicture\nponged\nwebsocket 505\n";
    assert_eq!(heard, wanted);
    let started = std::time::Instant::now();
    while get(server.address, "/count/example.com.txt", &[]).text() != "0" {
        assert!(started.elapsed() < Duration::from_secs(5), "its streams go with it");
    }
}
