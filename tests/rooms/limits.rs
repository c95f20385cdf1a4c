//! Out of open files: new viewers are told so, and the others stay.

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::process::Command;

use crate::common::client::{Client, End, Response};
use crate::common::net::Net;
use crate::common::page::{Page, ask};
use crate::common::program::{Program, bare, onlookers};
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request, view_of};

/// The program with a limit of open files, and no lower limit of its own.
fn with_files(files: u32) -> Program {
    let mut command = bare(Command::new("bash"));
    command.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]).arg(onlookers().get_program());
    command.args(["--listen", "127.0.0.1:0", "--repaint", "1h", "--max-viewers", "1000"]);
    Program::spawn(command)
}

enum Answer {
    Joined(Viewer),
    Refused(Response),
}

fn try_to_join(program: &Program) -> Answer {
    let mut client = Client::connect(program.address);
    client.send_anyhow(view_of("example.com"));
    let response = client.response_to_head();
    if response.status == 200 {
        client.take_through(b"\r\n\r\n");
        return Answer::Joined(Viewer { client });
    }
    assert_eq!(client.read_to_end().1, End::Fin, "a reset discards the answer on some systems");
    Answer::Refused(response)
}

fn assert_refused(program: &Program) {
    let Answer::Refused(response) = try_to_join(program) else { panic!("there was room") };
    assert_eq!((response.status, response.header("retry-after")), (503, Some("30")));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

fn show_all(inside: &mut [Viewer], count: u64) {
    for viewer in inside {
        viewer.wait_for(count);
    }
}

#[test]
fn out_of_files_new_viewers_get_503_and_the_others_stay() {
    let program = with_files(64);
    let mut inside = Vec::new();
    while let Answer::Joined(viewer) = try_to_join(&program) {
        inside.push(viewer);
        assert!(inside.len() < 64);
    }
    assert!(inside.len() > 16, "only {} files are for viewers", inside.len());
    for _ in 0..20 {
        assert_refused(&program);
    }
    let all = inside.len() as u64;
    show_all(&mut inside, all);
    // When one leaves, another fits in.
    inside.pop();
    show_all(&mut inside, all - 1);
    let Answer::Joined(viewer) = try_to_join(&program) else { panic!("there is room again") };
    inside.push(viewer);
    assert_refused(&program);
    show_all(&mut inside, all);
}

/// Each of them takes a file, and there are fewer.
#[test]
fn connections_that_wait_make_way_for_viewers() {
    let stalled = request("GET / HTTP/1.1", &[]).repeat(2_000);
    for (sent, limit) in [("", 64), ("G", 64), ("GET / HTTP/1.1\r\nHost: a\r\n", 600), (&stalled, 64)] {
        let program = with_files(limit);
        let mut inside = Viewer::join(program.address);
        assert_eq!(inside.count(), 1);
        let waiting: Vec<Client> = (0..limit + 20)
            .map(|_| {
                let client = Client::connect_narrow(program.address);
                client.socket.set_nonblocking(true).unwrap();
                // What doesn't fit into the sockets is not sent.
                let _ = (&client.socket).write(sent.as_bytes());
                client
            })
            .collect();
        let mut joined: Vec<Viewer> = (0..5).map(|_| Viewer::join(program.address)).collect();
        inside.wait_for(6);
        show_all(&mut joined, 6);
        drop(waiting);
    }
}

#[test]
fn a_connection_in_use_outlives_idle_ones() {
    let program = with_files(64);
    let mut used = Client::connect(program.address);
    let idle: Vec<Client> = (0..10).map(|_| Client::connect(program.address)).collect();
    let request = request("GET /nowhere HTTP/1.1", &[]);
    let mut others = Vec::new();
    // Ten are closed when 60 more have come: those that have never asked for anything.
    for _ in 0..60 {
        used.send(&request);
        assert_eq!(used.response().status, 404);
        others.push(Client::connect(program.address));
    }
    used.send(&request);
    assert_eq!(used.response().status, 404);
    let closed = idle.into_iter().filter_map(|mut client| (client.read_to_end().1 == End::Fin).then_some(()));
    assert_eq!(closed.count(), 10);
}

#[test]
fn a_request_that_follows_an_unfinished_one_is_no_shield() {
    let program = with_files(64);
    let begun = request("GET /nowhere HTTP/1.1", &[]) + "GET / HTTP/1.1\r\nX: " + &"x".repeat(6_000);
    let begun: Vec<Client> = (0..10)
        .map(|_| {
            let mut client = Client::connect(program.address);
            client.send(&begun);
            assert_eq!(client.response().status, 404);
            client
        })
        .collect();
    let heads = (0..60).map(|_| {
        let mut client = Client::connect(program.address);
        client.send("GET");
        client
    });
    let heads: Vec<Client> = heads.collect();
    let closed = begun.into_iter().map(|mut client| client.read_to_end()).count();
    assert_eq!(closed, 10);
    drop(heads);
}

#[test]
fn connections_of_a_client_count_from_accept() {
    let net = Net::new();
    let server = TestServer::start(&["--listen", &format!("{}:0", net.here), "--max-per-address", "5"]);
    let mut clients: Vec<Client> = (0..19).map(|_| Client::connect(server.address)).collect();
    let request = request("GET /nowhere HTTP/1.1", &["Connection: close"]);
    clients.iter_mut().for_each(|client| client.send_anyhow(&request[..1]));
    let is_closed = |client: &&Client| {
        client.socket.set_nonblocking(true).unwrap();
        let peeked = client.socket.peek(&mut [0]);
        client.socket.set_nonblocking(false).unwrap();
        peeked.map_or_else(|error| error.kind() != ErrorKind::WouldBlock, |bytes| bytes == 0)
    };
    // All have come when as many are closed as are too many.
    while clients.iter().filter(is_closed).count() < 19 - (5 + 8) {}
    clients.push(Client::connect(server.address));
    clients[19].send_anyhow(&request[..1]);
    let answers = |client: &mut Client| {
        client.send_anyhow(&request[1..]);
        !client.read_to_end().0.is_empty()
    };
    // The last that comes is let in.
    assert!(answers(&mut clients.pop().unwrap()));
    let answered = clients.iter_mut().filter_map(|client| answers(client).then_some(())).count();
    // As many as there may be viewers, and eight for everything else; some may have had their answer and gone before the
    // last ones are counted.
    assert!((5 + 8 - 1..19).contains(&answered), "{answered}");
}

#[test]
fn no_file_stays_open_for_a_viewer_that_left() {
    let program = Program::start(&["--repaint", "1h"]);
    drop(try_to_join(&program));
    Viewer::join(program.address).wait_for(1);
    let files = || std::fs::read_dir(format!("/proc/{}/fd", program.id())).unwrap().count();
    let viewers: Vec<Viewer> = (0..100).map(|_| Viewer::join(program.address)).collect();
    assert!(files() > 100);
    drop(viewers);
    let started = std::time::Instant::now();
    while files() > 40 {
        assert!(started.elapsed() < DEADLINE, "{} files are still open", files());
        std::thread::yield_now();
    }
}

/// The WebSocket of a client with that address, which has joined so many pages of its own; and what came of the last.
fn joined(address: SocketAddr, client: &str, pages: u32) -> (Page, serde_json::Value) {
    let header = format!("X-Forwarded-For: {client}");
    let mut page = Page::open_with(address, "", &[&header]);
    let name = client.replace('.', "-");
    (0..pages).for_each(|number| page.send(&format!(r#"{{"type":"join","room":"/{name}/{number}"}}"#)));
    page.send(r#"{"type":"ping"}"#);
    let mut last = serde_json::Value::Null;
    loop {
        match page.receive() {
            message if message["type"] == "pong" => return (page, last),
            message if message["type"] == "error" => last = message,
            _ => {}
        }
    }
}

#[test]
fn ten_clients_cannot_take_all_pages_of_a_site() {
    let server = TestServer::quiet(&["--trust-proxy", "127.0.0.0/8", "--max-pages-per-site", "200"]);
    let taken: Vec<_> = (0..10).map(|n| joined(server.address, &format!("192.0.2.{n}"), 15)).collect();
    assert!(taken.iter().all(|(_, error)| error["code"] == "full"), "{}", taken[0].1);
    // A reader of a page that nobody has open is counted, and so is one of a page that another client has opened.
    let mut reader = Page::open_with(server.address, "/new", &["X-Forwarded-For: 198.51.100.1"]);
    assert_eq!(reader.receive()["count"], 1);
    let mut second = Page::open_with(server.address, "/192-0-2-1/0", &["X-Forwarded-For: 198.51.100.1"]);
    assert_eq!(second.receive()["count"], 2);
    // With its pages a client gets its share back.
    drop(taken);
    while second.receive()["count"] != 1 {}
    let mut again = Page::open_with(server.address, "/again", &["X-Forwarded-For: 192.0.2.1"]);
    assert_eq!(again.receive()["count"], 1);
}

#[test]
fn rooms_of_a_websocket_count_towards_the_limit_of_a_client() {
    let server = TestServer::quiet(&["--max-per-address", "2"]);
    let (_page, error) = joined(server.address, "192.0.2.1", 3);
    assert_eq!(error["code"], "full");
    let answer = ask(server.address, "/ws/example.com/other", "example.com");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("30")));
}
