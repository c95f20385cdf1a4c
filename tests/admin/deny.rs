//! The deny list: what it denies is refused, and a reload ends what is open of it.

use std::fs;
use std::net::SocketAddr;
use std::time::Instant;

use onlookers::config::Cli;
use rustix::process::Signal;
use tempfile::TempDir;

use super::scrape::{server, value, wait_for};
use super::status::status_of;
use super::{admin_of, program};
use crate::common::client::{Client, get};
use crate::common::h2::Connection;
use crate::common::page::{CLOSE, Page};
use crate::common::parts::png_of;
use crate::common::program::Program;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request};

mod passes;
mod sites;

const SETTINGS: &str = "trust_proxy = [\"127.0.0.0/8\"]\n";

/// A file with settings, which changes.
struct File(TempDir);

impl File {
    fn new() -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.write("");
        file
    }

    fn path(&self) -> String {
        self.0.path().join("onlookers.toml").to_str().unwrap().to_owned()
    }

    fn write(&self, more: &str) {
        fs::write(self.path(), format!("{SETTINGS}{more}")).unwrap();
    }

    /// Has a running server read it with these settings.
    fn reload(&self, program: &Program, more: &str) {
        self.write(more);
        program.signal(Signal::HUP);
    }
}

/// A reader of example.com, at that address and with that agent.
fn reader(address: SocketAddr, from: &str, agent: &str) -> Viewer {
    let mut client = Client::connect(address);
    client.send(asking("example.com", from, agent));
    Viewer::opened(client)
}

fn asking(site: &str, from: &str, agent: &str) -> String {
    let headers = [
        format!("Referer: https://{site}/"),
        format!("X-Forwarded-For: {from}"),
        format!("User-Agent: {agent}"),
    ];
    request("GET /online.png?u=1 HTTP/1.1", &headers.each_ref().map(String::as_str))
}

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";

#[test]
fn a_reload_ends_the_streams_of_denied_addresses_agents_and_sites_and_no_others() {
    let file = File::new();
    let program = program(&["--admin", "127.0.0.1:0", "--config", &file.path()]);
    let address = program.address;
    let mut stays = reader(address, "203.0.113.9", BROWSER);
    let by_address = reader(address, "198.51.100.7", BROWSER);
    let by_agent = reader(address, "203.0.113.10", "Mozilla/5.0 (compatible-ish) BadBrowser/1.0");
    let mut by_site = Viewer::join_site(address, "spam.example");
    let mut page = Page::open_with(address, "", &["X-Forwarded-For: 198.51.100.8"]);
    stays.wait_for(4);
    by_site.wait_for(1);
    file.reload(
        &program,
        "deny_address = [\"198.51.100.0/24\"]\ndeny_agent = [\"badbrowser\"]\ndeny_site = [\"*.example\", \"spam.example\"]\n",
    );
    // Their last picture is one that they had or were about to get.
    for ended in [by_address, by_agent] {
        let (bytes, _) = { ended }.client.read_to_end();
        assert!(bytes.ends_with(b"--frame--\r\n"), "{} bytes, without an end", bytes.len());
    }
    by_site.read_orderly_end_with(&png_of(1));
    while page.frame().0 != CLOSE {}
    stays.wait_for(1);
    let admin = admin_of(&program);
    wait_for(admin, r#"onlookers_leaves_total{reason="denied"}"#, 4.0);
    // They don't come back.
    for (site, from, agent) in [
        ("example.com", "198.51.100.9", BROWSER),
        ("example.com", "203.0.113.9", "BADBROWSER"),
        ("spam.example", "203.0.113.9", BROWSER),
    ] {
        assert_eq!(Client::ask(address, asking(site, from, agent)).status, 403, "{site} {from} {agent}");
    }
    let status = status_of(admin);
    assert!(status.text().contains("198.51.100.0/24"), "what is in force is shown");
    file.reload(&program, "");
    let started = Instant::now();
    while Client::ask(
        address,
        request("GET /count/spam.example.txt HTTP/1.1", &["X-Forwarded-For: 198.51.100.9"]),
    )
    .status
        != 200
    {
        assert!(started.elapsed() < DEADLINE, "nothing is denied any more");
    }
    let _again = reader(address, "198.51.100.7", BROWSER);
    stays.wait_for(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_over_http2_are_ended_likewise() {
    let mut config = crate::common::server::config(&["--repaint", "1h", "--trust-proxy", "127.0.0.0/8"]);
    config.knows_clients = true;
    let server = crate::common::server::TestServer::with(config.clone());
    let mut connection = Connection::open(server.address).await;
    let headers = |from| [("referer", "https://example.com/"), ("x-forwarded-for", from)];
    let mut denied = connection.get("/online.png?u=1", &headers("198.51.100.7")).await;
    let mut stays = connection.get("/online.png?u=2", &headers("203.0.113.9")).await;
    stays.take_through(b"\r\n\r\n").await;
    stays.wait_for(2).await;
    config.reloadable.deny_address = vec!["198.51.100.7/32".parse().unwrap()];
    server.control.reload(&config);
    let bytes = denied.read_to_end().await.unwrap();
    assert!(bytes.ends_with(b"--frame--\r\n"), "{} bytes, without an end", bytes.len());
    stays.wait_for(1).await;
}

#[test]
fn a_bad_deny_list_is_refused_with_its_line_and_key() {
    let file = File::new();
    for (line, word) in [
        ("deny_address = [\"198.51.100.0/33\"]", "deny_address"),
        ("deny_site = [\"https://example.com/\"]", "deny_site"),
        ("deny_agent = [\"ab\"]", "deny_agent"),
    ] {
        file.write(line);
        let error = Cli::load(["onlookers", "--config", &file.path()]).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains(word), "{error}");
    }
}

#[test]
fn refusals_of_the_denied_are_counted() {
    let server = server(&["--trust-proxy", "127.0.0.0/8", "--deny-address", "198.51.100.0/24"]);
    let refused = get(server.address, "/online.png", &["X-Forwarded-For: 198.51.100.9"]);
    assert_eq!((refused.status, refused.text()), (403, "Not served here.\n"));
    let text = super::scrape::metrics(server.admin());
    assert_eq!(value(&text, r#"onlookers_refusals_total{reason="denied"}"#), 1.0);
}
