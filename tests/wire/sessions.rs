//! Pages that know who their visitor is, and those written for other counters, which count by messages.

use crate::common::listener::Listener;
use crate::common::page::Page;
use crate::common::server::TestServer;

const ROOM: &str = "example.com/posts/1";
const PATH: &str = "/posts/1";

#[test]
fn a_session_in_several_tabs_is_one_visitor() {
    let server = TestServer::quiet(&[]);
    let mut tabs = ["a", "b", "c"]
        .map(|agent| Page::open_with(server.address, PATH, &[&format!("User-Agent: {agent}")]));
    tabs[0].wait_for(ROOM, 3, 3);
    tabs[1].send(r#"{"type":"session","id":"ann"}"#);
    tabs[2].send(r#"{"type":"session","id":"ann"}"#);
    let before = tabs[0].wait_for(ROOM, 3, 2);
    assert!(
        before.iter().all(|message| message["type"] != "update/count" || message["count"] == 3),
        "{before:?}"
    );
    tabs[2].send(r#"{"type":"session","id":null}"#);
    tabs[0].wait_for(ROOM, 3, 3);
    // A browser that sends Sec-GPC is not identified.
    let mut apart = Page::open_with(server.address, PATH, &["Sec-GPC: 1"]);
    tabs[0].wait_for(ROOM, 4, 4);
    apart.send(r#"{"type":"session","id":"ann"}"#);
    apart.send(r#"{"type":"ping"}"#);
    apart.wait_for_type("pong");
    tabs[2].send(r#"{"type":"session","id":"ann"}"#);
    tabs[0].wait_for(ROOM, 4, 3);
}

#[test]
fn a_session_in_the_url_says_at_once_who_the_visitor_is() {
    let server = TestServer::quiet(&[]);
    let mut first = Page::open(server.address, "/posts/1?session=ann");
    first.wait_for(ROOM, 1, 1);
    let path = "/events/example.com/posts/1?session=ann";
    let origin = "Origin: https://example.com";
    let mut second = Listener::with(server.address, path, &[origin, "User-Agent: another browser"]);
    let event = second.event();
    assert_eq!((event.count, event.visitors), (2, 1), "never two visitors");
    let _bob = Page::open(server.address, "/posts/1?session=bob");
    first.wait_for(ROOM, 3, 2);
    // It can be changed by a message, and who sends Sec-GPC isn't told apart by it either.
    first.send(r#"{"type":"session","id":"bob"}"#);
    first.send(r#"{"type":"session","id":null}"#);
    first.wait_for(ROOM, 3, 3);
    let _apart = Page::open_with(server.address, "/posts/1?session=bob", &["Sec-GPC: 1"]);
    first.wait_for(ROOM, 4, 4);
    let _unknown = Page::open(server.address, "/posts/1?session=");
    first.wait_for(ROOM, 5, 4);
}

#[test]
fn increment_and_decrement_get_the_counts_and_change_nothing() {
    let server = TestServer::quiet(&[]);
    let mut page = Page::open(server.address, PATH);
    let _other = Page::open(server.address, PATH);
    page.wait_for(ROOM, 2, 1);
    for message in [r#"{"type":"increment"}"#, r#"{"type":"decrement","n":1}"#, r#"{"type":"decrement"}"#] {
        page.send(message);
        page.wait_for(ROOM, 2, 1);
    }
    page.send(r#"{"type":"leave","room":"/posts/1"}"#);
    page.send(r#"{"type":"increment"}"#);
    assert_eq!(page.wait_for_type("error")["code"], "not-there");
}
