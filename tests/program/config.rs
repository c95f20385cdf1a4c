//! onlookers.toml: the example, what is set for one site, and reading it again while streams are open.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{ChildStderr, Stdio};

use clap::{Args, Command};
use onlookers::config::{Config, File};
use onlookers_picture::{Label, Style, Value, render};
use rustix::process::Signal;

use crate::common::client::Client;
use crate::common::program::{Program, onlookers};
use crate::common::request;
use crate::common::tls::{self, Pair};
use crate::common::viewer::Viewer;

/// A file of this test's own, gone with it.
pub(crate) struct TempFile(pub(crate) PathBuf);

impl TempFile {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("onlookers-{}-{name}.toml", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A server with that file, and the lines of its log.
pub(crate) fn serve(file: &TempFile) -> (Program, Lines<BufReader<ChildStderr>>) {
    let mut command = onlookers();
    command.args(["--listen", "127.0.0.1:0", "--repaint", "1h", "--config", file.path()]);
    let mut program = Program::spawn_logging(command, Stdio::piped());
    let log = BufReader::new(program.log().unwrap()).lines();
    (program, log)
}

pub(crate) fn wait_for_line(log: &mut Lines<BufReader<ChildStderr>>, words: &str) {
    let found = log.map_while(Result::ok).find(|line| line.contains(words));
    assert!(found.is_some(), "the log has no line with {words:?}");
}

fn png(label: &str, count: u64) -> Vec<u8> {
    render(&Style::plain(Label::new(label).unwrap()), Value::Count(count)).encode().to_vec()
}

fn status(program: &Program, line: &str, site: &str) -> u16 {
    let referer = format!("Referer: https://{site}/");
    let mut client = Client::connect(program.address);
    client.send(request(line, &[&referer]));
    client.response_to_head().status
}

#[test]
fn the_example_is_fine_as_it_stands_and_with_everything_in_it() {
    let example = include_str!("../../onlookers.toml");
    let lines = example.lines().map(|line| match line.strip_prefix('#') {
        // A sentence has a space after the sign.
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
        _ => line,
    });
    let (root, dir) = (env!("CARGO_MANIFEST_DIR"), tempfile::tempdir().unwrap());
    let everything = lines.collect::<Vec<_>>().join("\n");
    let everything = everything.replace("/etc/onlookers/themes", dir.path().to_str().unwrap());
    let fonts = format!("{root}/crates/picture/fonts/DejaVuSans-subset.ttf");
    let everything = everything.replace("/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf", &fonts);
    let pair =
        Pair { chain: dir.path().join("count.example.crt"), key: dir.path().join("count.example.key") };
    tls::write(&pair, &["count.example"]);
    // The folder of the certificate has no themes in it.
    let everything = everything.replace("/etc/onlookers/count", &format!("{}/count", dir.path().display()));
    let mut everything = everything;
    for authorities in ["/etc/onlookers/ca.pem", "/etc/onlookers/redis-ca.pem"] {
        everything = everything.replace(authorities, pair.chain.to_str().unwrap());
    }
    let acme_key = dir.path().join("acme.key");
    fs::write(&acme_key, "0".repeat(64)).unwrap();
    let everything = everything.replace("/etc/onlookers/acme.key", acme_key.to_str().unwrap());
    let everything = TempFile::new("everything", &everything);
    File::read(&everything.0).unwrap();
    let checked = onlookers().args(["check", everything.path()]).output().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stderr));
    let keys = fs::read_to_string(&everything.0).unwrap();
    for argument in Config::augment_args(Command::new("onlookers")).get_arguments() {
        let key = argument.get_id();
        let is_there = keys.lines().any(|line| line.starts_with(&format!("{key} = ")));
        assert!(is_there || argument.is_hide_set(), "{key} is not in the example");
    }
    assert!(onlookers().args(["check", "onlookers.toml"]).status().unwrap().success());
}

#[test]
fn a_bad_file_is_named_by_line_and_key_and_ends_with_2() {
    let file = TempFile::new("bad", "listen = [\"127.0.0.1:0\"]\nrepaint = \"never\"\n");
    for args in [&["check", file.path()], &["--config", file.path()]] {
        let refused = onlookers().args(args).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains(file.path()) && said.contains("line 2") && said.contains("repaint"), "{said}");
    }
}

#[test]
fn flags_beat_environment_beats_file() {
    let file = TempFile::new("beaten", "label = \"File\"\n");
    for (env, flag, wanted) in
        [(None, None, "File"), (Some("Env"), None, "Env"), (Some("Env"), Some("Flag"), "Flag")]
    {
        let mut command = onlookers();
        command.args(["--listen", "127.0.0.1:0", "--config", file.path()]);
        command.args(flag.map(|flag| format!("--label={flag}")));
        command.envs(env.map(|env| ("ONLOOKERS_LABEL", env)));
        let program = Program::spawn(command);
        assert_eq!(Viewer::join(program.address).picture(), png(wanted, 1));
    }
}

#[test]
fn a_site_has_its_own_label_and_pages() {
    let text = "[sites.\"EXAMPLE.com\"]\nlabel = \"Readers\"\npages = [\"/posts/*\"]\nranking = \"nobody\"\n";
    let file = TempFile::new("site", text);
    let (program, _log) = serve(&file);
    assert_eq!(Viewer::join(program.address).picture(), png("Readers", 1));
    assert_eq!(Viewer::join_site(program.address, "example.org").picture(), png("Users online", 1));
    assert_eq!(status(&program, "GET /online.png?page=/posts/1 HTTP/1.1", "example.com"), 302);
    assert_eq!(status(&program, "GET /online.png?page=/other HTTP/1.1", "example.com"), 403);
    assert_eq!(status(&program, "GET /top.json?site=example.com HTTP/1.1", "example.com"), 403);
    assert_eq!(status(&program, "GET /top.json?site=example.org HTTP/1.1", "example.org"), 200);
}

