//! All nodes show the same.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::client::{Client, get};
use crate::common::page::Page;
use crate::common::parts::{count_on, png_of};
use crate::common::program::Program;
use crate::common::redis::RedisServer;
use crate::common::request;
use crate::common::viewer::Viewer;
use crate::{LEASE, SOON, all_see, join, nodes};

/// A viewer of one page of example.com.
fn join_page(node: &Program, path: &str) -> Viewer {
    let mut client = Client::connect(node.address);
    let line = format!("GET /online.png?u=1&page={path} HTTP/1.1");
    client.send(request(&line, &["Referer: https://example.com/"]));
    Viewer::opened(client)
}

#[test]
fn three_nodes_show_one_number() {
    let redis = RedisServer::start();
    let nodes: [_; 3] = nodes(&redis);
    let mut viewers: Vec<_> = nodes.iter().map(join).collect();
    all_see(&mut viewers, 3, SOON * 10);
    let mut more = Vec::new();
    for count in 4..=9 {
        more.push(join(&nodes[count as usize % 3]));
        let took = all_see(&mut viewers, count, SOON * 10);
        println!("{count} after {took:?}");
    }
    for count in (3..=8).rev() {
        more.pop();
        all_see(&mut viewers, count, SOON * 10);
    }
}

#[test]
fn a_visitor_of_two_nodes_is_one() {
    let redis = RedisServer::start();
    let [one, other] = nodes(&redis);
    let view = "GET /online.png?u=1&count=visitors HTTP/1.1";
    let join = |node: &Program, agent: &str| {
        let mut client = Client::connect(node.address);
        let agent = format!("User-Agent: {agent}");
        client.send(request(view, &["Referer: https://example.com/", &agent]));
        Viewer::opened(client)
    };
    let mut ann = join(&one, "Ann");
    let mut again = join(&other, "Ann");
    let mut bob = join(&other, "Bob");
    all_see(std::slice::from_mut(&mut ann), 2, SOON * 10);
    all_see(std::slice::from_mut(&mut bob), 2, SOON * 10);
    let count = || get(one.address, "/count/example.com.json", &[]).body;
    let count: Value = serde_json::from_slice(&count()).unwrap();
    assert_eq!((&count["pages"], &count["visitors"]), (&3.into(), &2.into()));
    drop(ann);
    all_see(std::slice::from_mut(&mut again), 2, SOON * 10);
    let _anew = join(&one, "Cid");
    all_see(std::slice::from_mut(&mut again), 3, SOON * 10);
}

#[test]
fn each_page_and_each_site_is_counted_by_itself() {
    let redis = RedisServer::start();
    let [one, other] = nodes(&redis);
    let mut first = join_page(&one, "/a");
    let mut second = join_page(&other, "/a");
    let mut third = join_page(&other, "/b");
    for viewer in [&mut first, &mut second] {
        viewer.wait_longer_for(2, SOON * 10);
    }
    third.wait_longer_for(1, SOON * 10);
    let mut whole = Viewer::join(one.address);
    whole.wait_longer_for(4, SOON * 10);
    let mut elsewhere = Viewer::join_site(other.address, "example.org");
    elsewhere.wait_longer_for(1, SOON * 10);
}

