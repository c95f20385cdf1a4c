//! `onlookers doctor` without a proxy: what it finds, and how it ends.

use std::process::Output;

use crate::common::program::{Program, onlookers};
use crate::common::server::TestServer;
use crate::common::tls;

fn doctor(args: &[&str]) -> Output {
    onlookers().arg("doctor").args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_counter_that_is_well_exits_0() {
    let program = Program::start(&[]);
    for path in ["", "online.png", "embed"] {
        let url = format!("http://{}/{path}", program.address);
        let output = doctor(&[&url, "--watch", "0s"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        for wanted in [
            "ok     the picture is live: a change took 0.",
            "ok     the stream of events is live",
            "ok     the WebSocket is live",
            "ok     a reader who has gone is uncounted after 0.",
            "ok     nothing is wrong",
        ] {
            assert!(said.contains(wanted), "{wanted:?} is not in {said}");
        }
        assert!(!said.contains("fault"), "{said}");
    }
}

#[test]
fn a_server_that_refuses_its_own_pages_is_asked_as_a_site() {
    let program = Program::start(&["--allow", "example.com"]);
    let url = format!("http://count.example:{}/", program.address.port());
    let visit = ["--connect", "127.0.0.1", "--watch", "0s"];
    let output = doctor(&[&[&url[..]], &visit[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        said(&output).contains("by --site, or start the server with --name count.example"),
        "{}",
        said(&output)
    );
    let output = doctor(&[&[&url[..], "--site", "example.com"], &visit[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_site_whose_pages_have_no_count_is_watched_as_a_whole() {
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    std::fs::write(file.path(), "[sites.\"example.com\"]\npages = [\"/posts/*\"]\n").unwrap();
    let program = Program::start(&["--config", file.path().to_str().unwrap()]);
    let url = format!("http://{}/", program.address);
    let output = doctor(&[&url, "--site", "example.com", "--watch", "0s"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_server_that_speaks_tls_itself_is_well() {
    let pair = tls::pair();
    let server = TestServer::start(&tls::listen(pair));
    let url = format!("https://{}/", server.address);
    let output = doctor(&[&url, "--ca", pair.chain.to_str().unwrap(), "--watch", "0s"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("ok     the WebSocket is live"), "{}", said(&output));
    let output = doctor(&[&url]);
    assert!(said(&output).contains("no TLS connection"), "{}", said(&output));
}

#[test]
fn nothing_there_exits_1_and_bad_usage_2() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = doctor(&[&format!("http://{closed}/")]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("nothing accepts connections at 127.0.0.1:"), "{}", said(&output));
    for (args, wanted) in [
        (&["count.example"][..], "write it as https://count.example/"),
        (&[], "<URL>"),
        (&["http://x/", "--watch", "2h"], "it can be 0s to 1h"),
        (&["http://x/", "--site", "a b"], "write it as example.com"),
        (&["http://x/", "--proxy", "squid"], "squid"),
    ] {
        let output = doctor(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
        assert!(said(&output).contains(wanted), "{args:?}: {}", said(&output));
    }
    let output = doctor(&["https://x.invalid/", "--ca", "/nowhere.pem"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("--ca /nowhere.pem"), "{}", said(&output));
}
