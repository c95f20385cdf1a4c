//! The page on metrics, the dashboard and the rules for alerts name the metrics that there are, with the labels that they have.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::scrape::{metrics, server};
use crate::common::client::{Client, get};
use crate::common::redis::RedisServer;
use crate::common::request;
use crate::common::viewer::Viewer;

const PAGE: &str = include_str!("../../docs/admin.md");
const DASHBOARD: &str = include_str!("../../docs/grafana/onlookers.json");
const RULES: &str = include_str!("../../docs/grafana/alerts.yml");

/// The block of the page that begins so.
pub(crate) fn block(fence: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(fence).expect("the page has such a block");
    rest.split_once("```").unwrap().0
}

/// The metrics of a node, which has all there are.
fn all_metrics() -> String {
    let redis = RedisServer::start();
    metrics(server(&["--redis", &redis.url()]).admin())
}

/// The names of metrics in the text of `/metrics`, and their types.
fn types(metrics: &str) -> BTreeMap<String, String> {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    lines.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// Those in the tables of the page, and the units that it gives them.
fn documented() -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows = rows.map(|(name, rest)| (name, rest.split(" | ").collect::<Vec<_>>()));
    let rows: Vec<_> =
        rows.filter(|(name, _)| name.starts_with("onlookers_") || name.starts_with("process_")).collect();
    let column =
        |at: usize| rows.iter().map(|(name, cells)| ((*name).to_owned(), cells[at].to_owned())).collect();
    (column(0), column(1))
}

#[test]
fn the_urls_of_the_page_are_answered() {
    let server = server(&[]);
    let urls: Vec<_> = PAGE.lines().filter_map(|line| line.strip_prefix("| `/")?.split_once('`')).collect();
    let admin = server.admin();
    for (path, _) in &urls {
        let answer = Client::ask(admin, format!("GET /{path} HTTP/1.1\r\nHost: {admin}\r\n\r\n"));
        assert_eq!(answer.status, 200, "/{path}");
    }
    assert_eq!(urls.len(), 5);
}

#[test]
fn the_page_has_every_metric_with_its_type_and_unit() {
    let (types_of_page, units) = documented();
    assert_eq!(types_of_page, types(&all_metrics()));
    for (name, unit) in units {
        let name = name.trim_end_matches("_total");
        for (ending, wanted) in [("_seconds", "seconds"), ("_bytes", "bytes")] {
            assert_eq!(name.ends_with(ending), unit == wanted, "{name} is in {unit}");
        }
    }
}

/// The parts of a text that name one of our metrics, each with what is in braces after it.
fn used(text: &str) -> BTreeSet<(String, String)> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut used = BTreeSet::new();
    for prefix in ["onlookers_", "process_"] {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at..];
            let name: String = rest.chars().take_while(|c| is_part(*c)).collect();
            let braces = rest[name.len()..].strip_prefix('{').and_then(|braces| braces.split('}').next());
            used.insert((name, braces.unwrap_or_default().to_owned()));
        }
    }
    used
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_metrics_that_there_are() {
    let metrics = all_metrics();
    let types = types(&metrics);
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    let used: Vec<_> = queries.into_iter().chain([RULES]).flat_map(used).collect();
    assert!(used.len() > 30, "{used:?}");
    for (name, braces) in used {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending));
        let is_of_histogram =
            base.is_some_and(|base| types.get(base).is_some_and(|kind| kind == "histogram"));
        assert!(types.contains_key(&name) || is_of_histogram, "there is no metric {name}");
        for matcher in braces.split(',').filter(|it| !it.is_empty() && !it.starts_with("job")) {
            let matcher = matcher.replace("=~", "=");
            let (label, values) = matcher.split_once('=').unwrap();
            for value in values.trim_matches('"').split('|') {
                let label = format!("{label}=\"{value}\"");
                let has = |line: &str| line.starts_with(&format!("{name}{{")) && line.contains(&label);
                let is_rare = name == "onlookers_certificate_remaining_seconds";
                assert!(is_rare || metrics.lines().any(has), "{name} never has {label}");
            }
        }
    }
}

#[test]
fn every_metric_is_on_the_dashboard_or_in_an_alert() {
    let shown: BTreeSet<_> = used(DASHBOARD).into_iter().chain(used(RULES)).map(|(name, _)| name).collect();
    let is_shown = |name: &str| {
        let endings = ["", "_bucket", "_sum", "_count"];
        endings.iter().any(|ending| shown.contains(&format!("{name}{ending}")))
    };
    // The others say nothing by themselves.
    let others = [
        "onlookers_sites_limit",
        "onlookers_feeds",
        "onlookers_connections_waiting",
        "onlookers_redis_failures_total",
    ];
    let rest =
        types(&all_metrics()).into_keys().filter(|name| name.starts_with("onlookers_") && !is_shown(name));
    assert_eq!(rest.collect::<BTreeSet<_>>(), others.map(str::to_owned).into());
}

#[test]
fn promtool_finds_no_fault_with_the_alerts() {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/grafana/alerts.yml");
    let output = Command::new("promtool").args(["check", "rules", rules]).output();
    let output = output.expect("this test needs the program promtool (Debian and Ubuntu: prometheus)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn alerts_fire_for_what_they_are_for() {
    let folder = tempfile::tempdir().unwrap();
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/grafana/alerts.yml");
    let tests = folder.path().join("tests.yml");
    std::fs::write(&tests, include_str!("alerts.yml").replace("RULES", rules)).unwrap();
    let output = Command::new("promtool").args(["test", "rules"]).arg(tests).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// The names and labels of all series.
fn series(metrics: &str) -> BTreeSet<String> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

#[test]
fn visitors_make_no_series() {
    let server = server(&["--trust-proxy", "127.0.0.0/8"]);
    let before = series(&metrics(server.admin()));
    let sites: Vec<_> = (0..20).map(|number| format!("site-{number}.example")).collect();
    let _viewers: Vec<_> = sites.iter().map(|site| Viewer::join_site(server.address, site)).collect();
    for (number, site) in sites.iter().enumerate() {
        let from = format!("X-Forwarded-For: 198.51.100.{number}");
        let headers = [&*from, "User-Agent: some-agent/1.0"];
        for path in [
            format!("/badge/{site}/page-{number}.png?color=00000{:x}", number % 16),
            format!("/nothing-{number}"),
        ] {
            let _ = get(server.address, &path, &headers);
        }
        let _ = Client::ask(server.address, request(&format!("BREW /{number} HTTP/1.1"), &headers));
    }
    let after = metrics(server.admin());
    assert_eq!(before, series(&after));
    for word in ["example", "198.51", "some-agent", "page-", "nothing-", "BREW"] {
        assert!(!after.contains(word), "{word} is in {after}");
    }
}
