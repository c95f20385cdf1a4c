//! `/onlookers.js`: how it is served, its size, its types, and its npm package.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::client::get;
use crate::common::server::TestServer;
use crate::npm;

const TYPESCRIPT: &str = "typescript@5.9.3";

/// Code that the types have to accept, except for the lines marked as errors.
const USE: &str = "
import { OnlineCount, type Count } from './onlookers.js';
const element = document.querySelector('online-count')!;
const same: OnlineCount = element;
element.addEventListener('count', ({ detail }) => { const count: Count = detail; console.log(count.visitors + 1); });
element.addEventListener('presence', ({ detail: { id, name, position } }) => console.log(id, name ?? '', position / 2));
element.addEventListener('click', event => console.log(event.clientX));
same.send({ type: 'presence', position: 0.5, name: 'Ada' });
// @ts-expect-error: no such message
same.send({ type: 'shout' });
// @ts-expect-error: a number
element.addEventListener('count', ({ detail }) => detail.count.toUpperCase());
";

#[test]
fn the_module_is_served_to_any_page_and_cached() {
    let server = TestServer::quiet(&["--allow", "example.com"]);
    let module = get(server.address, "/onlookers.js", &["Origin: https://example.net"]);
    assert_eq!((module.status, module.body.as_slice()), (200, file("onlookers.js").as_bytes()));
    for (name, value) in [
        ("content-type", "text/javascript; charset=utf-8"),
        ("cache-control", "public, max-age=3600"),
        ("access-control-allow-origin", "*"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(module.header(name), Some(value), "{name}");
    }
    let tag = module.header("etag").unwrap();
    let again = get(server.address, "/onlookers.js", &[&format!("If-None-Match: W/{tag}")]);
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag)));
    assert_eq!(again.header("cache-control"), Some("public, max-age=3600"));
}

#[test]
fn the_module_is_at_most_2_9_kb_compressed() {
    let server = TestServer::quiet(&[]);
    let mut gzip =
        Command::new("gzip").arg("-9c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    gzip.stdin.take().unwrap().write_all(&get(server.address, "/onlookers.js", &[]).body).unwrap();
    let compressed = gzip.wait_with_output().unwrap().stdout.len();
    println!("{compressed} bytes");
    assert!((500..=2900).contains(&compressed), "{compressed} bytes");
}

#[test]
fn the_element_follows_its_attributes_and_backs_off() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/retries.mjs");
    for page in ["", "navigation"] {
        let mut node = Command::new("node");
        npm::run(
            node.arg(script).arg(folder().join("onlookers.js")).arg(page),
            "node must be installed; the module",
        );
    }
}

#[test]
fn the_demo_page_loads_only_scripts_of_this_server() {
    let server = TestServer::quiet(&[]);
    let page = get(server.address, "/live", &[]);
    page.assert_safe();
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe-eval"), "{policy}");
    assert!(page.text().contains("src=\"http://counter.example/onlookers.js\""), "the tag to copy");
    assert!(!page.text().contains("{{"));
    for script in page.text().split("<script ").skip(1) {
        let source = script.split("src=\"").nth(1).unwrap().split('"').next().unwrap();
        let script = get(server.address, &format!("/{source}"), &[]);
        assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"), "{source}");
    }
}

#[test]
fn the_package_has_the_files_it_needs_and_no_other() {
    let mut pack = Command::new("npm");
    pack.args(["pack", "--dry-run", "--json"]).current_dir(folder());
    let output = npm::run(&mut pack, "npm must be installed");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut names: Vec<&str> =
        report[0]["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    names.sort_unstable();
    let wanted =
        ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "onlookers.d.ts", "onlookers.js", "package.json"];
    assert_eq!(names, wanted);
    assert_eq!(report[0]["version"], env!("CARGO_PKG_VERSION"), "it is released with the server");
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let licence = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        assert_eq!(file(name), fs::read_to_string(licence).unwrap(), "{name}");
    }
}

#[test]
fn the_types_are_right() {
    let dir = npm::installed("typescript", &[TYPESCRIPT]);
    for name in ["onlookers.js", "onlookers.d.ts"] {
        fs::write(dir.join(name), file(name)).unwrap();
    }
    fs::write(dir.join("use.ts"), USE).unwrap();
    let mut tsc = Command::new("node_modules/.bin/tsc");
    tsc.args(["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "use.ts"]);
    npm::run(tsc.current_dir(dir), "the types");
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/js"))
}

fn file(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}
