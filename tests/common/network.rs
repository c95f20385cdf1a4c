//! A network of a test's own, where every port is free.

use std::net::Ipv4Addr;
use std::process::Command;

/// Two addresses of that network's loopback. A connection to one of them comes from it, too.
pub(crate) const VISITORS: [Ipv4Addr; 2] = [Ipv4Addr::new(203, 0, 113, 1), Ipv4Addr::new(203, 0, 113, 2)];

/// Set in the process that has such a network.
const INSIDE: &str = "TEST_HAS_A_NETWORK_OF_ITS_OWN";

/// Runs `body` in a network of its own: in another process, which runs the test of this name again. What it mounts, the
/// process alone sees, and only as long as it lives.
pub(crate) fn in_network_of_its_own(test: &str, body: impl FnOnce()) {
    if is_own() {
        run("ip", "link set lo up");
        for visitor in VISITORS {
            run("ip", &format!("addr add {visitor}/32 dev lo"));
        }
        return body();
    }
    let inside = Command::new("unshare")
        .args(["--net", "--mount"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .env(INSIDE, "1")
        .output()
        .expect("this test needs the program unshare (Debian and Ubuntu: util-linux)");
    let (said, log) = (String::from_utf8_lossy(&inside.stdout), String::from_utf8_lossy(&inside.stderr));
    print!("{said}");
    assert!(inside.status.success(), "in a network of its own, which root may make:\n{said}\n{log}");
    assert!(said.contains("1 passed"), "there is no test {test}: {said}");
}

/// A folder with a certificate for count.example, under the names that the files for proxies use.
pub(crate) fn certificate() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let files = format!("-keyout {path}/privkey.pem -out {path}/fullchain.pem");
    // Programs that check names look at the extension alone, and take no certificate of an authority for a server's.
    let extensions =
        "-addext subjectAltName=DNS:count.example,DNS:example.com -addext basicConstraints=CA:FALSE";
    let request =
        format!("req -x509 -nodes -days 2 -subj /CN=count.example -newkey rsa:2048 {extensions} {files}");
    run("openssl", &request);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let combined = [read("fullchain.pem"), read("privkey.pem")].concat();
    std::fs::write(folder.path().join("combined.pem"), combined).unwrap();
    folder
}

/// Whether this process has a network, and mounts, of its own.
pub(crate) fn is_own() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs a program to its end.
pub(crate) fn run(program: &str, words: &str) {
    let run = Command::new(program).args(words.split(' ')).output();
    let run = run.unwrap_or_else(|error| panic!("this test needs the program {program}: {error}"));
    assert!(run.status.success(), "{program} {words}: {}", String::from_utf8_lossy(&run.stderr));
}
