//! The program as people start it: what it prints, how it refuses, how it ends.

use std::process::Output;

use clap::CommandFactory;
use onlookers::config::Cli;
use onlookers_picture::{Label, Style, Value, render};
use rustix::process::Signal;

use crate::common::client::Client;
use crate::common::parts::png_of;
use crate::common::program::{Program, onlookers};
use crate::common::view_of;
use crate::common::viewer::Viewer;

fn run(args: &[&str]) -> Output {
    onlookers().args(args).output().unwrap()
}

fn assert_refused(output: &Output, code: i32, sentence: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(sentence), "{sentence:?} is not in {said:?}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn it_says_where_it_is_and_what_to_copy() {
    let program = Program::start(&[]);
    let address = program.address;
    assert_eq!(
        program.greeting,
        [
            &format!("onlookers listens on http://{address}/"),
            "",
            "The tag to copy:",
            &format!(
                "    <img loading=\"lazy\" srcset=\"http://{address}/online.png, http://{address}/online.png?scale=2 2x\" width=\"200\" height=\"30\" alt=\"Users online\">"
            ),
            "The demo page, live:",
            &format!("    http://{address}/"),
        ]
    );
    assert_eq!(Viewer::join(address).count(), 1);
}

#[test]
fn several_addresses_share_the_counts() {
    let program = Program::start(&["--listen", "[::1]:0"]);
    let other =
        program.greeting[1].strip_prefix("onlookers listens on http://[::1]:").expect("the second address");
    let other = format!("[::1]:{}", other.trim_end_matches('/'));
    let mut one = Viewer::join(program.address);
    assert_eq!(one.count(), 1);
    let _other = Viewer::join(other.parse().unwrap());
    assert_eq!(one.count(), 2);
}

