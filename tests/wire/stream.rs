//! The picture stream, byte for byte, as Chromium, Firefox and WebKit need it to paint each count at once.

use std::time::Instant;

use crate::common::client::{Client, End};
use crate::common::parts::{BETWEEN, png_of, read_png};
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request, view_of};

/// The head of the answer, to the byte: proxies and browsers depend on it.
const HEAD: &str = "HTTP/1.1 200 OK\r\n\
    Content-Type: multipart/x-mixed-replace; boundary=frame\r\n\
    Cache-Control: no-store, no-transform\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Accel-Buffering: no\r\n\
    Cross-Origin-Resource-Policy: cross-origin\r\n\
    Access-Control-Allow-Origin: *\r\n\
    Connection: close\r\n\
    \r\n";

#[test]
fn the_opening_is_head_pad_and_first_picture_in_one_write() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    client.send(view_of("example.com"));
    let first_read = client.read_once();
    let body = first_read.strip_prefix(HEAD.as_bytes()).expect("the head, to the byte");
    let pad =
        body.strip_prefix(b"--frame\r\nContent-Type: image/png\r\nX-Pad: ").expect("the first part's head");
    let pad_end = pad.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    // WebKit checks each part by its own head, if a page's script is to read the picture.
    let value = pad[..pad_end].strip_suffix(b"\r\nAccess-Control-Allow-Origin: *").expect("who may read it");
    assert!(value.iter().all(u8::is_ascii_graphic), "the pad is one field's value");
    let picture_and_next_head = &pad[pad_end + 4..];
    // WebKit holds back anything shorter to sniff its type.
    assert!(body.len() - picture_and_next_head.len() >= 512);
    assert_eq!(picture_and_next_head, [&png_of(1)[..], BETWEEN].concat());
}

#[test]
fn each_later_picture_and_the_next_head_are_one_write() {
    let server = TestServer::quiet(&[]);
    let mut watcher = Viewer::join(server.address);
    assert_eq!(watcher.count(), 1);
    let _other = Viewer::join(server.address);
    assert_eq!(watcher.client.read_once(), [&png_of(2)[..], BETWEEN].concat());
}

#[test]
fn the_count_goes_up_and_down_and_every_picture_shows_it() {
    let server = TestServer::quiet(&[]);
    let mut watcher = Viewer::join(server.address);
    assert_eq!(watcher.count(), 1);
    let mut others = Vec::new();
    for count in 2..=6 {
        others.push(Viewer::join(server.address));
        assert_eq!(watcher.count(), count, "nothing comes between");
    }
    while others.pop().is_some() {
        assert_eq!(watcher.count(), 1 + others.len() as u64);
    }
}

#[test]
fn every_viewer_of_a_site_sees_its_count_and_no_other_sites() {
    let server = TestServer::quiet(&[]);
    let mut here =
        [Viewer::join_site(server.address, "a.example"), Viewer::join_site(server.address, "A.example.")];
    let mut there = Viewer::join_site(server.address, "b.example");
    for viewer in &mut here {
        viewer.wait_for(2);
    }
    assert_eq!(there.count(), 1);
    let [mut stays, goes] = here;
    drop(goes);
    assert_eq!(stays.count(), 1);
    let _second = Viewer::join_site(server.address, "b.example");
    assert_eq!(there.count(), 2, "what happened at the other site was not shown here");
}

#[test]
fn numbers_may_be_skipped_but_never_the_newest() {
    let server = TestServer::quiet(&[]);
    let mut watcher = Viewer::join(server.address);
    assert_eq!(watcher.count(), 1);
    for round in 0..6 {
        let mut crowd: Vec<Client> = (0..40).map(|_| Client::connect(server.address)).collect();
        crowd.iter_mut().for_each(|client| client.send(view_of("example.com")));
        // The next burst comes sooner or later, during the pause after the previous one or after that pause.
        let pictures = watcher.wait_for(41);
        assert!(pictures <= 10, "{pictures} pictures of 40 joins");
        crowd.truncate(round * 7);
        watcher.wait_for(1 + crowd.len() as u64);
        drop(crowd);
        if round > 0 {
            watcher.wait_for(1);
        }
    }
    // Nothing is queued after the newest picture: the next one shows the next change.
    let _other = Viewer::join(server.address);
    assert_eq!(watcher.count(), 2);
}

#[test]
fn a_change_after_a_pause_shows_at_once_and_alike_to_all() {
    let server = TestServer::quiet(&[]);
    let mut viewers: Vec<Viewer> = (0..8).map(|_| Viewer::join(server.address)).collect();
    for viewer in &mut viewers {
        viewer.wait_for(8);
    }
    let ninth = Viewer::join(server.address);
    let shown: Vec<Vec<u8>> = viewers.iter_mut().map(Viewer::picture).collect();
    assert!(shown.iter().all(|png| *png == png_of(9)));
    drop(ninth);
}

