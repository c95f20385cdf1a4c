//! Which page a request is about: by `page=`, by its Referer, or by neither.

use super::pages::{top, view, view_of};
use crate::common::client::{Client, get};
use crate::common::parts::png_of;
use crate::common::request;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;

#[test]
fn page_auto_is_the_page_that_shows_the_picture() {
    let server = TestServer::quiet(&[]);
    let mut named = view(server.address, "page=/posts/1", &[]);
    assert_eq!(named.count(), 1);
    let _auto = view_of("https://example.com/posts/1?utm=x", server.address, "page=auto", &[]);
    named.wait_for(2);
    // The front page of the host that the counter is at: its Referer is whole.
    let at_home = "https://counter.example/";
    let mut front = view_of(at_home, server.address, "page=/", &[]);
    let _auto = view_of(at_home, server.address, "page=auto", &[]);
    front.wait_for(2);
    let long = format!("https://example.com/posts/1?gclid={}", "x".repeat(5000));
    let _clicked = view_of(&long, server.address, "page=auto", &[]);
    named.wait_for(3);
}

#[test]
fn page_auto_of_a_bare_origin_is_the_whole_site() {
    let server = TestServer::quiet(&[]);
    let _named = view(server.address, "page=/posts/1", &[]);
    let mut front = view(server.address, "page=/", &[]);
    assert_eq!(front.count(), 1);
    let mut open = vec![];
    for (count, referer, header) in [
        (3, "https://example.com/", "X-Nothing: 1"),
        (4, "https://example.com", "Sec-Fetch-Site: cross-site"),
        (5, "https://example.com/", "Sec-Fetch-Site: same-site"),
    ] {
        open.push(view_of(referer, server.address, "page=auto", &[header]));
        open.last_mut().unwrap().wait_for(count);
    }
    let still = |query: &str| {
        let line = format!("GET /online.png?live=0&{query} HTTP/1.1");
        Client::ask(server.address, request(&line, &["Referer: https://example.com/"])).body
    };
    assert_eq!(still("page=auto"), still("show=site"));
    assert!(front.client.receives_nothing_for(std::time::Duration::from_millis(300)));
}

#[test]
fn paths_of_pages_are_octets() {
    let server = TestServer::quiet(&[]);
    let join = |query: &str, referer: &[u8]| {
        let mut client = Client::connect(server.address);
        let head = format!("GET /online.png?u=1&{query} HTTP/1.1\r\nHost: counter.example\r\nReferer: ");
        client.send([head.as_bytes(), referer, b"\r\n\r\n"].concat());
        Viewer::opened(client)
    };
    let page = b"https://example.com/x";
    let mut latin = join("page=/Les-droits-r%E9els", page);
    let _auto = join("page=auto", b"https://example.com/Les-droits-r%e9els?x");
    let _raw = join("page=auto", b"https://example.com/Les-droits-r\xe9els");
    latin.wait_for(3);
    let mut utf8 = join("page=/caf%C3%A9", page);
    let _raw = join("page=auto", "https://example.com/café".as_bytes());
    let _typed = join("page=caf%c3%a9", b"https://example.com/caf\xe9");
    utf8.wait_for(3);
    let count =
        Client::ask(server.address, request("GET /count/example.com/Les-droits-r%e9els.txt HTTP/1.1", &[]));
    assert_eq!(count.text(), "3");
}

#[test]
fn a_long_path_is_a_page_of_its_own() {
    let server = TestServer::quiet(&[]);
    let path = |last: &str| format!("/{}{last}", "%E0%A4%AF".repeat(600));
    let (one, other) = (path("1"), path("2"));
    let auto =
        |path: &str| view_of(&format!("https://example.com{path}?q"), server.address, "page=auto", &[]);
    let mut first = auto(&one);
    let _other = auto(&other);
    let _named = view(server.address, &format!("page={one}"), &[]);
    first.wait_for(2);
    let pages = top(server.address, "example.com");
    let name = pages["pages"][0]["page"].as_str().unwrap();
    assert!(name.starts_with("/%E0%A4%AF%E0") && name.len() <= 512, "{name}");
    let count = |path: &str| {
        Client::ask(server.address, request(&format!("GET /count/example.com{path}.txt HTTP/1.1"), &[])).body
    };
    assert_eq!((count(&one), count(name), count(&other)), (b"2".to_vec(), b"2".to_vec(), b"1".to_vec()));
}

#[test]
fn the_longest_query_still_gets_its_stream() {
    let server = TestServer::quiet(&[]);
    let page = ["Referer: https://example.com/"];
    let query = format!("page=/&x={}", "x".repeat(8000 - "page=/&x=".len()));
    let redirect = get(server.address, &format!("/online.png?{query}"), &page);
    let unique = redirect.header("location").unwrap();
    let mut client = Client::connect(server.address);
    client.send(request(&format!("GET /online.png{unique} HTTP/1.1"), &page));
    assert_eq!(Viewer::opened(client).count(), 1);
}

#[test]
fn a_page_without_a_referer_is_counted_at_its_host() {
    let server = TestServer::quiet(&["--allow", "counter.example", "--allow", "example.com"]);
    let mut page = view_of("https://counter.example/a", server.address, "", &[]);
    assert_eq!(page.count(), 1);
    let same_origin = ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: image"];
    let hidden = |query: &str| {
        let mut client = Client::connect(server.address);
        client.send(request(&format!("GET /online.png?u=1&{query} HTTP/1.1"), &same_origin));
        Viewer::opened(client)
    };
    let _picture = hidden("page=auto");
    page.wait_for(2);
    let headers = ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: empty"];
    let mut listener = Client::connect(server.address);
    listener.send(request("GET /events/counter.example/a HTTP/1.1", &headers));
    assert_eq!(listener.response_to_head().status, 200);
    page.wait_for(3);
    let ask = |line: &str, headers: &[&str]| Client::ask(server.address, request(line, headers));
    assert_eq!(ask("GET /top.json HTTP/1.1", &headers).status, 200);
    assert_eq!(ask("GET /online.png?live=0 HTTP/1.1", &same_origin).body, png_of(3));
    for site in ["cross-site", "same-site", "none"] {
        let header = format!("Sec-Fetch-Site: {site}");
        assert_eq!(ask("GET /events/counter.example/a HTTP/1.1", &[&header]).status, 403, "{site}");
    }
}
