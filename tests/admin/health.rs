//! `onlookers health`, as a container's health check calls it.

use std::process::Output;

use rustix::process::Signal;

use super::program;
use super::ready::wait_until;
use crate::common::client::get;
use crate::common::program::onlookers;
use crate::common::redis::{RedisServer, free_port};
use crate::common::tls;
use crate::common::viewer::Viewer;

/// What the command says with these flags.
fn health(flags: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = onlookers().arg("health").args(flags).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

const HEALTHY: (Option<i32>, String) = (Some(0), String::new());

#[test]
fn a_full_server_is_healthy_wherever_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let admin = format!("unix:{}", folder.path().join("admin.sock").display());
    let program = program(&["--max-viewers", "1", "--admin", &admin]);
    let listen = program.address.to_string();
    let both = [["--listen", &listen], ["--admin", &admin]];
    assert_eq!(both.map(|flags| health(&flags)), [HEALTHY, HEALTHY]);
    let mut viewer = Viewer::join(program.address);
    viewer.wait_for(1);
    assert_eq!(get(program.address, "/healthz", &[]).text(), "full\n");
    assert_eq!(both.map(|flags| health(&flags)), [HEALTHY, HEALTHY]);
}

#[test]
fn a_server_that_stops_is_not_healthy() {
    // It is full, too, which is no excuse.
    let mut program = program(&["--max-viewers", "1", "--admin", "127.0.0.1:0", "--drain", "60s"]);
    let (listen, admin) = (program.address.to_string(), super::admin_of(&program));
    let at_admin = ["--admin", &admin.to_string()];
    let mut viewer = Viewer::join(program.address);
    viewer.wait_for(1);
    assert_eq!(health(&at_admin), HEALTHY);
    program.signal(Signal::TERM);
    let reasons = "the server stops\nthere are as many viewers as there may be (--max-viewers)\n";
    wait_until(admin, (503, reasons));
    let (code, said) = health(&at_admin);
    assert!(code == Some(1) && said.contains("isn't healthy: the server stops"), "{said}");
    assert_eq!(health(&["--listen", &listen]).0, Some(1));
    viewer.read_orderly_end();
    assert!(program.wait().success());
}

#[test]
fn a_node_that_counts_alone_is_healthy() {
    let mut redis = RedisServer::start();
    let program = program(&["--redis", &redis.url(), "--admin", "127.0.0.1:0"]);
    let (listen, admin) = (program.address.to_string(), super::admin_of(&program));
    redis.kill();
    wait_until(admin, (503, "Redis can't be reached: this node counts alone\n"));
    assert_eq!(health(&["--admin", &admin.to_string()]), HEALTHY);
    // The system has chosen where operators ask, so this asks on the listener.
    assert_eq!(health(&["--admin", "127.0.0.1:0", "--listen", &listen]), HEALTHY);
}

#[test]
fn tls_and_the_proxy_protocol_are_no_hindrance() {
    let folder = tempfile::tempdir().unwrap();
    let listen = format!("proxy+tls:unix:{}", folder.path().join("server.sock").display());
    let flags = [&["--listen", &listen], &tls::files(tls::pair())[..]].concat();
    let _program = program(&flags);
    assert_eq!(health(&flags), HEALTHY);
}

#[test]
fn the_settings_may_be_in_the_environment_or_a_file() {
    let program = program(&[]);
    let (folder, listen) = (tempfile::tempdir().unwrap(), program.address.to_string());
    let file = folder.path().join("onlookers.toml");
    std::fs::write(&file, format!("listen = [\"{listen}\"]\n")).unwrap();
    assert_eq!(health(&["--config", file.to_str().unwrap()]), HEALTHY);
    let output = onlookers().arg("health").env("ONLOOKERS_LISTEN", &listen).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn without_a_server_it_fails_with_a_sentence() {
    let nowhere = format!("127.0.0.1:{}", free_port());
    let (code, said) = health(&["--listen", &nowhere]);
    assert!(code == Some(1) && said.contains(&format!("can't ask the server at {nowhere}")), "{said}");
    let (code, said) = health(&["--listen", "127.0.0.1:0"]);
    assert!(code == Some(1) && said.contains("add --admin"), "{said}");
    assert_eq!(health(&["--listen", "9192"]).0, Some(2));
}
