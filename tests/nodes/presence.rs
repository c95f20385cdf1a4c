//! Who is where in a page, and what they say to each other, across nodes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use onlookers_picture::Strip;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::client::Client;
use crate::common::page::Page;
use crate::common::program::Program;
use crate::common::redis::RedisServer;
use crate::common::request;
use crate::common::viewer::Viewer;
use crate::{LEASE, SOON};

const ROOM: &str = "example.com/posts/1";
const PATH: &str = "/posts/1";
const HALFWAY: &str = r#"{"type":"presence","position":0.5,"name":"Ann"}"#;

fn nodes<const N: usize>(redis: &RedisServer) -> [Program; N] {
    [(); N].map(|()| Program::start(&["--redis", &redis.url(), "--presence", "--messages"]))
}

/// A page at each node, all of which have been told of all.
fn pages<const N: usize>(nodes: &[Program; N]) -> [Page; N] {
    let mut pages = std::array::from_fn(|node| Page::open(nodes[node].address, PATH));
    for page in &mut pages {
        page.wait_until(|message| message["count"] == N as u64, "all pages");
    }
    pages
}

fn wait_for_leave(page: &mut Page, id: &Value) {
    page.wait_until(|message| message["type"] == "leave" && message["id"] == *id, "a leave");
}

#[test]
fn viewers_of_other_nodes_are_announced() {
    let redis = RedisServer::start();
    let nodes = nodes::<3>(&redis);
    let [mut one, mut two, mut three] = pages(&nodes);
    let begun = Instant::now();
    one.send(HALFWAY);
    let told = two.wait_for_type("presence");
    assert!(begun.elapsed() < SOON + SOON, "{:?}", begun.elapsed());
    assert_eq!((&told["position"], &told["name"]), (&json!(0.5), &json!("Ann")));
    assert_eq!(three.wait_for_type("presence"), told);
    // A new page is told the position after the count.
    let mut newcomer = Page::open(nodes[2].address, PATH);
    newcomer.wait_until(|message| message["count"] == 4, "itself");
    assert_eq!(newcomer.receive(), told);
    newcomer.send(r#"{"type":"presence","position":0.75}"#);
    let at_75 = |message: &Value| message["position"] == 0.75;
    let [mut before, more] = [&mut one, &mut two].map(|page| page.wait_until(at_75, "the newcomer"));
    before.extend(more);
    let joins =
        before.iter().filter(|message| message["type"] == "join").map(|message| message["id"].clone());
    let joins: HashSet<_> = joins.collect();
    drop(newcomer);
    let id = one.wait_for_type("leave")["id"].clone();
    assert!(joins.contains(&id), "its join was announced");
    drop(one);
    for page in [&mut two, &mut three] {
        wait_for_leave(page, &id);
        wait_for_leave(page, &told["id"]);
    }
}

#[test]
fn viewers_of_a_killed_node_leave_within_ten_seconds() {
    let redis = RedisServer::start();
    let nodes = nodes::<2>(&redis);
    let [mut one, mut other] = pages(&nodes);
    one.send(HALFWAY);
    let id = other.wait_for_type("presence")["id"].clone();
    let begun = Instant::now();
    nodes[0].signal(Signal::KILL);
    wait_for_leave(&mut other, &id);
    assert!(begun.elapsed() < LEASE + SOON, "{:?}", begun.elapsed());
    let mut newcomer = Page::open(nodes[1].address, PATH);
    newcomer.wait_for(ROOM, 2, 1);
    newcomer.send(r#"{"type":"ping"}"#);
    assert_eq!(newcomer.receive()["type"], "pong", "no position of the one who has gone");
}

#[test]
fn messages_reach_the_pages_of_all_nodes_but_the_sender_once() {
    let redis = RedisServer::start();
    let nodes = nodes::<2>(&redis);
    let [mut one, mut other] = pages(&nodes);
    let mut beside = Page::open(nodes[0].address, PATH);
    one.wait_until(|message| message["count"] == 3, "all");
    for number in 0..5 {
        let data = json!({"text": "Hej, 🙂", "number": number});
        one.send(&json!({"type": "message", "data": data}).to_string());
        let said = other.wait_for_type("message");
        assert_eq!((&said["data"], &said["room"]), (&data, &json!(ROOM)));
        assert_eq!(beside.wait_for_type("message"), said);
    }
    other.send(r#"{"type":"message","data":"back"}"#);
    assert_eq!(one.wait_for_type("message")["data"], "back", "not its own");
    assert_eq!(beside.wait_for_type("message")["data"], "back");
    other.send(r#"{"type":"ping"}"#);
    let more = other.wait_until(|message| message["type"] == "pong", "the end");
    assert!(more.iter().all(|message| message["type"] != "message"), "{more:?}");
}

#[test]
fn a_loud_page_costs_others_no_more_at_another_node() {
    let redis = RedisServer::start();
    let nodes = nodes::<2>(&redis);
    let [mut one, mut other] = pages(&nodes);
    let begun = Instant::now();
    // Twenty messages a second are allowed.
    for number in 1..=40 {
        one.send(&json!({"type": "presence", "position": f64::from(number) / 100.0}).to_string());
        std::thread::sleep(Duration::from_millis(51));
    }
    one.send(r#"{"type":"presence","position":0.99}"#);
    let told = other.wait_until(|message| message["position"] == json!(0.99), "the newest");
    let positions: Vec<f64> = told.iter().filter_map(|message| message["position"].as_f64()).collect();
    let most = 2 + (begun.elapsed().as_millis() / 200) as usize;
    assert!(positions.len() < most && positions.len() > 3 && positions.is_sorted(), "{positions:?}, {most}");
}

#[test]
fn a_mark_counts_wherever_it_arrives() {
    let redis = RedisServer::start();
    let [one, other] = nodes::<2>(&redis);
    let ask = |node: &Program, path: &str| {
        let headers = ["Referer: https://example.com/posts/1", "User-Agent: Ann"];
        let mut client = Client::connect(node.address);
        client.send(request(&format!("GET {path}page=/posts/1 HTTP/1.1"), &headers));
        client
    };
    let strip = Strip::default();
    let strip_of = |positions: &[f32]| strip.paint(&strip.heat(positions.iter().copied())).to_vec();
    let reader = Viewer::opened(ask(&one, "/online.png?u=1&"));
    let mut strips = [&one, &other].map(|node| Viewer::opened(ask(node, "/reading.png?u=1&")));
    for (node, at) in [(&other, 50), (&one, 70), (&other, 90)] {
        assert_eq!(ask(node, &format!("/mark.png?at={at}&")).response().status, 200);
        let furthest = strip_of(&[at as f32 / 100.0]);
        for strip in &mut strips {
            strip.wait_for_picture(&furthest);
        }
    }
    drop(reader);
    for strip in &mut strips {
        strip.wait_for_picture(&strip_of(&[]));
    }
}
