//! The units for systemd: they are well formed, give the service little, and pass keys on. systemd itself doesn't run in tests.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::common::client::Client;
use crate::common::program::{Program, onlookers};
use crate::common::{request, tls};

const SERVICE: &str = include_str!("../../packaging/systemd/onlookers.service");
const SOCKET: &str = include_str!("../../packaging/systemd/onlookers-https.socket");
const PAGE: &str = include_str!("../../docs/install.md");

/// The most that the unit may be given: 2.0 of the points of `systemd-analyze security`, of which an unprotected service has 9.6.
const THRESHOLD: &str = "--threshold=20";

/// The files that the page on installing has for the service, as `[Service]` and what follows.
fn drop_ins() -> Vec<&'static str> {
    let blocks = PAGE.split("```ini\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.filter(|block| block.starts_with("[Service]")).collect()
}

/// The units in a folder, for this program, with the files of the page.
fn units(change: impl Fn(&str) -> String) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let service = SERVICE.replace("/usr/bin/onlookers", env!("CARGO_BIN_EXE_onlookers"));
    fs::write(folder.path().join("onlookers.service"), change(&service)).unwrap();
    fs::write(folder.path().join("onlookers-https.socket"), SOCKET).unwrap();
    let more = folder.path().join("onlookers.service.d");
    fs::create_dir(&more).unwrap();
    for (number, text) in drop_ins().into_iter().enumerate() {
        fs::write(more.join(format!("{number}.conf")), text).unwrap();
    }
    folder
}

fn analyze(args: &[&str], unit: &Path) -> Output {
    let output = Command::new("systemd-analyze").args(args).arg(unit).output();
    output.expect("this test needs the program systemd-analyze (Debian and Ubuntu: systemd)")
}

/// What systemd has to say about the units.
fn verify(folder: &TempDir) -> String {
    ["onlookers.service", "onlookers-https.socket"]
        .map(|unit| analyze(&["verify", "--man=no"], &folder.path().join(unit)))
        .iter()
        .map(|output| String::from_utf8_lossy(&output.stderr).into_owned())
        .collect()
}

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    assert_eq!(drop_ins().len(), 2);
    assert_eq!(verify(&units(str::to_owned)), "");
    assert!(verify(&units(|unit| unit.replace("WatchdogSec", "WatchdogTime"))).contains("WatchdogTime"));
}

#[test]
fn the_service_is_given_little() {
    let is_within = |change: fn(&str) -> String| {
        let folder = units(change);
        let args = ["security", "--offline=true", THRESHOLD];
        analyze(&args, &folder.path().join("onlookers.service")).status.success()
    };
    assert!(is_within(str::to_owned));
    assert!(!is_within(|unit| unit.replace("ProtectSystem=", "#").replace("SystemCallFilter=", "#")));
}

#[test]
fn a_key_that_is_passed_as_a_credential_is_used() {
    let credentials = tempfile::tempdir().unwrap();
    let pair =
        tls::Pair { chain: credentials.path().join("tls.crt"), key: credentials.path().join("tls.key") };
    tls::write(&pair, &["counter.example"]);
    let mut command = onlookers();
    command.args(["--listen", "tls:127.0.0.1:0"]);
    let variables =
        drop_ins()[0].lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
    for (name, value) in variables {
        command.env(name, value.replace("%d", credentials.path().to_str().unwrap()));
    }
    let program = Program::spawn_logging(command, Stdio::null());
    let handshake = tls::client_that_trusts(&pair, "counter.example", tls::Version::V1_3);
    let mut client = Client::connect_tls(program.address, handshake);
    client.send(request("GET /robots.txt HTTP/1.1", &[]));
    assert_eq!(client.response().status, 200);
}

/// What the unit starts, in the words of the page and of the program.
#[test]
fn the_service_and_the_socket_use_settings_that_exist() {
    let start = SERVICE.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    assert_eq!(start, "/usr/bin/onlookers --config /etc/onlookers/onlookers.toml");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/deb/onlookers.toml");
    assert!(onlookers().args(["check", file]).status().unwrap().success());
    // Each line that is a comment for a setting is one that can be taken.
    let text = fs::read_to_string(file).unwrap();
    let (commented, words) = (|line: &&str| line.starts_with('#') && line.contains(" = "), "listen = [\"127");
    let settings = text.lines().filter(commented).map(|line| format!("{}\n", &line[1..])).collect::<String>();
    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("onlookers.toml");
    fs::write(&changed, settings).unwrap();
    assert!(text.contains(words) && onlookers().arg("check").arg(&changed).status().unwrap().success());
    let name = SOCKET.lines().find_map(|line| line.strip_prefix("FileDescriptorName=")).unwrap();
    let listener = format!("listen = [\"tls:fd:{name}\"]");
    assert!(text.contains(&listener) && PAGE.contains(&listener));
}
