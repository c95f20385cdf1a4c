//! Packages of the npm registry: other people's programs, as judges of ours.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with these packages below `node_modules`, each as name@version, installed once.
pub(crate) fn installed(name: &str, packages: &[&str]) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).unwrap();
    // Each test is a process of its own, and several may come here at once.
    let lock = File::create(dir.join("lock")).unwrap();
    lock.lock().unwrap();
    let done = dir.join("installed");
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == packages.join(" ")) {
        return dir;
    }
    std::fs::write(dir.join("package.json"), "{\"private\": true}").unwrap();
    let install = ["install", "--no-audit", "--no-fund"];
    run(
        Command::new("npm").args(install).args(packages).current_dir(&dir),
        "npm must be installed and reach its registry",
    );
    std::fs::write(done, packages.join(" ")).unwrap();
    dir
}

/// Runs a command to its end; fails with what it said, and `need`, unless it succeeds.
pub(crate) fn run(command: &mut Command, need: &str) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{need}: {error}"));
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success(), "{need}: {}", String::from_utf8_lossy(&said));
    output
}
