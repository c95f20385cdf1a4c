//! How often a picture that doesn't change is sent again: to engines that close with the page, without a proxy, rarely.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use onlookers_picture::{Label, StyleBuilder, Themes, Value, render};

use crate::common::client::Client;
use crate::common::net::Net;
use crate::common::parts::{BETWEEN, png_of};
use crate::common::request;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;

const CHROMIUM: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
const FIREFOX: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";

/// How long ten frames that show no change take.
fn ten_frames(address: SocketAddr, headers: &[&str]) -> Duration {
    let mut client = Client::connect(address);
    let headers = [&["Referer: https://example.com/"], headers].concat();
    client.send(request("GET /online.png?u=1&peek=1 HTTP/1.1", &headers));
    let mut viewer = Viewer::opened(client);
    // The first one's turn comes at any time.
    viewer.picture();
    viewer.picture();
    let begun = Instant::now();
    (0..10).for_each(|_| drop(viewer.picture()));
    begun.elapsed()
}

#[test]
fn only_direct_chromium_and_webkit_are_repainted_rarely() {
    let net = Net::new();
    let server = TestServer::start(&["--listen", &format!("{}:0", net.here), "--repaint", "100ms"]);
    let direct = ten_frames(server.address, &[CHROMIUM]);
    for headers in [
        &[CHROMIUM, "Via: 1.1 cache.example"][..],
        &[CHROMIUM, "X-Forwarded-For: 192.0.2.1"],
        &[FIREFOX],
        &[],
    ] {
        let often = ten_frames(server.address, headers);
        assert!(direct > 3 * often, "{direct:?} and {often:?}: {headers:?}");
    }
    // A request from this machine comes through a web server, mostly.
    let here = TestServer::start(&["--repaint", "100ms"]);
    let often = ten_frames(here.address, &[CHROMIUM]);
    assert!(direct > 3 * often, "{direct:?} and {often:?}");
}

/// What a quiet page receives in an hour: bytes of the stream, and those with what TLS, TCP and IPv4 add to each and take for
/// its acknowledgement.
fn hour(bytes: usize, every: f64) -> String {
    const ADDED: usize = 22 + 52 + 52;
    let kilobytes = |bytes: usize| (3600.0 / every * bytes as f64 / 1000.0).round();
    format!("{} kB, {} kB", kilobytes(bytes), kilobytes(bytes + ADDED))
}

#[test]
fn a_quiet_hour_takes_what_the_book_says() {
    let page = include_str!("../../docs/mobile-data.md");
    let mut dense = StyleBuilder::new(Label::default());
    dense.take("scale", "2").unwrap();
    let dense = render(&dense.build(&Themes::default()).unwrap(), Value::Count(123)).encode().to_vec();
    let [part, dense] = [png_of(123), dense].map(|png| png.len() + BETWEEN.len());
    for (name, bytes, often) in [
        ("a picture, Chromium and WebKit, without a proxy", part, 5.0),
        ("the same on a dense screen", dense, 5.0),
        ("a picture, Chromium and WebKit, behind a proxy", part, 1.0),
        ("the same on a dense screen, behind a proxy", dense, 1.0),
        ("a picture, Firefox", part, 0.5),
        ("events, or `<online-count>`, behind a proxy", ":\n\n".len(), 1.0),
    ] {
        let hours = [5.0, 15.0, 60.0].map(|repaint| hour(bytes, often * repaint)).join(" | ");
        let row = format!("| {name} | {bytes} | {hours} |");
        assert!(page.contains(&row), "{row}");
    }
    let row = format!("| a WebSocket, whatever `--repaint` says | 2 | {} | | |", hour(2, 20.0));
    assert!(page.contains(&row), "{row}");
}
