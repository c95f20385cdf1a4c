//! `/metrics`, as Prometheus reads it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::common::client::{Client, get};
use crate::common::redis::free_port;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request};

/// A server that operators may ask.
pub(crate) fn server(args: &[&str]) -> TestServer {
    TestServer::quiet(&[&["--admin", "127.0.0.1:0"], args].concat())
}

/// The text of `/metrics`.
pub(crate) fn metrics(admin: SocketAddr) -> String {
    let response = get(admin, "/metrics", &[]);
    assert_eq!(response.status, 200, "{response:?}");
    response.text().to_owned()
}

/// The value of a metric with exactly these labels, as `onlookers_viewers{kind="picture",transport="http1"}`.
pub(crate) fn value(metrics: &str, name: &str) -> f64 {
    let found = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("there is no {name} in:\n{metrics}")).parse().unwrap()
}

/// Asks until the metric has that value.
pub(crate) fn wait_for(admin: SocketAddr, name: &str, wanted: f64) {
    let started = Instant::now();
    while value(&metrics(admin), name) != wanted {
        assert!(started.elapsed() < DEADLINE, "{name} isn't {wanted}:\n{}", metrics(admin));
    }
}

const PICTURES: &str = r#"{kind="picture",transport="http1"}"#;

#[test]
fn viewers_joins_leaves_frames_and_bytes_are_counted() {
    let server = server(&[]);
    let mut first = Viewer::join(server.address);
    first.wait_for(1);
    let second = Viewer::join(server.address);
    first.wait_for(2);
    wait_for(server.admin(), &format!("onlookers_viewers{PICTURES}"), 2.0);
    let text = metrics(server.admin());
    assert_eq!(value(&text, &format!("onlookers_joins_total{PICTURES}")), 2.0);
    assert_eq!(value(&text, r#"onlookers_frames_total{sent="first"}"#), 2.0);
    assert!(value(&text, r#"onlookers_frames_total{sent="update"}"#) >= 1.0, "{text}");
    assert!(value(&text, "onlookers_sent_bytes_total") > 1000.0, "{text}");
    assert!(value(&text, "onlookers_fanout_seconds_count") >= 1.0, "{text}");
    drop(second);
    first.wait_for(1);
    wait_for(server.admin(), r#"onlookers_leaves_total{reason="closed"}"#, 1.0);
    wait_for(server.admin(), &format!("onlookers_viewers{PICTURES}"), 1.0);
}

#[test]
fn promtool_finds_no_fault_with_the_metrics() {
    let server = server(&[]);
    let _viewer = Viewer::join(server.address);
    let mut promtool = Command::new("promtool");
    let promtool = promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = promtool
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs the program promtool (Debian and Ubuntu: prometheus)");
    child.stdin.take().unwrap().write_all(metrics(server.admin()).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

/// Debian's Prometheus, killed when dropped.
struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    /// Scrapes `target`, by the configuration of the page for operators, but more often.
    fn start(target: SocketAddr, folder: &std::path::Path) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let config = super::documents::block("```yaml").replace("127.0.0.1:9193", &target.to_string());
        let often = "global: { scrape_interval: 200ms, scrape_timeout: 200ms }";
        let config = format!("{often}\n{config}");
        fs::write(folder.join("prometheus.yml"), config).unwrap();
        let mut command = Command::new("prometheus");
        command.current_dir(folder).args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        command.arg(format!("--web.listen-address={address}")).stderr(Stdio::piped());
        let mut child =
            command.spawn().expect("this test needs the program prometheus (Debian and Ubuntu: prometheus)");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("ready to receive web requests")), "prometheus doesn't start");
        // A full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// The value of a query that has one, if there is any yet.
    fn ask(&self, query: &str) -> Option<String> {
        let response = get(self.address, &format!("/api/v1/query?query={query}"), &[]);
        let answer: Value = serde_json::from_str(response.text()).unwrap();
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn prometheus_scrapes_the_server() {
    let (server, folder) = (server(&[]), tempfile::tempdir().unwrap());
    let _viewers = [Viewer::join(server.address), Viewer::join(server.address)];
    wait_for(server.admin(), &format!("onlookers_viewers{PICTURES}"), 2.0);
    let prometheus = Prometheus::start(server.admin(), folder.path());
    let started = Instant::now();
    while prometheus.ask("sum(onlookers_viewers)").as_deref() != Some("2") {
        assert!(
            started.elapsed() < DEADLINE,
            "it has scraped {:?}",
            prometheus.ask("sum(onlookers_viewers)")
        );
    }
    assert_eq!(prometheus.ask("up").as_deref(), Some("1"));
}

#[test]
fn operators_paths_are_not_on_the_public_side() {
    let server = server(&[]);
    for path in ["/metrics", "/livez", "/readyz", "/status"] {
        assert_eq!(get(server.address, path, &[]).status, 404, "{path}");
    }
    // Nor are pictures where operators ask.
    for path in ["/online.png", "/nothing"] {
        assert_eq!(get(server.admin(), path, &[]).status, 404, "{path}");
    }
    let post = Client::ask(server.admin(), request("POST /metrics HTTP/1.1", &["Content-Length: 0"]));
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn a_server_that_goes_on_is_alive() {
    let server = server(&[]);
    let response = get(server.admin(), "/livez", &[]);
    assert_eq!((response.status, response.text()), (200, "alive\n"));
    response.assert_safe();
}
