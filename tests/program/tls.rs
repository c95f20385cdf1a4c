//! Certificates: which one a client gets, what happens when files change, and what is refused.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{ChildStderr, Stdio};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustix::process::Signal;
use tempfile::{TempDir, tempdir};

use crate::common::client::Client;
use crate::common::program::{Program, onlookers};
use crate::common::tls::{self, Pair, Version};
use crate::common::view_of;
use crate::common::viewer::Viewer;
use crate::config::wait_for_line;

fn pair_in(dir: &Path, name: &str) -> Pair {
    Pair { chain: dir.join(format!("{name}.crt")), key: dir.join(format!("{name}.key")) }
}

fn start(args: &[&str]) -> (Program, Lines<BufReader<ChildStderr>>) {
    let mut command = onlookers();
    command.args(["--listen", "tls:127.0.0.1:0"]).args(args);
    let mut program = Program::spawn_logging(command, Stdio::piped());
    let log = BufReader::new(program.log().unwrap()).lines();
    (program, log)
}

/// Whether a client that trusts only `pair` is served under `name`.
fn serves(program: &Program, pair: &Pair, name: &str) -> bool {
    let mut client = Client::connect_tls(program.address, tls::client_that_trusts(pair, name, Version::V1_3));
    client.send_anyhow(format!(
        "GET /count/example.com.txt HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
    ));
    client.read_until_any_end().starts_with(b"HTTP/1.1 200")
}

fn two_pairs() -> (TempDir, Pair, Pair) {
    let dir = tempdir().unwrap();
    let pairs = ["a.example", "b.example"].map(|name| {
        let pair = pair_in(dir.path(), name);
        tls::write(&pair, &[name]);
        pair
    });
    let [a, b] = pairs;
    (dir, a, b)
}

#[test]
fn a_client_gets_the_certificate_of_the_name_it_asks_for() {
    let (dir, a, b) = two_pairs();
    let (program, _log) = start(&["--tls-cert", dir.path().to_str().unwrap()]);
    assert!(serves(&program, &a, "a.example") && serves(&program, &b, "b.example"));
    assert!(!serves(&program, &a, "b.example") && !serves(&program, &b, "a.example"));
}

#[test]
fn files_are_read_again_on_sighup_and_when_they_change() {
    let (dir, a, b) = two_pairs();
    let (program, mut log) = start(&["--tls-cert", dir.path().to_str().unwrap()]);
    let mut client =
        Client::connect_tls(program.address, tls::client_that_trusts(&a, "a.example", Version::V1_3));
    client.send(view_of("example.com"));
    let mut viewer = Viewer::opened(client);
    assert_eq!(viewer.count(), 1);
    tls::write(&a, &["a.example"]);
    program.signal(Signal::HUP);
    wait_for_line(&mut log, "the configuration was read again");
    assert!(serves(&program, &a, "a.example"));
    tls::write(&a, &["a.example"]);
    assert!(!serves(&program, &a, "a.example"), "nothing has read it");
    wait_for_line(&mut log, "the certificates have changed and are read again");
    // It says so before it has.
    while !serves(&program, &a, "a.example") {}
    assert!(serves(&program, &b, "b.example"));
    // The stream has outlived all of that.
    let mut other =
        Client::connect_tls(program.address, tls::client_that_trusts(&a, "a.example", Version::V1_3));
    other.send(view_of("example.com"));
    let _other = Viewer::opened(other);
    viewer.wait_for(2);
}

