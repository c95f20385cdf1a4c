//! `/status` shows what the server does, and what costs most of it.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::scrape::{server, wait_for};
use super::{admin_of, program};
use crate::common::client::{Client, Response};
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request};

/// For how long a flood goes on at least.
const FLOOD: Duration = Duration::from_secs(1);

/// The page, as a browser on the same machine asks for it.
pub(crate) fn status_of(admin: SocketAddr) -> Response {
    Client::ask(admin, format!("GET /status HTTP/1.1\r\nHost: {admin}\r\n\r\n"))
}

/// The first cell of the first row below a caption that begins so.
pub(crate) fn first_of(page: &str, caption: &str) -> String {
    let (_, table) = page.split_once(&format!("<caption>{caption}")).expect("there is such a table");
    let table = table.split("</table>").next().unwrap();
    let cell = table.split("<td>").nth(1).unwrap_or_else(|| panic!("nothing in {caption}: {table}"));
    cell.split(['<', '\n']).next().unwrap().to_owned()
}

/// The page, once the flood is in it.
fn wait_for_rows(admin: SocketAddr) -> Response {
    let started = Instant::now();
    loop {
        let page = status_of(admin);
        let shows = |name: &str| {
            page.text().contains(&format!("<td>{name}\n")) || page.text().contains(&format!("<td>{name}<"))
        };
        if ["busy.example", "for-the-badge", "198.51.100.66"].into_iter().all(shows)
            && started.elapsed() > FLOOD
        {
            return page;
        }
        assert!(started.elapsed() < DEADLINE, "{}", page.text());
    }
}

/// Asks for badges of one style that nobody has asked for before, until it is told to stop.
fn flood(address: SocketAddr, stop: &AtomicBool) {
    let mut client = Client::connect(address);
    for number in 0_u32.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let path = format!("/badge/other.example.png?style=for-the-badge&color={:06x}", number % 0x100_0000);
        client.send(request(&format!("GET {path} HTTP/1.1"), &["X-Forwarded-For: 198.51.100.66"]));
        client.response();
    }
}

/// Readers come and go on one site, until they are told to stop.
fn churn(address: SocketAddr, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        Viewer::join_site(address, "busy.example").count();
    }
}

#[test]
fn during_a_flood_the_site_the_style_and_the_address_that_cost_most_are_named() {
    let server = server(&["--trust-proxy", "127.0.0.0/8"]);
    let (address, stop) = (server.address, AtomicBool::new(false));
    let _readers: Vec<_> = (0..30).map(|_| Viewer::join_site(address, "busy.example")).collect();
    let _quiet = [Viewer::join_site(address, "quiet.example"), Viewer::join_site(address, "calm.example")];
    let page = thread::scope(|scope| {
        scope.spawn(|| flood(address, &stop));
        scope.spawn(|| churn(address, &stop));
        // Until there was time for each to cost something.
        let page = wait_for_rows(server.admin());
        stop.store(true, Ordering::Relaxed);
        page
    });
    assert_eq!(page.status, 200);
    page.assert_safe();
    let page = page.text();
    assert_eq!(first_of(page, "Open pages by site"), "busy.example", "{page}");
    assert_eq!(first_of(page, "Sites that cost most"), "busy.example", "{page}");
    assert_eq!(first_of(page, "Styles that cost most"), "for-the-badge", "{page}");
    assert_eq!(first_of(page, "Addresses that cost most"), "198.51.100.66", "{page}");
}

#[test]
fn what_has_gone_is_still_named_and_a_network_of_ipv6_is_one_address() {
    let server = server(&["--trust-proxy", "127.0.0.0/8"]);
    let headers = ["Referer: https://brief.example/", "X-Forwarded-For: 2001:db8:1:2:3::4"];
    for _ in 0..20 {
        let mut client = Client::connect(server.address);
        client.send(request("GET /online.png?u=1 HTTP/1.1", &headers));
        Viewer::opened(client).count();
    }
    wait_for(server.admin(), r#"onlookers_viewers{kind="picture",transport="http1"}"#, 0.0);
    let page = status_of(server.admin());
    assert_eq!(first_of(page.text(), "Sites that cost most"), "brief.example", "{}", page.text());
    assert_eq!(first_of(page.text(), "Addresses that cost most"), "2001:db8:1:2::/64", "{}", page.text());
}

#[test]
fn the_page_is_shown_under_no_name_that_may_be_a_strangers() {
    let server = server(&[]);
    let status = |path: &str, host: &str| {
        let asked = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        Client::ask(server.admin(), asked)
    };
    for path in ["/", "/status"] {
        let refused = status(path, "rebound.example:9193");
        assert_eq!(refused.status, 421, "{path}");
        assert!(refused.text().contains("an IP address or for localhost"), "{refused:?}");
        for own in ["localhost:9193", "127.0.0.1", "[::1]:1"] {
            assert_eq!(status(path, own).status, 200, "{path} {own}");
        }
    }
    // Prometheus and load balancers ask by name, and what they get says nothing of visitors.
    for path in ["/metrics", "/livez", "/readyz", "/healthz"] {
        assert_eq!(status(path, "onlookers.monitoring.svc:9193").status, 200, "{path}");
    }
}

#[test]
fn whoever_may_open_the_file_of_a_unix_socket_may_call_it_anything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("admin.sock");
    let program = program(&["--admin", &format!("unix:{}", file.display())]);
    let mut socket = UnixStream::connect(&file).unwrap();
    socket.write_all(b"GET /status HTTP/1.1\r\nHost: anything\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("Status of onlookers"), "{answer}");
    drop(program);
}

#[test]
fn the_page_runs_and_loads_nothing_and_shows_no_password() {
    let program = program(&[
        "--admin",
        "127.0.0.1:0",
        "--label",
        "<b>&",
        "--redis",
        "redis://me:hunter2@127.0.0.1:1",
        "--allow",
        "a.example",
    ]);
    let response = status_of(admin_of(&program));
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'"), "{policy}");
    let page = response.text();
    for foreign in ["<script", "<link", "<img", "src=", "href=", "hunter2", "<b>"] {
        assert!(!page.contains(foreign), "{foreign} is in {page}");
    }
    for shown in ["&lt;b&gt;&amp;", "redis://127.0.0.1:1", "a.example", "<td>max_viewers", "not ready: Redis"]
    {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
}
