//! WebSockets go on in the new process with all that the server knows of them.

use serde_json::{Value, json};

use crate::common::client::{Client, get};
use crate::common::page::{CLOSE, PING, PONG, Page, TEXT, counts, frame, opening};
use crate::common::tls::{self, Version};
use crate::processes::Processes;

const ROOM: &str = "example.com/posts/1";
const PATH: &str = "/posts/1";
const OTHER: &str = "example.com/posts/2";

/// Over TLS.
fn open(server: &Processes, path: &str) -> Page {
    let mut client = Client::connect_tls(server.address, tls::client(Version::V1_3));
    client.send(opening(&format!("/ws/example.com{path}"), "example.com", &[]));
    Page::opened(client)
}

fn visitors(server: &Processes) -> Value {
    let answer = get(server.plain(), "/count/example.com/posts/1.json", &[]);
    serde_json::from_slice::<Value>(&answer.body).unwrap()["visitors"].clone()
}

#[test]
fn rooms_names_positions_ids_and_sessions_are_kept() {
    let more = ["--listen", "127.0.0.1:0", "--presence", "--messages"];
    let mut server = Processes::start(&[&tls::listen(tls::pair())[..], &more].concat());
    // One plain, one over TLS.
    let (mut one, mut two) = (Page::open(server.plain(), PATH), open(&server, PATH));
    one.wait_for(ROOM, 2, 1);
    two.wait_for(ROOM, 2, 1);
    one.send(r#"{"type":"session","id":"ann"}"#);
    two.send(r#"{"type":"session","id":"bea"}"#);
    one.wait_for(ROOM, 2, 2);
    two.wait_for(ROOM, 2, 2);
    one.send(&json!({"type": "join", "room": OTHER}).to_string());
    one.wait_for(OTHER, 1, 1);
    one.send(r#"{"type":"presence","position":0.25,"name":"Ann"}"#);
    let before = two.wait_for_type("presence");

    for upgrade in 1..=2 {
        server.upgrade();
        server.wait_for_end(upgrade - 1);
        assert_eq!(visitors(&server), 2, "the sessions of before");
        // Of the new process, which shows what was known.
        two.wait_for(ROOM, 2, 2);
        // A newcomer is told where the others are, with their ids, names and times of before.
        let mut newcomer = Page::open(server.plain(), PATH);
        newcomer.send(r#"{"type":"session","id":"ann"}"#);
        newcomer.wait_until(|message| message["type"] == "presence" && *message == before, "where Ann is");
        two.wait_for(ROOM, 3, 2);
        drop(newcomer);
        two.wait_for(ROOM, 2, 2);
    }

    // The name stays, without being said again, and so does since when the position is known.
    one.send(r#"{"type":"presence","position":0.75}"#);
    let moved = two.wait_until_found(|message| message["position"] == 0.75);
    for key in ["id", "name", "room", "joined_at"] {
        assert_eq!(moved[key], before[key], "{key}");
    }
    one.send(r#"{"type":"message","data":{"text":"Hej, 🙂"}}"#);
    let said = two.wait_for_type("message");
    assert_eq!((&said["data"], &said["from"]), (&json!({"text": "Hej, 🙂"}), &before["id"]));
    let mut elsewhere = Page::open(server.plain(), "/posts/2");
    elsewhere.wait_until(|message| message["room"] == OTHER && message["count"] == 2, "the one of before");
    drop(one);
    assert_eq!(two.wait_for_type("leave")["id"], before["id"]);
    elsewhere.wait_until(|message| message["room"] == OTHER && message["count"] == 1, "that it has gone");
}

#[test]
fn a_message_may_come_half_before_and_half_after() {
    let more = ["--listen", "127.0.0.1:0", "--messages"];
    let mut server = Processes::start(&[&tls::listen(tls::pair())[..], &more].concat());
    let mut hearing = Page::open(server.plain(), PATH);
    let mut message = json!({"type": "message", "data": "Hej, 🙂"}).to_string();
    let whole = frame(0x80 | TEXT, message.as_bytes());
    let mut writing: Vec<_> = [1, 2, 5, 6, 20, whole.len() - 1]
        .into_iter()
        .flat_map(|cut| [(Page::open(server.plain(), PATH), cut), (open(&server, PATH), cut)])
        .collect();
    hearing.wait_for(ROOM, writing.len() as u64 + 1, 1);
    for (page, cut) in &mut writing {
        page.client.send(&whole[..*cut]);
    }
    // Two fragments, with a ping in between.
    let mut fragments = Page::open(server.plain(), PATH);
    let second = message.split_off(12);
    fragments.client.send(frame(TEXT, message.as_bytes()));
    fragments.client.send(frame(0x80 | PING, b"alive"));
    while fragments.any_pong() != b"alive" {}

    server.upgrade();
    server.wait_for_end(0);
    for (page, cut) in &mut writing {
        page.client.send(&whole[*cut..]);
        assert_eq!(hearing.wait_for_type("message")["data"], "Hej, 🙂");
    }
    fragments.client.send(frame(0x80, second.as_bytes()));
    assert_eq!(hearing.wait_for_type("message")["data"], "Hej, 🙂");
    // Each is closed as before.
    for (mut page, _) in writing {
        page.client.send(frame(0x80 | CLOSE, &1000_u16.to_be_bytes()));
        assert_eq!(page.read_close(), 1000);
    }
    hearing.wait_until(|message| *message == counts(ROOM, 2, 1), "the one with the fragments");
}

impl Page {
    fn any_pong(&mut self) -> Vec<u8> {
        loop {
            if let (PONG, payload) = self.frame() {
                return payload;
            }
        }
    }

    fn wait_until_found(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.receive();
            if is_it(&message) {
                return message;
            }
        }
    }
}
