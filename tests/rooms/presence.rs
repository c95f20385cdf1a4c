//! Positions, names and messages that pages send to each other. Both are off by default.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use onlookers::config::{Config, File};
use serde_json::{Value, json};

use crate::common::client::{Client, get};
use crate::common::page::{OPENING, Page, opening};
use crate::common::server::{TestServer, config};
use crate::common::{DEADLINE, request};

const ROOM: &str = "example.com/posts/1";
const PATH: &str = "/posts/1";

/// N pages in one room, all of which have been told of all.
fn pages<const N: usize>(server: &TestServer) -> [Page; N] {
    let mut pages = std::array::from_fn(|_| Page::open(server.address, PATH));
    for page in &mut pages {
        page.wait_for(ROOM, N as u64, 1);
    }
    pages
}

fn milliseconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

#[test]
fn the_others_are_told_of_a_position_and_of_leaving() {
    let server = TestServer::quiet(&["--presence"]);
    let [mut one, mut other] = pages(&server);
    let before = milliseconds();
    one.send(r#"{"type":"presence","position":0.25,"name":"<b>Ann</b>"}"#);
    let told = other.wait_for_type("presence");
    let id = told["id"].as_str().unwrap().to_owned();
    let (joined, updated) = (told["joined_at"].as_u64().unwrap(), told["updated_at"].as_u64().unwrap());
    assert_eq!(
        told,
        json!({"type": "presence", "room": ROOM, "id": id, "name": "<b>Ann</b>", "position": 0.25,
            "joined_at": joined, "updated_at": updated})
    );
    assert!(before <= joined && joined == updated && updated <= milliseconds());
    one.send(r#"{"type":"presence","position":1}"#);
    let told = other.wait_for_type("presence");
    assert_eq!(
        (&told["position"], &told["name"], &told["joined_at"]),
        (&json!(1.0), &json!("<b>Ann</b>"), &json!(joined))
    );
    // A new page is told the others' positions after the count.
    let mut third = Page::open(server.address, PATH);
    third.wait_for(ROOM, 3, 1);
    assert_eq!(third.receive(), told);
    drop(one);
    for page in [&mut other, &mut third] {
        assert_eq!(page.wait_for_type("leave")["id"], id);
    }
    let mut fourth = Page::open(server.address, PATH);
    let before = other.wait_until(|message| message["type"] == "join", "the fourth");
    assert!(before.iter().all(|message| message["type"] != "presence"));
    assert_eq!(fourth.receive()["count"], 3);
}

#[test]
fn positions_are_told_five_times_a_second_up_to_the_newest() {
    let server = TestServer::quiet(&["--presence"]);
    let [mut one, mut other] = pages(&server);
    let started = Instant::now();
    for step in 1..=40 {
        one.send(&json!({"type": "presence", "position": f64::from(step) / 100.0}).to_string());
        // Twenty messages a second are allowed.
        std::thread::sleep(Duration::from_millis(51));
    }
    one.send(r#"{"type":"presence","position":0.99}"#);
    let told = other.wait_until(|message| message["position"] == json!(0.99), "the newest");
    let positions: Vec<f64> = told.iter().filter_map(|message| message["position"].as_f64()).collect();
    let most = 2 + (started.elapsed().as_millis() / 200) as usize;
    assert!(positions.len() < most && positions.len() > 3 && positions.is_sorted(), "{positions:?}, {most}");
}

#[test]
fn messages_go_to_all_others_and_are_not_kept() {
    let server = TestServer::quiet(&["--messages"]);
    let [mut one, mut two, mut three] = pages(&server);
    let data = json!({"text": "Hej, 🙂 \u{7}", "list": [1, 2.5, null, true]});
    one.send(&json!({"type": "message", "data": data}).to_string());
    let said = two.wait_for_type("message");
    assert_eq!((&said["data"], &said["room"]), (&data, &json!(ROOM)));
    assert_eq!(three.wait_for_type("message"), said);
    two.send(r#"{"type":"message","data":"back"}"#);
    // The first page receives this message and not its own.
    let heard = one.wait_until(|message| message["data"] == "back", "an answer");
    assert!(heard.iter().all(|message| message["type"] != "message"));
    let mut late = Page::open(server.address, PATH);
    late.send(r#"{"type":"ping"}"#);
    let heard = late.wait_until(|message| message["type"] == "pong", "a pong");
    assert!(heard.iter().all(|message| message["type"] != "message"), "{heard:?}");
}

#[test]
fn data_is_passed_on_byte_for_byte() {
    let server = TestServer::quiet(&["--messages"]);
    let [mut one, mut other] = pages(&server);
    for data in [
        "12345678901234567890.5",
        "1e400",
        "[1.10,-0,1E2]",
        r#"{"b":1,"a":"\u00fc\/ü 🙂"}"#,
        "{\n \"a\" :\t[ ]}",
    ] {
        one.send(&format!(r#"{{"type":"message","data":{data}}}"#));
        let message = loop {
            let (_, payload) = other.frame();
            let text = String::from_utf8(payload).unwrap();
            if text.contains(r#""type":"message""#) {
                break text;
            }
        };
        assert!(message.ends_with(&format!(r#","data":{data}}}"#)), "{message}");
    }
    let longest = "9".repeat(4_096 - r#"{"type":"message","data":}"#.len());
    one.send(&format!(r#"{{"type":"message","data":{longest}}}"#));
    let (_, payload) = other.frame();
    assert!(payload.ends_with(format!(r#""data":{longest}}}"#).as_bytes()));
}

#[test]
fn loud_members_make_no_quiet_member_busy() {
    let server = TestServer::quiet(&["--messages"]);
    let [mut quiet, mut other, mut loud @ ..]: [Page; 8] = pages(&server);
    let message = |data: &str| json!({"type": "message", "data": data}).to_string();
    for page in &mut loud {
        (0..19).for_each(|_| page.send(&message(&"x".repeat(4_000))));
    }
    for page in &mut loud {
        assert_eq!(page.wait_for_type("error")["code"], "busy");
    }
    let data = "q".repeat(4_000);
    quiet.send(&message(&data));
    quiet.send(r#"{"type":"ping"}"#);
    let answers = quiet.wait_until(|message| message["type"] == "pong", "a pong");
    assert!(answers.iter().all(|message| message["type"] != "error"), "the quiet member is busy");
    other.wait_until(|message| message["data"] == data.as_str(), "the quiet member's message");
}

/// So many pages, which connect all at once.
fn open_together(server: &TestServer, pages: usize) -> Vec<Page> {
    let connect = |_| {
        let mut client = Client::connect(server.address);
        client.send(opening(&format!("/ws/{ROOM}"), "example.com", &[]));
        client
    };
    let clients: Vec<Client> = (0..pages).map(connect).collect();
    clients.into_iter().map(Page::opened).collect()
}

#[test]
fn positions_of_those_who_left_delay_nobodys() {
    // In turns of 32, at most five times a second, their positions would take over five seconds.
    const CROWD: usize = 900;
    let server = TestServer::quiet(&["--presence"]);
    let [mut one, mut other] = pages(&server);
    let mut crowd = open_together(&server, CROWD);
    for brief in &mut crowd {
        brief.send(r#"{"type":"presence","position":0.5}"#);
        brief.send(r#"{"type":"ping"}"#);
    }
    for brief in &mut crowd {
        brief.wait_for_type("pong");
    }
    drop(crowd);
    // All of the crowd have left, and the server has noticed it.
    let count = || get(server.address, "/count/example.com/posts/1.txt", &[]).body;
    let started = Instant::now();
    while count() != b"2" {
        assert!(started.elapsed() < DEADLINE, "the crowd stays counted");
    }
    let started = Instant::now();
    one.send(r#"{"type":"presence","position":0.99}"#);
    other.wait_until(|message| message["position"] == json!(0.99), "the member's position");
    let took = started.elapsed();
    println!("the position was told after {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn two_senders_in_a_room_of_500_send_4_mib_a_second() {
    const MEMBERS: usize = 500;
    let server = TestServer::quiet(&["--messages"]);
    let mut members = open_together(&server, MEMBERS);
    let message = json!({"type": "message", "data": "x".repeat(4_000)}).to_string();
    let started = Instant::now();
    for sender in &mut members[..2] {
        (0..4).for_each(|_| sender.send(&message));
    }
    // The first goes out at once; each of the others has to wait until the bytes before it are paid for.
    let mut heard = (0..4).map(|_| members[MEMBERS - 1].wait_for_type("message").to_string().len());
    let bytes: usize = heard.by_ref().take(3).sum();
    assert_eq!(heard.count(), 1);
    let (took, due) = (started.elapsed().as_secs_f64(), (bytes * MEMBERS) as f64 / f64::from(4 << 20));
    println!("{bytes} bytes to each of {MEMBERS} in {took:.2} s");
    assert!(took >= 0.95 * due, "{bytes} bytes to each in {took} s, not {due}");
}

#[test]
fn positions_and_messages_stay_in_their_room() {
    let server = TestServer::quiet(&["--messages", "--presence"]);
    let [mut one, mut two] = pages(&server);
    let mut elsewhere = Page::open(server.address, "/other");
    for page in [&mut one, &mut two] {
        page.send(r#"{"type":"join","room":"/other"}"#);
        page.wait_until(|message| message["room"] == "example.com/other", "the other room");
    }
    one.send(r#"{"type":"message","data":1,"room":"/other"}"#);
    for page in [&mut two, &mut elsewhere] {
        assert_eq!(page.wait_for_type("message")["room"], "example.com/other");
    }
    one.send(r#"{"type":"presence","position":0,"room":"example.com/posts/1"}"#);
    assert_eq!(two.wait_for_type("presence")["room"], ROOM);
    one.send(r#"{"type":"message","data":1,"room":"/nowhere"}"#);
    assert_eq!(one.wait_for_type("error")["code"], "not-there");
    one.send(r#"{"type":"leave","room":"example.com/posts/1"}"#);
    one.send(r#"{"type":"presence","position":0}"#);
    assert_eq!(one.wait_for_type("error")["code"], "not-there");
}

/// The code of the error that `page` gets for that message.
fn error(page: &mut Page, message: &str) -> Value {
    page.send(message);
    page.wait_for_type("error")["code"].clone()
}

#[test]
fn positions_and_messages_are_off_by_default() {
    let server = TestServer::quiet(&[]);
    let [mut one] = pages(&server);
    for message in [r#"{"type":"presence","position":0}"#, r#"{"type":"message","data":1}"#] {
        assert_eq!(error(&mut one, message), "not-enabled", "{message}");
    }
}

#[test]
fn a_site_may_have_settings_of_its_own() {
    let file = "[sites.\"example.com\"]\npresence = true\n[sites.\"example.org\"]\nmessages = false\n";
    let path = std::env::temp_dir().join(format!("onlookers-{}-presence.toml", std::process::id()));
    std::fs::write(&path, file).unwrap();
    let sites = File::read(&path).unwrap().into_sites();
    std::fs::remove_file(&path).unwrap();
    let server = TestServer::with(Config { sites, ..config(&["--messages", "--repaint", "1h"]) });
    let [mut one, mut two] = pages(&server);
    one.send(r#"{"type":"presence","position":0.5}"#);
    two.wait_for_type("presence");
    one.send(r#"{"type":"message","data":1}"#);
    two.wait_for_type("message");
    let mut client = Client::connect(server.address);
    let origin = [&OPENING[..], &["Origin: https://example.org"]].concat();
    client.send(request("GET /ws/example.org HTTP/1.1", &origin));
    let mut org = Page::opened(client);
    assert_eq!(error(&mut org, r#"{"type":"presence","position":0}"#), "not-enabled");
    assert_eq!(error(&mut org, r#"{"type":"message","data":1}"#), "not-enabled");
}

#[test]
fn positions_names_and_messages_are_bounded() {
    let server = TestServer::quiet(&["--messages", "--presence"]);
    let [mut one, mut two] = pages(&server);
    for message in [
        json!({"type": "presence", "position": 1.01}),
        json!({"type": "presence", "position": 0.5, "name": "x".repeat(33)}),
        json!({"type": "presence", "position": 0.5, "name": "a\u{202e}b"}),
        json!({"type": "presence", "name": "Ann"}),
    ] {
        assert_eq!(error(&mut one, &message.to_string()), "bad-message", "{message}");
    }
    assert_eq!(
        error(&mut one, &format!(r#"{{"type":"message","data":{}1{}}}"#, "[".repeat(200), "]".repeat(200))),
        "bad-message"
    );
    let mut peek = Page::open(server.address, &format!("{PATH}?peek=1"));
    assert_eq!(error(&mut peek, r#"{"type":"presence","position":0}"#), "only-looking");
    two.send(r#"{"type":"ping"}"#);
    let heard = two.wait_until(|message| message["type"] == "pong", "a pong");
    assert!(
        heard.iter().all(|message| message["type"] != "presence" && message["type"] != "message"),
        "{heard:?}"
    );
}
