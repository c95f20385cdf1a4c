//! TLS with independent clients: curl, OpenSSL, GnuTLS, and testssl.sh.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde_json::Value;
use tempfile::tempdir;

use crate::common::DEADLINE;
use crate::common::client::Client;
use crate::common::parts::png_of;
use crate::common::server::TestServer;
use crate::common::tls::{self, Version};
use crate::common::view_of;
use crate::common::viewer::Viewer;

/// A program that prints what it receives.
struct Receiver {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    received: Vec<u8>,
}

impl Receiver {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} must be installed: {error}"));
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output, received: Vec::new() }
    }

    /// Reads until these bytes have come, after those that were waited for before.
    fn wait_for(&mut self, bytes: &[u8]) {
        let started = Instant::now();
        loop {
            if let Some(at) = self.received.windows(bytes.len()).position(|some| some == bytes) {
                self.received.drain(..at + bytes.len());
                return;
            }
            assert!(started.elapsed() < DEADLINE, "it has not received them");
            assert!(self.read() > 0, "it has ended after {:?}", String::from_utf8_lossy(&self.received));
        }
    }

    fn read(&mut self) -> usize {
        let mut some = [0; 16 * 1024];
        let length = self.output.read(&mut some).unwrap();
        self.received.extend_from_slice(&some[..length]);
        length
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn server() -> TestServer {
    TestServer::quiet(&tls::listen(tls::pair()))
}

fn join(server: &TestServer) -> Viewer {
    let mut client = Client::connect_tls(server.address, tls::client(Version::V1_3));
    client.send(view_of("example.com"));
    Viewer::opened(client)
}

/// Joins five more viewers, and lets them leave, each after the receiver has seen the change before.
fn sees_each_change(receiver: &mut Receiver, server: &TestServer) {
    receiver.wait_for(&png_of(1));
    let mut others = Vec::new();
    for count in 2..=6 {
        others.push(join(server));
        receiver.wait_for(&png_of(count));
    }
    for count in (1..=5).rev() {
        others.pop();
        receiver.wait_for(&png_of(count));
    }
}

fn chain() -> &'static str {
    tls::pair().chain.to_str().unwrap()
}

fn openssl(server: &TestServer, more: &[&str]) -> Receiver {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &server.address.to_string(), "-servername", "counter.example"]);
    command.args(["-CAfile", chain(), "-verify_return_error"]).args(more);
    let mut receiver = Receiver::start(command);
    receiver.input.write_all(view_of("example.com").as_bytes()).unwrap();
    receiver
}

#[test]
fn curl_sees_each_change_over_both_versions() {
    for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
        let server = server();
        let mut command = Command::new("curl");
        command.args(["--silent", "--no-buffer", "--cacert", chain(), "--http1.1"]).args(version);
        command.args(["--connect-to", &format!("::{}", server.address)]);
        command.args([
            "-H",
            "Referer: https://example.com/",
            "https://counter.example/online.png?u=1&live=1",
        ]);
        sees_each_change(&mut Receiver::start(command), &server);
    }
}

#[test]
fn openssl_sees_each_change_with_every_cipher() {
    for cipher in ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"] {
        let server = server();
        let mut receiver = openssl(&server, &["-quiet", "-tls1_3", "-ciphersuites", cipher]);
        sees_each_change(&mut receiver, &server);
    }
    let server = server();
    sees_each_change(&mut openssl(&server, &["-quiet", "-tls1_2"]), &server);
}

/// `K` is OpenSSL's command to change the keys of both sides.
#[test]
fn a_change_of_keys_by_openssl_ends_its_stream_in_order() {
    let server = server();
    let mut watcher = join(&server);
    let mut receiver = openssl(&server, &["-tls1_3"]);
    watcher.wait_for(2);
    receiver.input.write_all(b"K\n").unwrap();
    watcher.wait_for(1);
    while receiver.read() > 0 {}
    let said = String::from_utf8_lossy(&receiver.received);
    // It says something else of an end without close_notify.
    assert!(said.trim_end().ends_with("closed"), "{said}");
}

#[test]
fn gnutls_sees_each_change() {
    let server = server();
    let mut command = Command::new("gnutls-cli");
    command.args([
        "--port",
        &server.address.port().to_string(),
        "--x509cafile",
        chain(),
        "--logfile=/dev/null",
    ]);
    command.args(["--sni-hostname=counter.example", "--verify-hostname=counter.example", "127.0.0.1"]);
    let mut receiver = Receiver::start(command);
    receiver.input.write_all(view_of("example.com").as_bytes()).unwrap();
    sees_each_change(&mut receiver, &server);
}

/// Findings that are about the certificate's authority, a policy that is the site's own, or testssl itself are left out.
#[test]
fn testssl_finds_nothing_to_report() {
    let (server, dir) = (server(), tempdir().unwrap());
    let report = dir.path().join("report.json");
    let status = Command::new("testssl")
        // All that it judges; what it lists besides (each cipher, which clients would connect) takes as long again.
        .args(["--protocols", "--std", "--fs", "--server-preference", "--server-defaults"])
        .args(["--headers", "--vulnerable"])
        .args(["--quiet", "--color", "0", "--severity", "LOW", "--add-ca", chain(), "--jsonfile"])
        .arg(&report)
        .args(["--ip", "127.0.0.1", &format!("counter.example:{}", server.address.port())])
        .env("ANALYZE_WARNINGS", "0")
        .stdout(Stdio::null())
        .status()
        .expect("testssl must be installed");
    println!("{status}");
    let report = std::fs::read_to_string(report).unwrap();
    let report: Vec<Value> =
        serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error}: {report}"));
    let ids: Vec<_> = report.iter().map(|finding| finding["id"].as_str().unwrap_or_default()).collect();
    let known = ["cert_", "OCSP", "CRL", "DNS_CAA", "HSTS", "scanTime", "engine_problem"];
    let findings = report.iter().zip(&ids).filter(|(_, id)| !known.iter().any(|known| id.starts_with(known)));
    let findings: Vec<_> = findings.map(|(finding, _)| finding).collect();
    assert!(ids.contains(&"HSTS"), "it has not looked at everything: {ids:?}");
    assert!(findings.is_empty(), "{findings:#?}");
}
