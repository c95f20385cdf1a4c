//! `onlookers health`, as a container's health check calls it.

use std::process::Output;

use super::program;
use super::ready::wait_until;
use crate::common::program::onlookers;
use crate::common::redis::{RedisServer, free_port};
use crate::common::tls;
use crate::common::viewer::Viewer;

/// What the command says with these flags.
fn health(flags: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = onlookers().arg("health").args(flags).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

const READY: (Option<i32>, String) = (Some(0), String::new());

#[test]
fn a_server_is_asked_on_its_own_listener() {
    let program = program(&["--max-viewers", "1"]);
    let listen = program.address.to_string();
    assert_eq!(health(&["--listen", &listen]), READY);
    let mut viewer = Viewer::join(program.address);
    viewer.wait_for(1);
    let full = "onlookers: the server isn't ready: not ready\n".to_owned();
    assert_eq!(health(&["--max-viewers", "1", "--listen", &listen]), (Some(1), full));
}

#[test]
fn where_operators_ask_it_says_why_a_server_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let admin = format!("unix:{}", folder.path().join("admin.sock").display());
    let program = program(&["--max-viewers", "1", "--admin", &admin]);
    assert_eq!(health(&["--admin", &admin]), READY);
    let mut viewer = Viewer::join(program.address);
    viewer.wait_for(1);
    let (code, said) = health(&["--admin", &admin]);
    assert_eq!(code, Some(1));
    assert!(said.contains("as many viewers as there may be (--max-viewers)"), "{said}");
}

#[test]
fn a_node_that_counts_alone_is_healthy() {
    let mut redis = RedisServer::start();
    let program = program(&["--redis", &redis.url(), "--admin", "127.0.0.1:0"]);
    let (listen, admin) = (program.address.to_string(), super::admin_of(&program));
    redis.kill();
    wait_until(admin, (503, "Redis can't be reached: this node counts alone\n"));
    assert_eq!(health(&["--admin", &admin.to_string()]), READY);
    // The system has chosen where operators ask, so this asks on the listener.
    assert_eq!(health(&["--admin", "127.0.0.1:0", "--listen", &listen]), READY);
}

#[test]
fn tls_and_the_proxy_protocol_are_no_hindrance() {
    let folder = tempfile::tempdir().unwrap();
    let listen = format!("proxy+tls:unix:{}", folder.path().join("server.sock").display());
    let flags = [&["--listen", &listen], &tls::files(tls::pair())[..]].concat();
    let _program = program(&flags);
    assert_eq!(health(&flags), READY);
}

#[test]
fn the_settings_may_be_in_the_environment_or_a_file() {
    let program = program(&[]);
    let (folder, listen) = (tempfile::tempdir().unwrap(), program.address.to_string());
    let file = folder.path().join("onlookers.toml");
    std::fs::write(&file, format!("listen = [\"{listen}\"]\n")).unwrap();
    assert_eq!(health(&["--config", file.to_str().unwrap()]), READY);
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