#[test]
fn a_node_without_viewers_tells_the_others_counts() {
    let redis = RedisServer::start();
    let [one, other] = nodes(&redis);
    let mut viewers = [join(&one), join(&one)];
    all_see(&mut viewers, 2, SOON * 10);
    for (path, told) in [
        ("/count/example.com.txt", "2"),
        ("/count/example.com.json", r#"{"room":"example.com","pages":2,"visitors":1,"#),
        ("/badge/example.com.json", r#""message":"2""#),
        ("/count/example.org.txt", "0"),
    ] {
        let body = String::from_utf8(get(other.address, path, &[]).body).unwrap();
        assert!(body.contains(told), "{path}: {body}");
    }
    drop(viewers);
    let started = std::time::Instant::now();
    while get(other.address, "/count/example.com.txt", &[]).body != b"0" {
        assert!(started.elapsed() < SOON * 10, "they aren't counted as gone");
    }
}

#[test]
fn a_newcomers_first_number_is_that_of_all_nodes() {
    let redis = RedisServer::start();
    let [one, other] = nodes(&redis);
    let mut viewers: Vec<_> = (0..3).map(|_| join(&one)).collect();
    all_see(&mut viewers, 3, SOON * 10);
    let mut newcomer = join(&other);
    assert_eq!(newcomer.count(), 4);
}

#[test]
fn a_ranking_has_the_pages_of_all_nodes() {
    let redis = RedisServer::start();
    let [one, other] = nodes(&redis);
    let mut viewers = [("/a", &one), ("/b", &one), ("/b", &other), ("/c", &other)]
        .map(|(path, node)| join_page(node, path));
    for (viewer, count) in viewers.iter_mut().zip([1, 2, 2, 1]) {
        viewer.wait_longer_for(count, SOON * 10);
    }
    let wanted = r#"{"site":"example.com","pages":[{"page":"/b","count":2,"visitors":1},{"page":"/a","count":1,"visitors":1},{"page":"/c","count":1,"visitors":1}]}"#;
    for node in [&one, &other] {
        let body = get(node.address, "/top.json?site=example.com", &["Referer: https://example.com/"]).body;
        assert_eq!(String::from_utf8(body).unwrap().trim_end(), wanted);
    }
    let mut page = Page::open(one.address, "?top=3&peek=1");
    let first_is = |page: &str, count: u64| {
        let first = serde_json::json!({ "page": page, "count": count });
        move |message: &Value| message["type"] == "top" && message["pages"][0] == first
    };
    page.wait_until(first_is("/b", 2), "/b first");
    let _more = [(); 2].map(|()| join_page(&other, "/c"));
    page.wait_until(first_is("/c", 3), "/c first");
}

#[test]
fn scripts_and_stills_see_all_nodes_at_once() {
    let redis = RedisServer::start();
    let [one, other] = nodes(&redis);
    let mut viewers = [join(&one), join(&one)];
    all_see(&mut viewers, 2, SOON * 10);
    let mut page = Page::open(other.address, "?peek=1");
    assert_eq!(page.receive()["count"], 2);
    let still = get(other.address, "/online.png?live=0&site=example.com", &[]);
    assert_eq!(still.body, png_of(2));
    let mut events = Client::connect(other.address);
    events.send(request("GET /events/example.com?peek=1 HTTP/1.1", &["Origin: https://example.com"]));
    events.response_to_head();
    events.take_through(br#"data: {"type":"update/count","room":"example.com","count":2,"#);
}

#[test]
fn a_peak_is_that_of_all_nodes() {
    let redis = RedisServer::start();
    let [one, other] = nodes(&redis);
    let mut viewers = [join(&one), join(&other)];
    all_see(&mut viewers, 2, SOON * 10);
    let [first, mut second] = viewers;
    drop(first);
    second.wait_longer_for(1, SOON * 10);
    let later = crate::node(&redis);
    for node in [&other, &later] {
        let body = get(node.address, "/count/example.com.json", &[]).body;
        let count: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&count["pages"], &count["peak"]["pages"]), (&1.into(), &2.into()));
    }
}

/// A still without a site. Nodes write their totals every two seconds, and read those of the others as often.
#[test]
fn the_total_of_all_sites_is_that_of_all_nodes() {
    let redis = RedisServer::start();
    let [one, other, killed] = nodes(&redis);
    let total = |node: &Program| {
        let target = "GET /online.png HTTP/1.1";
        count_on(&Client::ask(node.address, request(target, &["User-Agent: github-camo (876de43e)"])).body)
    };
    let comes_to = |count: u64, within: Duration| {
        let begun = Instant::now();
        while total(&one) != count || total(&other) != count {
            assert!(begun.elapsed() < within, "{} and {}, not {count}", total(&one), total(&other));
        }
        begun.elapsed()
    };
    let _one = [join(&one), Viewer::join_site(one.address, "a.example")];
    let _other = Viewer::join_site(other.address, "a.example");
    let gone = Viewer::join_site(killed.address, "b.example");
    println!("4 after {:?}", comes_to(4, SOON * 30));
    drop(killed);
    println!("3 after {:?}, once a node was killed", comes_to(3, LEASE * 2));
    drop(gone);
}
