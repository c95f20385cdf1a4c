//! WebSockets that only look, of any page and of none.

use crate::common::client::Client;
use crate::common::page::{OPENING, Page, counts};
use crate::common::request;
use crate::common::server::TestServer;

const ROOM: &str = "example.com/posts/1";
const PATH: &str = "/posts/1";

#[test]
fn anybody_looks_at_the_counts_but_at_nothing_else() {
    let allow = ["--allow", "example.com", "--allow", "example.org", "--presence", "--messages"];
    let server = TestServer::quiet(&allow);
    let mut page = Page::open(server.address, PATH);
    page.send(r#"{"type":"presence","position":0.5,"name":"Ann"}"#);
    let looking = |path: &str, origin: &[&str]| {
        let mut client = Client::connect(server.address);
        let line = format!("GET {path} HTTP/1.1");
        client.send(request(&line, &[&OPENING[..], origin].concat()));
        client
    };
    let path = format!("/ws/{ROOM}?peek=1");
    let mut foreign = Page::opened(looking(&path, &["Origin: https://example.net"]));
    assert_eq!(foreign.receive(), counts(ROOM, 1, 1));
    for headers in [&["Origin: null"][..], &["Origin: https://example.org"], &[]] {
        assert_eq!(Page::opened(looking(&path, headers)).receive(), counts(ROOM, 1, 1), "{headers:?}");
    }
    for message in
        [r#"{"type":"message","data":1}"#, r#"{"type":"join","room":"/x"}"#, r#"{"type":"session","id":"a"}"#]
    {
        foreign.send(message);
        assert_eq!(foreign.receive()["code"], "only-looking", "{message}");
    }
    foreign.send(r#"{"type":"ping"}"#);
    assert_eq!(foreign.receive()["type"], "pong");
    let _other = Page::open(server.address, PATH);
    // Neither the join nor a position comes with it.
    assert_eq!(foreign.receive(), counts(ROOM, 2, 1));
    assert!(foreign.client.receives_nothing_for(std::time::Duration::from_millis(300)));
    let status = |path: &str| looking(path, &["Origin: https://example.net"]).response_to_head().status;
    assert_eq!((status("/ws/example.net?peek=1"), status(&format!("/ws/{ROOM}"))), (403, 403));
}