#[test]
fn help_and_version_are_worth_reading() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for argument in Cli::command().get_arguments().filter(|argument| !argument.is_hide_set()) {
        let flag = format!("--{}", argument.get_long().expect("every flag has a name"));
        assert!(help.contains(&flag), "{flag} is not in the help");
        let explained = argument.get_help().is_some_and(|text| !text.to_string().is_empty());
        assert!(explained, "{flag} is not explained");
    }
    for flag in ["--listen", "--allow", "--repaint", "--label", "--max-viewers", "--max-per-address"] {
        let variable = format!("ONLOOKERS_{}", flag.trim_start_matches('-').replace('-', "_").to_uppercase());
        assert!(help.contains(flag) && help.contains(&variable), "{flag} or {variable} is not in the help");
    }
    assert!(help.contains("Exit codes"));
    let version = String::from_utf8(run(&["--version"]).stdout).unwrap();
    assert_eq!(version.trim(), concat!("onlookers ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_exits_2_with_a_sentence() {
    let long = "x".repeat(65);
    for (args, sentence) in [
        (&["--nonsense"][..], "unexpected argument '--nonsense'"),
        (&["nonsense"], "'nonsense'"),
        (&["--repaint", "5"], "write 5s or 500ms"),
        (&["--repaint", "2h"], "it can be 100ms to 1h"),
        (&["--drain", "61s"], "it can be 0s to 60s"),
        (&["--listen", "9192"], "'9192' for '--listen"),
        (
            &["--allow", "https://example.com/"],
            "write example.com, *.example.com, example.com:8080 or capacitor",
        ),
        (&["--allow", "*"], "write example.com"),
        (&["--max-viewers", "0"], "'0' for '--max-viewers"),
        (&["--max-viewers", "-1"], "-1"),
        (&["--fanout-threads", "64"], "64 is not in 1..=63"),
        (&["--label", "a\tb"], "U+0009"),
        (&["--label", &long], "at most 64 characters"),
        (&["picture", "--count", "42"], "--output"),
        (&["picture", "--count", "-1", "-o", "x.png"], "-1"),
        (&["picture", "--count", "18446744073709551616", "-o", "x.png"], "18446744073709551616"),
    ] {
        assert_refused(&run(args), 2, sentence);
    }
}

#[test]
fn the_environment_stands_in_for_flags_and_flags_win() {
    let wrong = onlookers().env("ONLOOKERS_REPAINT", "soon").output().unwrap();
    assert_refused(&wrong, 2, "--repaint");
    let mut command = onlookers();
    command.env("ONLOOKERS_LISTEN", "127.0.0.1:0").env("ONLOOKERS_ALLOW", "a.example,*.b.example");
    command
        .env("ONLOOKERS_LABEL", "Here")
        .env("ONLOOKERS_REPAINT", "100ms")
        .env("ONLOOKERS_FANOUT_THREADS", "1");
    command.env("ONLOOKERS_MAX_VIEWERS", "9").env("ONLOOKERS_MAX_PER_ADDRESS", "2");
    command.args(["--label", "Readers", "--max-viewers", "3"]);
    let program = Program::spawn(command);
    let labelled =
        |count| render(&Style::plain(Label::new("Readers").unwrap()), Value::Count(count)).encode().to_vec();
    let mut viewer = Viewer::join_site(program.address, "a.example");
    assert!((0..3).all(|_| viewer.picture() == labelled(1)), "repainted");
    let _second = Viewer::join_site(program.address, "x.b.example");
    assert_eq!(Client::ask(program.address, view_of("c.example")).status, 403);
    assert_eq!(Client::ask(program.address, view_of("a.example")).status, 503, "a third from one address");
}

#[test]
fn variables_are_read_as_containers_have_them() {
    let mut command = onlookers();
    command.env("ONLOOKERS_LISTEN", "localhost:0").env("ONLOOKERS_ALLOW", "a.example, b.example");
    // Left out, as a compose file says it.
    command.env("ONLOOKERS_MAX_VIEWERS", "").env("ONLOOKERS_IGNORE", "").env("ONLOOKERS_PRESENCE", "");
    let program = Program::spawn(command);
    assert_eq!(Viewer::join_site(program.address, "b.example").count(), 1);
    for (name, value) in [("ONLOOKERS_ALLOW", "\"a.example\""), ("ONLOOKERS_MAX_VIEWERS", "'9'")] {
        assert_refused(
            &onlookers().env(name, value).output().unwrap(),
            2,
            &format!("the quotes are a part of {name}"),
        );
    }
    let help = onlookers().env("ONLOOKERS_ALLOW", "\"a.example\"").arg("--help").output().unwrap();
    assert!(help.status.success(), "{help:?}");
}

#[test]
fn a_port_in_use_exits_1_with_a_sentence() {
    let program = Program::start(&[]);
    let address = program.address.to_string();
    assert_refused(&run(&["--listen", &address]), 1, &format!("onlookers: can't listen on {address}: "));
    assert_refused(&run(&["--listen", "192.0.2.1:0"]), 1, "onlookers: can't listen on 192.0.2.1:0: ");
}

#[test]
fn sigterm_and_sigint_end_it_in_order_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = Program::start(&["--repaint", "1h"]);
        let viewers = [Viewer::join(program.address), Viewer::join_site(program.address, "example.net")];
        let idle = Client::connect(program.address);
        program.signal(signal);
        viewers.into_iter().for_each(Viewer::read_orderly_end);
        assert_eq!(program.wait().code(), Some(0));
        drop(idle);
    }
}

#[test]
fn it_ends_at_once_when_nobody_is_there() {
    let mut program = Program::start(&[]);
    let started = std::time::Instant::now();
    program.signal(Signal::TERM);
    assert_eq!(program.wait().code(), Some(0));
    assert!(started.elapsed() < std::time::Duration::from_secs(2), "{:?}", started.elapsed());
}

#[test]
fn a_picture_is_written_as_the_library_makes_it() {
    let path =
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("picture-{}.png", std::process::id()));
    let file = path.to_str().unwrap();
    let output = run(&["picture", "--count", "42", "-o", file]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    assert_eq!(std::fs::read(&path).unwrap(), png_of(42));
    let output = run(&["picture", "--count", "7", "--label", "Readers", "--output", file]);
    assert_eq!(output.status.code(), Some(0));
    let readers = render(&Style::plain(Label::new("Readers").unwrap()), Value::Count(7)).encode();
    assert_eq!(std::fs::read(&path).unwrap(), readers);
    std::fs::remove_file(&path).unwrap();
    assert_refused(
        &run(&["picture", "--count", "42", "-o", "/nowhere/x.png"]),
        1,
        "onlookers: can't write /nowhere/x.png: ",
    );
}
