//! Tabs of one browser share a connection in HTTP/2: of a tab that is closed, only the stream ends.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::client::Client;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request};
use crate::each::{TRIES, first_good};
use crate::files::{Kind, Proxy, server};
use crate::network::VISITORS;

// Apache's file turns HTTP/2 off, and Varnish leaves it to the program in front.
for_each_proxy!(a_tab_closed_beside_others_is_uncounted_within_3_s: nginx Nginx, caddy Caddy, haproxy Haproxy, lighttpd Lighttpd);

fn a_tab_closed_beside_others_is_uncounted_within_3_s(kind: Kind) {
    let server = server(&[]);
    let _proxy = Proxy::start(kind);
    let times = (1..=TRIES).map(|number| time_to_uncount(&server, number));
    let took = first_good(times, |took| *took < Duration::from_secs(3));
    println!("{kind:?}: uncounted after {took:?}");
}

/// How long the second of two tabs stays counted after it was closed.
fn time_to_uncount(server: &TestServer, number: usize) -> Duration {
    const OPEN_FOR: Duration = Duration::from_secs(2);
    let view = |page: &str| {
        let mut client = Client::connect(server.address);
        let line = format!("GET /online.png?u=1&page={page} HTTP/1.1");
        client.send(request(&line, &["Referer: https://example.com/"]));
        Viewer::opened(client)
    };
    let pages = [format!("/stays{number}"), format!("/closes{number}")];
    let [mut stays, mut closes] = pages.each_ref().map(|page| view(page));
    let mut tabs = tabs(&pages, OPEN_FOR);
    stays.wait_for(2);
    closes.wait_for(2);
    let began = Instant::now();
    closes.wait_longer_for(1, 2 * DEADLINE);
    let took = began.elapsed().saturating_sub(OPEN_FOR);
    // The other is still there when a third comes.
    let _third = view(&pages[0]);
    stays.wait_for(3);
    let _ = tabs.kill();
    let said = tabs.wait_with_output().unwrap().stderr;
    assert!(String::from_utf8_lossy(&said).contains("Re-using existing"), "two connections, not one");
    took
}

/// Two tabs on one connection, the second of which is closed after that time.
fn tabs([stays, closes]: &[String; 2], time: Duration) -> Child {
    let visitor = VISITORS[0];
    let tab = |page: &str| {
        let url = format!("https://count.example/online.png?u=1&page={page}");
        let resolve = format!("count.example:443:{visitor}");
        let site = "Referer: https://example.com/";
        ["-kvN", "--http2", "--resolve", &resolve, "-H", site, "-o", "/dev/null", &url].map(str::to_owned)
    };
    Command::new("curl")
        .arg("--parallel")
        .args(tab(stays))
        .arg("--next")
        .args(["--max-time", &time.as_secs().to_string()])
        .args(tab(closes))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs the program curl")
}
