//! Addresses that are the same page, and hosts that are the same site, because the file says so.

use std::collections::BTreeMap;

use onlookers::config::{Config, File};

use super::pages::{top, view_of};
use crate::common::client::{Client, get};
use crate::common::listener::Listener;
use crate::common::page::Page;
use crate::common::request;
use crate::common::server::{TestServer, config};
use crate::common::viewer::Viewer;

const FILE: &str = r#"
[sites."example.com"]
aliases = ["www.example.com", "example.org"]
drop_slash = true
index = ["index.html"]
page_keys = ["p"]
hash_routes = true
pages = ["/", "/a", "/a%23/posts/2", "/?p=*"]
label = "Readers"
"#;

fn server(args: &[&str]) -> TestServer {
    let path = std::env::temp_dir().join(format!("onlookers-{}-same.toml", std::process::id()));
    std::fs::write(&path, FILE).unwrap();
    let sites = File::read(&path).unwrap().into_sites();
    std::fs::remove_file(&path).unwrap();
    TestServer::with(Config { sites, ..config(&[&["--repaint", "1h"], args].concat()) })
}

/// A picture whose Referer names its page.
fn auto(server: &TestServer, page: &str) -> Viewer {
    view_of(page, server.address, "page=auto", &[])
}

fn counts(server: &TestServer) -> BTreeMap<String, u64> {
    let top = top(server.address, "www.example.com");
    let pages = top["pages"].as_array().unwrap().iter();
    pages.map(|row| (row["page"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap())).collect()
}

#[test]
fn a_page_has_several_addresses() {
    let server = server(&[]);
    let _open = ["/a", "/a/", "/a/index.html", "/a?utm_source=x"]
        .map(|path| auto(&server, &format!("https://www.example.com{path}")));
    let _named = view_of("https://example.org/x", server.address, "page=/a/%23index.html", &[]);
    let _other = view_of("https://example.com/", server.address, "page=/a/%23/posts/2/", &[]);
    let _by_key = auto(&server, "https://example.com/index.html?utm=x&p=12&y");
    let wanted = [("/a", 5), ("/?p=12", 1), ("/a%23/posts/2", 1)];
    assert_eq!(counts(&server), wanted.map(|(page, count)| (page.to_owned(), count)).into());
}

#[test]
fn a_long_name_is_the_same_wherever_it_is_written() {
    let server = server(&[]);
    let slug = "%E0%A4%AF".repeat(60);
    let mut seen = auto(&server, &format!("https://example.com/?p={slug}"));
    let listened = format!("/events/example.com/%3Fp={slug}");
    let _listener = Listener::with(server.address, &listened, &["Origin: https://example.com"]);
    seen.wait_for_picture(&labelled(2));
    assert_eq!(
        get(server.address, &format!("/count/example.com/index.html%3Fx&p={slug}.txt"), &[]).text(),
        "2"
    );
}

#[test]
fn every_url_takes_each_name_of_a_page() {
    let server = server(&["--allow", "example.com"]);
    let mut seen = auto(&server, "https://example.com/?p=1");
    let _listener = Listener::with(
        server.address,
        "/events/www.example.com/%3Fp=1",
        &["Origin: https://www.example.com"],
    );
    seen.wait_for_picture(&labelled(2));
    let from_alias = ["Origin: https://example.org"];
    let mut page = Page::opened(socket(&server, "/ws/example.org/index.html%3fp=1", &from_alias));
    assert_eq!(page.receive()["room"], "example.com/?p=1");
    seen.wait_for_picture(&labelled(3));
    page.send(r#"{"type":"join","room":"/a/"}"#);
    assert_eq!(page.wait_for_type("update/count")["room"], "example.com/a");
    page.send(r#"{"type":"leave","room":"example.org/a/index.html"}"#);
    page.send(r#"{"type":"join","room":"/?p=2"}"#);
    assert_eq!(page.wait_for_type("update/count")["room"], "example.com/?p=2");
    page.send(r#"{"type":"leave","room":"example.com/?p=2"}"#);
    page.send(r#"{"type":"ping"}"#);
    assert_eq!(page.receive()["type"], "pong", "no error before");
    for (url, text) in [
        ("/count/example.com/%3Fp=1.txt", "3"),
        ("/count/www.example.com/index.html%3Fx&p=1.txt", "3"),
        ("/count/example.org.txt", "3"),
    ] {
        assert_eq!(get(server.address, url, &[]).text(), text, "{url}");
    }
    assert_eq!(get(server.address, "/count/example.com/b.txt", &[]).status, 403);
    let stranger = get(server.address, "/online.png", &["Referer: https://evil.example/"]);
    assert_eq!(stranger.status, 403);
}

fn labelled(count: u64) -> Vec<u8> {
    use onlookers_picture::{Label, Style, Value, render};
    render(&Style::plain(Label::new("Readers").unwrap()), Value::Count(count)).encode().to_vec()
}

fn socket(server: &TestServer, path: &str, headers: &[&str]) -> Client {
    let mut client = Client::connect(server.address);
    client.send(request(
        &format!("GET {path} HTTP/1.1"),
        &[&crate::common::page::OPENING[..], headers].concat(),
    ));
    client
}