#[test]
fn the_picture_is_repainted_although_nothing_changes() {
    let server = TestServer::start(&["--repaint", "200ms"]);
    let started = Instant::now();
    let mut viewers = [Viewer::join(server.address), Viewer::join(server.address)];
    for viewer in &mut viewers {
        viewer.wait_for(2);
        assert!((0..5).all(|_| viewer.count() == 2));
    }
    // The first may come at once. The tests with browsers bound how late repaints may be.
    assert!(started.elapsed().as_millis() >= 800, "five repaints in {:?}", started.elapsed());
}

#[test]
fn a_picture_has_the_label_that_the_owner_set() {
    let server = TestServer::quiet(&["--label", "Leser"]);
    let mut viewer = Viewer::join(server.address);
    let style = onlookers_picture::Style::plain(onlookers_picture::Label::new("Leser").unwrap());
    let wanted = onlookers_picture::render(&style, onlookers_picture::Value::Count(1)).encode();
    assert_eq!(viewer.picture(), wanted);
}

#[test]
fn an_orderly_end_leaves_a_pale_picture_in_a_closed_part() {
    let mut server = TestServer::quiet(&[]);
    let viewers: Vec<Viewer> = (0..20).map(|_| Viewer::join(server.address)).collect();
    server.begin_to_stop();
    for viewer in viewers {
        viewer.read_orderly_end();
    }
    server.stop();
}

#[test]
fn an_orderly_end_reaches_new_viewers_and_every_room() {
    let mut server = TestServer::quiet(&[]);
    let sites = ["a.example", "b.example", "c.example"];
    let viewers: Vec<Viewer> = sites.iter().map(|site| Viewer::join_site(server.address, site)).collect();
    let mut late = Client::connect(server.address);
    late.send(view_of("d.example"));
    let late = Viewer::opened(late);
    server.begin_to_stop();
    for viewer in viewers.into_iter().chain([late]) {
        viewer.read_orderly_end();
    }
}

#[test]
fn a_client_that_never_closes_does_not_delay_the_end() {
    let server = TestServer::quiet(&[]);
    let mut viewer = Viewer::join(server.address);
    let started = Instant::now();
    server.stop();
    assert!(started.elapsed() < DEADLINE);
    assert_eq!(read_png(&mut viewer.client), png_of(1));
    // Nothing was lost when the server ended its side.
    assert_eq!(viewer.client.take(BETWEEN.len()), BETWEEN);
    viewer.read_orderly_end();
}

#[test]
fn a_redirect_gives_each_tab_a_url_of_its_own() {
    let server = TestServer::quiet(&[]);
    let locations: Vec<String> = ["/online.png", "/online.png", "/online.png?", "/online.png?x=1&y=%20"]
        .iter()
        .map(|url| {
            let line = format!("GET {url} HTTP/1.1");
            let response = Client::ask(server.address, request(&line, &["Referer: https://example.com/"]));
            assert_eq!(response.status, 302);
            assert_eq!(response.header("cache-control"), Some("no-store"));
            response.header("location").unwrap().to_owned()
        })
        .collect();
    assert!(locations[0].starts_with("?u=") && locations[2].starts_with("?u="));
    assert!(locations[3].starts_with("?x=1&y=%20&u="), "the query is kept");
    assert_ne!(locations[0], locations[1], "each tab has a URL of its own");
    let line = format!("GET /online.png{} HTTP/1.1", locations[3]);
    let mut client = Client::connect(server.address);
    client.send(request(&line, &["Referer: https://example.com/"]));
    assert_eq!(Viewer::opened(client).count(), 1, "redirects were not counted");
}

#[test]
fn head_gets_the_same_head_and_no_body_and_is_not_counted() {
    let server = TestServer::quiet(&[]);
    let mut watcher = Viewer::join(server.address);
    assert_eq!(watcher.count(), 1);
    let mut client = Client::connect(server.address);
    client.send(view_of("example.com").replace("GET", "HEAD"));
    assert_eq!(client.read_to_end(), (HEAD.into(), End::Fin));
    let _other = Viewer::join(server.address);
    assert_eq!(watcher.count(), 2);
}

#[test]
fn a_client_of_http_1_0_gets_the_stream_too() {
    let mut server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    client.send("GET /online.png?u=1 HTTP/1.0\r\nReferer: https://example.com/\r\n\r\n");
    let mut viewer = Viewer::opened(client);
    assert_eq!(viewer.count(), 1);
    let other = Viewer::join(server.address);
    assert_eq!(viewer.count(), 2);
    drop(other);
    assert_eq!(viewer.count(), 1);
    server.begin_to_stop();
    viewer.read_orderly_end();
}
