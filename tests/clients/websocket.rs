//! WebSockets with independent clients: Python's websockets and npm's ws.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::server::TestServer;
use crate::npm::{installed, run};

const WEBSOCKETS: &str = "websockets==17.4";
const WS: &str = "ws@8.23.0";

/// The output that both clients have to print: `one` and `two` are pages in one room.
fn transcript() -> String {
    let room = "\"room\":\"example.com/posts/1\"";
    let count = |count| format!("{{\"count\":{count},{room},\"type\":\"update/count\",\"visitors\":1}}");
    let long = "x".repeat(1000) + "ü";
    [
        "refused 403".to_owned(),
        format!("one {}", count(1)),
        format!("two {}", count(2)),
        format!("one {}", count(2)),
        format!("one {{\"name\":null,{room},\"type\":\"join\"}}"),
        "two {\"type\":\"pong\"}".to_owned(),
        "two ponged".to_owned(),
        format!("one {{\"name\":\"Åsa\",\"position\":0.5,{room},\"type\":\"presence\"}}"),
        format!("one {{\"data\":\"{long}\",{room},\"type\":\"message\"}}"),
        "two bad-message".to_owned(),
        "two closed 3999".to_owned(),
        format!("one {{{room},\"type\":\"leave\"}}"),
        "one closed 1009".to_owned(),
    ]
    .join("\n")
}

#[test]
fn python_websockets_is_served() {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python").join(WEBSOCKETS);
    if !library.exists() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
        run(pip.arg(&library).arg(WEBSOCKETS), "python3 and pip must be installed and reach their index");
    }
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", &library).env("PYTHONIOENCODING", "utf-8").env("PYTHONDONTWRITEBYTECODE", "1");
    judge(python.arg(script("page.py")));
}

#[test]
fn npm_ws_is_served() {
    let library = installed("ws", &[WS]);
    // Node resolves packages from the folder of the module.
    fs::copy(script("page.mjs"), library.join("page.mjs")).unwrap();
    judge(Command::new("node").arg(library.join("page.mjs")));
}

fn judge(client: &mut Command) {
    let server = TestServer::quiet(&["--presence", "--messages"]);
    let heard = String::from_utf8(run(client.arg(server.address.to_string()), "the client").stdout).unwrap();
    // Python writes characters outside ASCII as escapes.
    let heard = heard.replace("\\u00c5", "Å").replace("\\u00fc", "ü");
    assert_eq!(heard.trim_end(), transcript());
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}
