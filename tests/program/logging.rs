//! The log: a standard error that takes nothing does not touch the server, and no line fills it.

use std::fs;
use std::io::{BufRead, BufReader, PipeReader, Read};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use onlookers_picture::{Label, Style, Value, render};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use tempfile::NamedTempFile;

use crate::common::client::{Client, get};
use crate::common::log;
use crate::common::program::{Program, onlookers};
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request};

/// More lines than a pipe and the queue hold.
const REFUSALS: usize = 2500;

/// A server that logs each refusal to `stderr`, and its configuration file.
fn serve(stderr: impl Into<Stdio>) -> (Program, NamedTempFile) {
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, "label = \"First\"\n").unwrap();
    let mut command = onlookers();
    command.args(["--listen", "127.0.0.1:0", "--repaint", "1h", "-v", "--config"]).arg(file.path());
    (Program::spawn_logging(command, stderr.into()), file)
}

/// Has the server refuse and log so many requests, each for another path if they are to differ.
fn refuse(program: &Program, times: usize, differ: bool) {
    let mut client = Client::connect(program.address);
    let numbers: Vec<usize> = (0..times).map(|number| if differ { number } else { 0 }).collect();
    for some in numbers.chunks(100) {
        let ask = |number| request(&format!("GET /nothing/{number} HTTP/1.1"), &[]);
        client.send(some.iter().map(ask).collect::<String>());
        some.iter().for_each(|_| assert_eq!(client.response().status, 404));
    }
}

fn png(label: &str, count: u64) -> Vec<u8> {
    render(&Style::plain(Label::new(label).unwrap()), Value::Count(count)).encode().to_vec()
}

/// Reads the configuration again, and waits until it is in force.
fn reload(program: &Program, file: &NamedTempFile, label: &str) {
    fs::write(file, format!("label = \"{label}\"\n")).unwrap();
    program.signal(Signal::HUP);
    let (wanted, started) = (png(label, 1), Instant::now());
    while get(program.address, "/online.png?live=0&site=example.com", &[]).body != wanted {
        assert!(started.elapsed() < DEADLINE, "{label} is not in force");
    }
}

/// Everything goes on, though nothing can be logged.
fn assert_serves_and_ends_in_order(mut program: Program, file: &NamedTempFile) {
    let mut viewer = Viewer::join(program.address);
    assert_eq!(viewer.picture(), png("First", 1));
    refuse(&program, REFUSALS, true);
    let boxes = get(program.address, "/badge/example.com.png?style=plain&label=%F0%93%80%80", &[]);
    assert_eq!(boxes.status, 200, "no font has that glyph, which is logged");
    assert_eq!(get(program.address, "/count/example.com.txt", &[]).text().trim(), "1");
    reload(&program, file, "Second");
    reload(&program, file, "Third");
    program.signal(Signal::TERM);
    let last = render(&Style::plain(Label::new("First").unwrap()), Value::Ended).encode();
    viewer.read_orderly_end_with(&last);
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn a_full_disk_as_standard_error_stops_nothing() {
    let (program, file) = serve(fs::File::options().write(true).open("/dev/full").unwrap());
    assert_serves_and_ends_in_order(program, &file);
}

#[test]
fn a_log_whose_reader_has_gone_stops_nothing() {
    let (reader, writer) = std::io::pipe().unwrap();
    let (program, file) = serve(writer);
    drop(reader);
    assert_serves_and_ends_in_order(program, &file);
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (_reader, writer) = std::io::pipe().unwrap();
    let (program, file) = serve(writer);
    assert_serves_and_ends_in_order(program, &file);
}

#[test]
fn dropped_lines_are_reported_once_the_log_is_read() {
    let (reader, writer) = std::io::pipe().unwrap();
    let (program, _file) = serve(writer);
    refuse(&program, REFUSALS, true);
    let mut lines = lines(reader);
    let (mut refused, mut dropped) = (0, 0);
    // A line that comes after the report is among the first that wait when the pipe is read.
    while refused + dropped < REFUSALS {
        let line = lines.next().unwrap();
        refused += usize::from(line.contains("refused: "));
        let report = line.split_once("lines dropped, because standard error took no more: ");
        dropped += report.map_or(0, |(_, number)| number.parse().unwrap());
    }
    assert!(dropped > 0 && refused > 1000, "{dropped} dropped, {refused} logged");
}

#[test]
fn the_same_line_is_logged_ten_times_a_second_and_counted() {
    let (reader, writer) = std::io::pipe().unwrap();
    let (program, _file) = serve(writer);
    let started = Instant::now();
    refuse(&program, 500, false);
    let mut lines = lines(reader).filter(|line| line.contains("refused: "));
    let (mut printed, mut left_out) = (0, 0);
    while printed + left_out < 500 {
        let line = lines.next().unwrap();
        match line.split_once(" (left out ") {
            Some((_, times)) => left_out += times.split(' ').next().unwrap().parse::<usize>().unwrap(),
            None => printed += 1,
        }
    }
    let windows = 1 + started.elapsed().as_secs() as usize;
    assert!(printed <= 10 * windows, "{printed} lines in {windows} s");
}

#[test]
fn a_log_in_a_pipe_has_no_colours() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let (mut program, _file) = serve(writer);
    program.signal(Signal::TERM);
    assert_eq!(program.wait().code(), Some(0));
    let mut log = String::new();
    reader.read_to_string(&mut log).unwrap();
    assert!(log.contains(" INFO onlookers::server::run: stopping") && !log.contains('\x1b'), "{log:?}");
}

#[test]
fn a_log_on_a_terminal_has_colours_unless_told_otherwise() {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    unlockpt(&terminal).unwrap();
    for (no_colour, has_colours) in [("", true), ("1", false)] {
        let side = ioctl_tiocgptpeer(&terminal, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        let mut command = onlookers();
        command.args(["--listen", "127.0.0.1:0"]).env("NO_COLOR", no_colour);
        let mut program = Program::spawn_logging(command, side.into());
        program.signal(Signal::TERM);
        let line =
            BufReader::new(fs::File::from(terminal.try_clone().unwrap())).lines().next().unwrap().unwrap();
        assert!(line.contains("stopping") && line.contains('\x1b') == has_colours, "{line:?}");
        assert_eq!(program.wait().code(), Some(0));
    }
}

/// `tests/run` relies on it, when it runs the tests with their servers' logs on a full disk.
#[test]
fn servers_of_tests_log_where_a_variable_says() {
    let wanted = std::env::var_os(log::VARIABLE).map_or("/dev/null".into(), PathBuf::from);
    let program = Program::start(&[]);
    let opened = |process: &str, file: &str| fs::read_link(format!("/proc/{process}/fd/{file}"));
    assert_eq!(opened(&program.id().to_string(), "2").unwrap(), wanted);
    let _server = TestServer::start(&[]);
    let own = fs::read_dir("/proc/self/fd").unwrap().map(|file| file.unwrap().file_name());
    let has_opened = own.filter_map(|file| opened("self", file.to_str()?).ok()).any(|file| file == wanted);
    assert!(has_opened || std::env::var_os(log::VARIABLE).is_none(), "{wanted:?} is not open");
}

fn lines(reader: PipeReader) -> impl Iterator<Item = String> {
    BufReader::new(reader).lines().map_while(Result::ok)
}
