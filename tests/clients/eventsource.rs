//! Server-sent events with an independent client: the npm package eventsource.

use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::common::listener::Listener;
use crate::common::server::TestServer;
use crate::npm;

const EVENTSOURCE: &str = "eventsource@3.0.7";

/// Prints a line for each event. Newer versions of the package need a newer node than distributions have.
const SCRIPT: &str = "
import { EventSource } from 'eventsource';
const url = process.argv[1];
const asked = (input, init) => {
  console.log('asks', init.headers['Last-Event-ID'] ? 'again' : 'first');
  return fetch(input, { ...init, headers: { ...init.headers, Origin: 'https://example.com' } });
};
const source = new EventSource(url, { fetch: asked });
source.addEventListener('count', ({ data, lastEventId }) => {
  const { room, count } = JSON.parse(data);
  console.log('count', room, count, Number(lastEventId) > 0);
});
source.addEventListener('message', () => console.log('an event without a name'));
source.addEventListener('error', ({ code }) => console.log('error', code ?? 'none', source.readyState));
";

/// The client's process; dropping it ends it.
struct Script {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Script {
    fn start(address: SocketAddr, path: &str) -> Self {
        let dir = npm::installed("eventsource", &[EVENTSOURCE]);
        let mut child = Command::new("node")
            .args(["--input-type=module", "-e", SCRIPT, &format!("http://{address}{path}")])
            .current_dir(dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("node must be installed");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("the script has ended").unwrap()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_client_gets_each_change_and_no_comment() {
    let server = TestServer::start(&["--repaint", "100ms"]);
    let mut script = Script::start(server.address, "/events/example.com/posts/1");
    assert_eq!(script.line(), "asks first");
    assert_eq!(script.line(), "count example.com/posts/1 1 true");
    for _ in 0..3 {
        let other = Listener::join(server.address, "/events/example.com/posts/1");
        assert_eq!(script.line(), "count example.com/posts/1 2 true");
        drop(other);
        assert_eq!(script.line(), "count example.com/posts/1 1 true");
    }
}

#[test]
fn the_client_reconnects_after_an_outage() {
    let server = TestServer::quiet(&[]);
    let address = server.address;
    let mut script = Script::start(address, "/events/example.com");
    assert_eq!((script.line(), script.line()), ("asks first".into(), "count example.com 1 true".into()));
    server.stop();
    assert_eq!(script.line(), "error none 0", "it is connecting");
    let _server = TestServer::quiet(&["--listen", &address.to_string()]);
    // After the `retry:` time that the server has sent: 2 to 6 s.
    assert_eq!((script.line(), script.line()), ("asks again".into(), "count example.com 1 true".into()));
}

#[test]
fn the_client_gives_up_after_a_refusal() {
    let server = TestServer::quiet(&["--allow", "example.net"]);
    let mut script = Script::start(server.address, "/events/example.com");
    assert_eq!((script.line(), script.line()), ("asks first".into(), "error 403 2".into()));
}
