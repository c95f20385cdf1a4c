//! A proxy that compresses, as many servers in JavaScript do: the npm package compression, express's middleware.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::common::listener::Listener;
use crate::common::server::TestServer;
use crate::npm;

const COMPRESSION: &str = "compression@1.8.1";

/// The proxy, and a page that listens through it and prints each count.
const SCRIPT: &str = "
import http from 'node:http';
import compression from 'compression';
const compress = compression({ threshold: 0 });
const proxy = http.createServer((request, response) => compress(request, response, () => {
  http.get(process.argv[1] + request.url, { headers: request.headers }, answer => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
}));
proxy.listen(0, '127.0.0.1', async () => {
  const at = path => `http://127.0.0.1:${proxy.address().port}${path}`;
  const headers = { 'Accept-Encoding': 'gzip' };
  const whole = await fetch(at('/onlookers.js'), { headers });
  console.log('the module', whole.headers.get('content-encoding'));
  const events = await fetch(at('/events/example.com?peek=1'), { headers });
  console.log('events', events.headers.get('content-encoding'));
  const decoder = new TextDecoder();
  for await (const piece of events.body) {
    const count = /\"count\":(\\d+)/.exec(decoder.decode(piece, { stream: true }));
    if (count) console.log('count', count[1]);
  }
});
";

#[test]
fn a_proxy_that_compresses_passes_each_event_on() {
    let dir = npm::installed("compression", &[COMPRESSION]);
    let server = TestServer::quiet(&[]);
    let mut node = Command::new("node")
        .args(["--input-type=module", "-e", SCRIPT, &format!("http://{}", server.address)])
        .current_dir(dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("node must be installed");
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    let mut line = || lines.next().expect("the script has ended").unwrap();
    assert_eq!(line(), "the module gzip", "it does compress");
    assert_eq!((line(), line()), ("events null".to_owned(), "count 0".to_owned()));
    let _listener = Listener::join(server.address, "/events/example.com");
    assert_eq!(line(), "count 1");
    node.kill().unwrap();
    node.wait().unwrap();
}
