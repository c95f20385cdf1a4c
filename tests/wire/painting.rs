//! Painting: what one client, or one room, may have painted, and who waits for it.

use crate::common::client::{Client, Response};
use crate::common::parts::png_of;
use crate::common::request;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use onlookers_picture::{Label, StyleBuilder, Themes, Value};

/// Takes tens of milliseconds in a build for tests.
fn heavy(number: usize) -> String {
    format!("/badge/example.com.png?style=plastic&scale=3&label=MMMMMMMMMMMMMMMM{number}")
}

/// A proxy's word is taken: the tests are many clients, or one that is certainly one.
const PROXY: [&str; 2] = ["--trust-proxy", "127.0.0.0/8"];
const CLIENT: &str = "X-Forwarded-For: 192.0.2.1";

fn view(label: &str) -> String {
    let line = format!("GET /online.png?u=1&label={label} HTTP/1.1");
    request(&line, &["Referer: https://example.com/", CLIENT])
}

#[test]
fn a_client_that_wants_too_much_painted_gets_503() {
    let server = TestServer::quiet(&PROXY);
    let mut clients: Vec<_> = (0..48).map(|_| Client::connect(server.address)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(request(&format!("GET {} HTTP/1.1", heavy(number)), &[CLIENT]));
    }
    let count = Client::ask(server.address, request("GET /count/example.com.txt HTTP/1.1", &[]));
    assert_eq!((count.status, count.text()), (200, "0"));
    let answers: Vec<_> = clients.iter_mut().map(Client::response).collect();
    let (painted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(!painted.is_empty() && !refused.is_empty(), "{} painted", painted.len());
    assert!(painted.iter().all(|answer| answer.body.starts_with(b"\x89PNG")));
    let is_busy = |answer: &&Response| answer.status == 503 && answer.header("retry-after") == Some("1");
    assert!(refused.iter().all(is_busy), "{:?}", refused[0].status);
}

#[test]
fn answers_that_are_painted_keep_their_order() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    let sample = |number| request(&format!("GET /badge/example.com.svg?label=n{number} HTTP/1.1"), &[]);
    client.send((0..20).map(sample).collect::<String>() + &view("mine"));
    for number in 0..20 {
        let answer = client.response();
        assert!(answer.status == 200 && answer.text().contains(&format!("n{number}:")), "{number}");
    }
    let mut viewer = Viewer::opened(client);
    viewer.wait_for_picture(&png_with("mine", 1));
}

#[test]
fn one_style_too_many_is_the_usual_one() {
    let server = TestServer::quiet(&PROXY);
    let open = |label: &str| {
        let mut client = Client::connect(server.address);
        client.send(view(label));
        Viewer::opened(client)
    };
    let mut own: Vec<_> = (0..4).map(|number| open(&format!("label{number}"))).collect();
    let mut shares = open("label0");
    shares.wait_for_picture(&png_with("label0", 5));
    let mut more = open("one+more");
    more.wait_for_picture(&png_of(6));
    own[3].wait_for_picture(&png_with("label3", 6));
    // With one of them there is room for another.
    drop(own.pop());
    more.wait_for_picture(&png_of(5));
    let mut another = open("another");
    another.wait_for_picture(&png_with("another", 6));
}

fn png_with(label: &str, count: u64) -> Vec<u8> {
    let style = StyleBuilder::new(Label::new(label).unwrap()).build(&Themes::default()).unwrap();
    onlookers_picture::render(&style, Value::Count(count)).encode().to_vec()
}