#[test]
fn sighup_reads_it_again_and_drops_no_stream() {
    let file = TempFile::new("again", "label = \"First\"\n");
    let (program, mut log) = serve(&file);
    let mut before = Viewer::join(program.address);
    assert_eq!(before.picture(), png("First", 1));

    fs::write(&file.0, "label = \"Second\"\nallow = [\"example.com\"]\n").unwrap();
    program.signal(Signal::HUP);
    wait_for_line(&mut log, "was read again");
    assert_eq!(Viewer::join(program.address).picture(), png("Second", 2));
    assert_eq!(status(&program, "GET /online.png HTTP/1.1", "example.org"), 403);

    fs::write(&file.0, "label = 5\n").unwrap();
    program.signal(Signal::HUP);
    wait_for_line(&mut log, "stays as it was");
    assert_eq!(status(&program, "GET /online.png HTTP/1.1", "example.org"), 403);
    let _third = Viewer::join(program.address);
    // The first viewer was there all the time, and its picture has the label it came with.
    before.wait_for_picture(&png("First", 2));
}

#[test]
fn an_emptied_file_is_not_taken_by_a_reload() {
    let file = TempFile::new("emptied", "allow = [\"example.com\"]\n");
    let (program, mut log) = serve(&file);
    for emptied in ["", "# allow = [\"example.com\"]\n", "[sites]\n"] {
        fs::write(&file.0, emptied).unwrap();
        program.signal(Signal::HUP);
        wait_for_line(&mut log, "stays as it was");
        assert_eq!(status(&program, "GET /online.png HTTP/1.1", "example.org"), 403, "{emptied:?}");
    }
    fs::write(&file.0, "allow = [\"example.org\"]\n").unwrap();
    program.signal(Signal::HUP);
    wait_for_line(&mut log, "was read again");
    assert_eq!(status(&program, "GET /online.png HTTP/1.1", "example.org"), 302);
}

#[test]
fn a_file_without_settings_at_the_start_is_warned_of() {
    let file = TempFile::new("empty", "# nothing yet\n");
    let (program, mut log) = serve(&file);
    wait_for_line(&mut log, "there are no settings in ");
    // There were none before either.
    program.signal(Signal::HUP);
    wait_for_line(&mut log, "was read again");
    let checked = onlookers().args(["check", file.path()]).output().unwrap();
    assert!(checked.status.success());
    assert!(
        String::from_utf8(checked.stdout).unwrap().ends_with(" is fine, but there are no settings in it\n")
    );
}

#[test]
fn a_pipe_or_a_huge_file_in_place_of_the_file_is_refused() {
    let file = TempFile::new("pipe", "label = \"First\"\n");
    let (mut program, mut log) = serve(&file);
    fs::remove_file(&file.0).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file.0).status().unwrap().success());
    program.signal(Signal::HUP);
    wait_for_line(&mut log, "stays as it was");
    assert_eq!(Viewer::join(program.address).picture(), png("First", 1));
    let started = onlookers().args(["check", file.path()]).output().unwrap();
    assert_eq!(started.status.code(), Some(2));
    assert!(String::from_utf8(started.stderr).unwrap().ends_with(": it is not a file\n"));

    fs::remove_file(&file.0).unwrap();
    fs::write(&file.0, vec![b'#'; (1 << 20) + 1]).unwrap();
    program.signal(Signal::HUP);
    wait_for_line(&mut log, "it has more than 1 MiB");
    program.signal(Signal::TERM);
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn settings_that_cannot_work_are_refused_by_line_and_key() {
    for (text, line, sentence) in [
        ("listen = []\n", "line 1", "listen: it is empty"),
        ("\nfanout_threads = 0\n", "line 2", "fanout_threads: "),
        ("fanout_threads = 200\n", "line 1", "fanout_threads: "),
        ("\nthemes = \"/nowhere\"\n", "line 2", "themes: can't take /nowhere: No such file"),
        ("font = [\"/dev/zero\"]\n", "line 1", "font: can't take /dev/zero: it is not a file"),
        ("[sites.\"a.example\"]\n[sites.\"A.example\"]\n", "line 2", "sites.\"A.example\": there is a table"),
        ("[sites.\"a.example\"]\npages = [\"https://a.example/\"]\n", "line 2", "write /posts/1 or /posts/*"),
        ("[sites.\"a.example\"]\ntitles = { \"/a\" = \" \" }\n", "line 2", "a title has 1 to 200 characters"),
        (
            "\n[sites.\"a.example\"]\ntitles = { \"a\" = \"A\" }\n",
            "line 2",
            "the title of \"a\": a page is a path",
        ),
        (
            "[sites.\"a.example\"]\ndrop_slash = true\ntitles = { \"/a\" = \"A\", \"/a/\" = \"A\" }\n",
            "line 1",
            "the page /a has a title already",
        ),
    ] {
        let file = TempFile::new("unusable", text);
        let checked = onlookers().args(["check", file.path()]).output().unwrap();
        let said = String::from_utf8(checked.stderr).unwrap();
        assert_eq!(checked.status.code(), Some(2), "{text}: {said}");
        assert!(said.contains(sentence) && said.contains(line), "{text}: {said}");
        let started = onlookers().args(["--config", file.path()]).output().unwrap();
        let said = String::from_utf8(started.stderr).unwrap();
        assert!(started.status.code() == Some(2) && said.contains(sentence), "{text}: {said}");
    }
}
