//! How often a picture that doesn't change is sent again: to engines that close with the page, without a proxy, rarely.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::common::client::Client;
use crate::common::net::Net;
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
