//! Each kind of code is checked in its way.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use clap::Parser;
use onlookers::config::Cli;
use tempfile::TempDir;

use super::blocks::{below, root, words};
use super::elsewhere::listed;
use crate::common::program::{Program, onlookers};

/// A running server that the documents' commands ask, and a folder to run them in.
pub(super) struct Place {
    program: Program,
    admin: String,
    folder: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let (program, folder) = (Program::start(&["--admin", "127.0.0.1:0"]), tempfile::tempdir().unwrap());
        let settings = format!("listen = [\"{}\"]\n", program.address);
        fs::write(folder.path().join("onlookers.toml"), settings).unwrap();
        let admin = program.greeting.iter().find_map(|line| line.strip_prefix("Operators ask at http://"));
        let admin = admin.expect("it says where operators ask").trim_end_matches('/').to_owned();
        Self { program, admin, folder }
    }

    /// What a word of a command is here.
    fn word(&self, document: &str, word: &str) -> String {
        let server = self.program.address.to_string();
        let word = match document {
            "docs/admin.md" => word.replace("127.0.0.1:9193", &self.admin),
            _ => word.replace("127.0.0.1:9192", &server),
        };
        word.replace("/etc/onlookers/onlookers.toml", "onlookers.toml")
            .replace("/etc/onlookers.toml", "onlookers.toml")
    }

    /// Runs a command, which succeeds.
    fn run(&self, mut command: Command, document: &str, words: &[String]) -> Output {
        command.current_dir(&self.folder).args(words.iter().map(|word| self.word(document, word)));
        let done = command.output().unwrap();
        assert!(done.status.success(), "{document}: {words:?}: {done:?}");
        done
    }
}

/// Runs or parses a command, or finds it in the list.
pub(super) fn check(document: &str, command: &str, place: &Place) -> Option<usize> {
    let words = words(command);
    match words[0].as_str() {
        "onlookers" if matches!(&*words[1], "check" | "health" | "picture" | "--version") => {
            drop(place.run(onlookers(), document, &words[1..]));
        }
        // Of a site's page, the server's own stands in.
        "onlookers" if words[1] == "doctor" => {
            let mut doctor = onlookers();
            doctor.args(["doctor", "--watch", "0s", &format!("http://{}/", place.program.address)]);
            let more: Vec<_> =
                words[2..].iter().filter(|word| !word.starts_with("https://")).cloned().collect();
            place.run(doctor, document, &more);
        }
        // A server would need the ports, names, certificates and proxies of the document.
        "onlookers" => {
            let parsed = Cli::try_parse_from(&words);
            parsed.unwrap_or_else(|error| panic!("{document}: {command}\n{error}"));
        }
        "cargo" | "tests/run" if words.iter().any(|word| word == "--bench") => check_bench(document, &words),
        "cargo" | "tests/run" | "tests/recipes" => {}
        "sysctl" => words[1..].iter().for_each(|name| check_sysctl(document, name)),
        "ulimit" => {
            let mut shell = Command::new("sh");
            shell.args(["-c", command]);
            assert!(!place.run(shell, document, &[]).stdout.is_empty(), "{document}: {command}");
        }
        "curl" if words.iter().any(|word| place.word(document, word) != *word) => {
            let mut curl = Command::new("curl");
            curl.args(["--fail", "--silent", "--max-time", "10"]);
            let done = place.run(curl, document, &words[1..]);
            assert!(!done.stdout.is_empty(), "{document}: {command}: {done:?}");
        }
        _ => {
            let place = listed(document, command, false);
            assert!(place.is_some(), "{document}: nothing runs or checks this; see {}: {command}", file!());
            return place;
        }
    }
    None
}

/// The bench is there, and has a field for each option.
fn check_bench(document: &str, words: &[String]) {
    let name = &words[words.iter().position(|word| word == "--bench").unwrap() + 1];
    let folders = [below(&format!("benches/{name}"), ".rs"), below("benches/load", ".rs")].concat();
    let sources = folders.into_iter().chain([format!("benches/{name}.rs")]);
    let sources: String = sources.map(|path| fs::read_to_string(root().join(path)).unwrap()).collect();
    let options = words.iter().skip_while(|word| *word != "--").filter_map(|word| word.strip_prefix("--"));
    for option in options.filter(|option| !option.is_empty()) {
        let field = format!("{}:", option.replace('-', "_"));
        assert!(sources.contains(&field), "{document}: {name} has no --{option}");
    }
}

/// `onlookers check` of a block.
pub(super) fn check_configuration(document: &str, text: &str) {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let checked = onlookers().arg("check").arg(file.path()).output().unwrap();
    assert!(checked.status.success(), "{document}: {}", String::from_utf8_lossy(&checked.stderr));
}

/// The kernel has such a setting. That of connection tracking is there only where a firewall uses it.
fn check_sysctl(document: &str, name: &str) {
    let file = Path::new("/proc/sys").join(name.replace('.', "/"));
    let is_there = file.exists() || name.starts_with("net.netfilter.nf_conntrack_");
    assert!(is_there, "{document}: the kernel has no setting {name}");
}

/// A file for `/etc/sysctl.d`.
pub(super) fn check_sysctls(document: &str, text: &str) {
    let names = text.lines().map(|line| line.split_once(" = ").expect("a name and a value").0);
    names.for_each(|name| check_sysctl(document, name));
}

/// What it starts; systemd itself is in the test of listeners.
pub(super) fn check_unit(document: &str, text: &str, place: &Place) {
    let mut starts =
        text.lines().filter_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/")).peekable();
    assert!(starts.peek().is_some(), "{document}: a unit that starts nothing");
    starts.for_each(|command| assert_eq!(check(document, command, place), None));
}

/// A block of a recipe is part of the site that tests/recipes builds, whatever its indentation.
pub(super) fn check_recipe(text: &str) {
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned() + "\n").collect::<String>();
    let files =
        below("recipes", "").into_iter().filter_map(|file| fs::read_to_string(root().join(file)).ok());
    let is_there = files.into_iter().any(|file| lines(&file).contains(&lines(text)));
    assert!(is_there, "docs/recipes.md: no file in recipes/ has this:\n{text}");
}