#[test]
fn a_pair_that_cannot_be_used_leaves_the_one_before_in_force() {
    let (dir, a, b) = two_pairs();
    let (program, mut log) = start(&["--tls-cert", dir.path().to_str().unwrap()]);
    let before = fs::read(&a.key).unwrap();
    let mut try_it = |reason: &str| {
        program.signal(Signal::HUP);
        wait_for_line(&mut log, reason);
        wait_for_line(&mut log, "the configuration was read again");
    };
    fs::copy(&b.key, &a.key).unwrap();
    try_it("a.example.key: the private key belongs to another certificate");
    fs::write(&a.key, "nonsense").unwrap();
    try_it("a.example.key: there is no private key in it");
    fs::write(&a.key, &before).unwrap();
    assert!(serves(&program, &a, "a.example") && serves(&program, &b, "b.example"));
    let (old, key) = (fs::read(&a.chain).unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    fs::write(&a.chain, params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&a.key, key.serialize_pem()).unwrap();
    try_it("a.example.crt: the certificate has expired");
    fs::write(&a.chain, old).unwrap();
    assert!(serves(&program, &a, "a.example"));
}

/// The new name has no certificate before, and its pair can't be used: the old one is better than none.
#[test]
fn a_reload_never_leaves_the_server_without_certificates() {
    let (dir, a, b) = two_pairs();
    let file = dir.path().join("onlookers.toml");
    let write = |pair: &Pair| {
        let text = format!("tls_cert = [{:?}]\ntls_key = [{:?}]\n", pair.chain, pair.key);
        fs::write(&file, text).unwrap();
    };
    write(&a);
    let (program, mut log) = start(&["--config", file.to_str().unwrap()]);
    let wrong = pair_in(dir.path(), "wrong");
    tls::write(&wrong, &["wrong.example"]);
    fs::copy(&b.key, &wrong.key).unwrap();
    write(&wrong);
    program.signal(Signal::HUP);
    wait_for_line(&mut log, "wrong.key: the private key belongs to another certificate");
    assert!(serves(&program, &a, "a.example"));
    fs::write(&file, "repaint = \"5s\"\n").unwrap();
    program.signal(Signal::HUP);
    wait_for_line(&mut log, "the certificates stay as they were: the configuration names none");
    wait_for_line(&mut log, "the configuration was read again");
    assert!(serves(&program, &a, "a.example"));
    write(&b);
    program.signal(Signal::HUP);
    wait_for_line(&mut log, "the configuration was read again");
    assert!(serves(&program, &b, "b.example"));
}

/// As certbot leaves them: the old folder beside the new one.
#[test]
fn a_valid_certificate_comes_before_an_expired_one_for_its_name() {
    let dir = tempdir().unwrap();
    let [old, new] = ["a", "b"].map(|name| {
        let folder = dir.path().join(name);
        fs::create_dir(&folder).unwrap();
        Pair { chain: folder.join("fullchain.pem"), key: folder.join("privkey.pem") }
    });
    tls::write(&new, &["a.example"]);
    let (mut params, key) =
        (CertificateParams::new(["a.example".to_owned()]).unwrap(), KeyPair::generate().unwrap());
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    fs::write(&old.chain, params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&old.key, key.serialize_pem()).unwrap();
    let (program, _log) = start(&["--tls-cert", dir.path().to_str().unwrap()]);
    assert!(serves(&program, &new, "a.example"));
    let (program, _log) = start(&["--tls-cert", dir.path().join("b").to_str().unwrap()]);
    assert!(serves(&program, &new, "a.example"));
}

#[test]
fn what_cannot_work_is_refused_at_the_start() {
    let (_dir, a, b) = two_pairs();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    for (args, reason) in [
        (vec![], "a tls: listener needs a certificate; name a file with --tls-cert, or a host with --acme"),
        (vec!["--tls-cert", "/nowhere.crt"], "/nowhere.crt: No such file"),
        (vec!["--tls-cert", &path(&a.chain)], "there is no private key in it"),
        (vec!["--tls-cert", &path(&a.chain), "--tls-key", &path(&b.key)], "belongs to another certificate"),
        (
            vec!["--tls-cert", &path(&a.chain), "--tls-key", &path(&a.key), "--tls-key", &path(&b.key)],
            "there is no --tls-cert for it",
        ),
        (
            vec!["--tls-cert", &path(&a.chain), "--tls-cert", &path(&b.chain), "--tls-key", &path(&b.key)],
            "there is no --tls-key for it",
        ),
        (vec!["--tls-cert", "/proc/self/fdinfo"], "there is no NAME.crt with a NAME.key in it"),
    ] {
        let output = onlookers().args(["--listen", "tls:127.0.0.1:0"]).args(&args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(reason), "{args:?}: {said}");
    }
}
