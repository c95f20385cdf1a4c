//! WebSockets: which pages may open one, and what the server tells them.

use serde_json::{Value, json};

use crate::common::client::{Client, get};
use crate::common::page::{self, OPENING, Page, TEXT, counts, opening};
use crate::common::request;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;

const ROOM: &str = "example.com/posts/1";
const PATH: &str = "/posts/1";

#[test]
fn each_change_join_and_leave_is_told() {
    let server = TestServer::quiet(&[]);
    let mut first = Page::open(server.address, PATH);
    assert_eq!(first.receive(), counts(ROOM, 1, 1));
    let mut second = Page::open(server.address, PATH);
    assert_eq!(second.receive(), counts(ROOM, 2, 1));
    assert_eq!(first.receive(), counts(ROOM, 2, 1));
    let join = first.receive();
    let id = join["id"].as_str().unwrap();
    assert_eq!(join, json!({"type": "join", "room": ROOM, "id": id, "name": null}));
    assert_eq!(id.len(), 16);
    drop(second);
    assert_eq!(first.receive(), counts(ROOM, 1, 1));
    assert_eq!(first.receive(), json!({"type": "leave", "room": ROOM, "id": id}));
}

#[test]
fn no_page_is_told_of_its_own_join() {
    let server = TestServer::quiet(&[]);
    let mut pages: Vec<_> = (0..5).map(|_| Page::open(server.address, PATH)).collect();
    let mut told = Vec::new();
    for page in &mut pages {
        // Everything before the sixth page joins.
        page.wait_for(ROOM, 5, 1);
    }
    let _sixth = Page::open(server.address, PATH);
    for page in &mut pages {
        let before = page.wait_for(ROOM, 6, 1);
        let joins = before.iter().filter(|message| message["type"] == "join");
        told.push(joins.map(|join| join["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
        let sixth = page.wait_for_type("join");
        assert!(!told.iter().flatten().any(|id| sixth["id"] == **id));
    }
    for ids in &told {
        assert!(ids.len() < 5, "{ids:?}");
    }
}

#[test]
fn pictures_and_websockets_count_together() {
    let server = TestServer::quiet(&[]);
    let mut picture = Viewer::join(server.address);
    let mut page = Page::open(server.address, "");
    // From one address, without a User-Agent: one visitor.
    assert_eq!(page.receive(), counts("example.com", 2, 1));
    picture.wait_for(2);
    let _on_a_page = Page::open(server.address, PATH);
    picture.wait_for(3);
    page.wait_for("example.com", 3, 1);
    drop(page);
    picture.wait_for(2);
}

#[test]
fn a_page_joins_more_rooms_and_leaves_them() {
    let server = TestServer::quiet(&[]);
    let mut page = Page::open(server.address, PATH);
    assert_eq!(page.receive(), counts(ROOM, 1, 1));
    page.send(r#"{"type":"join","room":"example.com/other"}"#);
    assert_eq!(page.receive(), counts("example.com/other", 1, 1));
    // Joining a room twice tells it nothing new; a name that is only a path is of the page's own site.
    page.send(r#"{"type":"join","room":"/other"}"#);
    page.send(r#"{"type":"join","room":"example.com"}"#);
    assert_eq!(page.receive(), counts("example.com", 3, 1));
    let mut other = Page::open(server.address, "/other");
    assert_eq!(other.receive(), counts("example.com/other", 2, 1));
    page.wait_for("example.com/other", 2, 1);
    page.send(r#"{"type":"leave","room":"example.com/other"}"#);
    other.wait_for("example.com/other", 1, 1);
    page.send(r#"{"type":"leave","room":"example.com/other"}"#);
    assert_eq!(page.wait_for_type("error")["code"], "not-there");
}

#[test]
fn a_page_joins_at_most_32_rooms_of_its_own_site() {
    let server = TestServer::quiet(&[]);
    let mut page = Page::open(server.address, PATH);
    for (room, code) in [("other.example/x", "not-allowed"), ("ex ample", "bad-room"), ("", "bad-room")] {
        page.send(&json!({"type": "join", "room": room}).to_string());
        assert_eq!(page.wait_for_type("error")["code"], code, "{room}");
    }
    let mut joined = 1;
    loop {
        page.send(&json!({"type": "join", "room": format!("/{joined}")}).to_string());
        if page
            .wait_until(|message| message["type"] == "error" || message["count"] == 1, "an answer")
            .is_empty()
        {
            joined += 1;
        }
        // Twenty messages a second are allowed.
        std::thread::sleep(std::time::Duration::from_millis(55));
        if joined > 32 {
            break;
        }
    }
    page.send(r#"{"type":"join","room":"/one-more"}"#);
    assert_eq!(page.wait_for_type("error")["code"], "too-many-rooms");
}

#[test]
fn only_allowed_pages_open_a_websocket() {
    let server = TestServer::quiet(&["--allow", "example.com", "--name", "counter.example"]);
    let path = "/ws/example.com/posts/1";
    let upgrade = get(server.address, path, &["Origin: https://example.com"]);
    assert_eq!((upgrade.status, upgrade.header("upgrade")), (426, Some("websocket")), "{upgrade:?}");
    let status = |site| page::ask(server.address, path, site).status;
    assert_eq!(status("evil.example"), 403);
    assert_eq!(page::ask(server.address, "/ws/evil.example", "evil.example").status, 403);
    for origin in ["Origin: null", "Origin: https://", "X-Origin: https://example.com"] {
        let asked = request(&format!("GET {path} HTTP/1.1"), &[&OPENING[..], &[origin]].concat());
        assert_eq!(Client::ask(server.address, asked).status, 403, "{origin}");
    }
    // A page of this server may join any allowed site.
    let mut own = Client::connect(server.address);
    own.send(request(
        &format!("GET {path} HTTP/1.1"),
        &[&OPENING[..], &["Origin: http://counter.example"]].concat(),
    ));
    Page::opened(own);
}

#[test]
fn a_bad_handshake_is_refused_with_the_right_status() {
    let server = TestServer::quiet(&[]);
    let ask = |line: &str, without: usize, with: &str| {
        let mut headers = OPENING.to_vec();
        headers[without] = with;
        headers.push("Origin: https://example.com");
        Client::ask(server.address, request(line, &headers))
    };
    let line = "GET /ws/example.com HTTP/1.1";
    assert_eq!(ask(line, 0, "X: y").status, 426);
    assert_eq!(ask(line, 1, "Upgrade: h2c").status, 426);
    let version = ask(line, 2, "Sec-WebSocket-Version: 8");
    assert_eq!((version.status, version.header("sec-websocket-version")), (426, Some("13")));
    assert_eq!(ask(line, 3, "X: y").status, 400);
    assert_eq!(ask(line, 3, "Sec-WebSocket-Key: short").status, 400);
    assert_eq!(ask("GET /ws/ HTTP/1.1", 0, OPENING[0]).status, 400);
    assert_eq!(ask("GET /ws/example.com/%00 HTTP/1.1", 0, OPENING[0]).status, 400);
    assert_eq!(ask("GET /ws/example.com?top=0 HTTP/1.1", 0, OPENING[0]).status, 400);
    assert_eq!(ask("POST /ws/example.com HTTP/1.1", 0, OPENING[0]).status, 405);
}

#[test]
fn a_full_server_answers_503_and_drops_nobody() {
    let server = TestServer::quiet(&["--max-viewers", "1"]);
    let mut first = Page::open(server.address, PATH);
    assert_eq!(first.receive(), counts(ROOM, 1, 1));
    let full = page::ask(server.address, "/ws/example.com/posts/1", "example.com");
    assert_eq!((full.status, full.header("retry-after")), (503, Some("30")));
    first.send(r#"{"type":"ping"}"#);
    assert_eq!(first.receive(), json!({"type": "pong"}));
    drop(first);
    let mut client = Client::connect(server.address);
    while {
        client.send(opening("/ws/example.com/posts/1", "example.com", &[]));
        client.response_to_head().status != 101
    } {
        client = Client::connect(server.address);
    }
}

#[test]
fn a_peeking_page_is_neither_counted_nor_announced() {
    let server = TestServer::quiet(&["--ignore", "192.0.2.0/24"]);
    let mut page = Page::open(server.address, PATH);
    page.receive();
    let mut peek = Page::open(server.address, &format!("{PATH}?peek=1"));
    assert_eq!(peek.receive(), counts(ROOM, 1, 1));
    let _other = Page::open(server.address, PATH);
    assert_eq!(page.receive(), counts(ROOM, 2, 1));
    peek.wait_for(ROOM, 2, 1);
    let mut crawler = Page::open_with(server.address, PATH, &["User-Agent: Googlebot/2.1"]);
    assert_eq!(crawler.receive(), counts(ROOM, 2, 1));
    drop((peek, crawler));
    assert_eq!(page.receive()["type"], "join");
    assert!(page.client.receives_nothing_for(std::time::Duration::from_millis(300)));
}

#[test]
fn the_ranking_is_told_to_pages_that_asked() {
    let server = TestServer::quiet(&[]);
    let mut page = Page::open(server.address, "/a?top=2");
    let top = page.wait_for_type("top");
    assert_eq!(top, json!({"type": "top", "pages": [{"page": "/a", "count": 1}]}));
    let _others = ["/b", "/b", "/c"].map(|path| Page::open(server.address, path));
    // The second is one of the pages with one tab.
    let first = json!({"page": "/b", "count": 2});
    let is_ranking = |message: &Value| message["pages"][0] == first && message["pages"][1]["count"] == 1;
    page.wait_until(is_ranking, "the ranking");
}

#[test]
fn the_count_of_the_site_comes_first_where_it_is_shown() {
    let server = TestServer::quiet(&[]);
    let _elsewhere = Page::open(server.address, "/other");
    let mut page = Page::open(server.address, &format!("{PATH}?show=site&count=pages"));
    assert_eq!([page.receive(), page.receive()], [counts("example.com", 2, 1), counts(ROOM, 1, 1)]);
    let _third = Page::open(server.address, "/third");
    page.wait_for("example.com", 3, 1);
}

#[test]
fn the_livecount_widget_gets_only_the_number() {
    let server = TestServer::quiet(&[]);
    let open = |url: &str, origin: &str| {
        let origin = format!("Origin: {origin}");
        let line = format!("GET /livecount/ws?l={url} HTTP/1.1");
        let mut client = Client::connect(server.address);
        client.send(request(&line, &[&OPENING[..], &[&origin]].concat()));
        client
    };
    let url = "https://example.com/posts/1?utm=x";
    let mut first = Page::opened(open(url, "https://example.com"));
    assert_eq!(first.frame(), (TEXT, b"1".to_vec()));
    let mut second = Page::open(server.address, PATH);
    assert_eq!(second.receive(), counts(ROOM, 2, 1));
    assert_eq!(first.frame(), (TEXT, b"2".to_vec()));
    first.send("whatever");
    drop(second);
    assert_eq!(first.frame(), (TEXT, b"1".to_vec()));
    for (url, origin, status) in [
        (url, "https://example.org", 403),
        (url, "http://example.com", 403),
        (url, "null", 403),
        ("nonsense", "https://example.com", 400),
        ("https://example.com/%2500", "https://example.com", 400),
    ] {
        assert_eq!(open(url, origin).response().status, status, "{url} {origin}");
    }
    assert_eq!(page::ask(server.address, "/livecount/ws", "example.com").status, 400);
    assert_eq!(
        get(server.address, &format!("/livecount/ws?l={url}"), &["Origin: https://example.com"]).status,
        400
    );
}
