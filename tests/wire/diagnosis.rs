//! What the server says of a request's way to it, if the request asks for that.

use onlookers::wire::diagnosis::{HEADER, Received};

use crate::common::client::{Client, Response, get};
use crate::common::request;
use crate::common::server::TestServer;

const ASKS: &str = "Onlookers-Doctor: 1";

fn received(response: &Response) -> Received {
    Received::of_header(response.header(HEADER).expect("it says how it got the request").as_bytes())
}

#[test]
fn only_a_request_that_asks_is_described() {
    let server = TestServer::quiet(&["--trust-proxy", "127.0.0.0/8"]);
    let page = ["Referer: https://example.com/"];
    for path in ["/online.png", "/", "/robots.txt", "/nowhere", "/count/example.com.txt"] {
        assert_eq!(get(server.address, path, &page).header(HEADER), None, "{path}");
        let response = get(server.address, path, &[&page[..], &[ASKS]].concat());
        let received = received(&response);
        assert_eq!(received.host, "counter.example", "{path}");
        assert_eq!(received.referer, "https://example.com/");
        assert!(!received.is_https && !received.is_forwarded && received.is_by_trusted);
        assert_eq!(received.address, None, "a private address isn't named");
    }
}

#[test]
fn what_a_trusted_proxy_says_is_described() {
    let server = TestServer::quiet(&["--trust-proxy", "127.0.0.0/8"]);
    let of_proxy =
        ["X-Forwarded-For: 198.51.100.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: a.example"];
    let asked = received(&get(server.address, "/", &[&of_proxy[..], &[ASKS]].concat()));
    assert_eq!((asked.host.as_str(), asked.address), ("a.example", "198.51.100.1".parse().ok()));
    assert!(asked.is_https && asked.is_forwarded && asked.is_by_trusted);
    // What stands behind another proxy isn't told, and neither is the address of a proxy.
    let hidden = received(&get(server.address, "/", &["X-Forwarded-For: 198.51.100.1, 127.0.0.7", ASKS]));
    assert_eq!(hidden.address, "198.51.100.1".parse().ok());
    let hidden = received(&get(server.address, "/", &["X-Forwarded-For: 10.1.2.3", ASKS]));
    assert_eq!(hidden.address, None);
}

#[test]
fn other_sites_pages_can_not_ask() {
    let server = TestServer::quiet(&[]);
    let asks = ["Origin: https://example.com", "Access-Control-Request-Headers: onlookers-doctor"];
    for path in ["/online.png", "/count/example.com.txt", "/events/example.com"] {
        let preflight = Client::ask(server.address, request(&format!("OPTIONS {path} HTTP/1.1"), &asks));
        let allowed = preflight.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
        assert!(!allowed.contains("doctor") && !allowed.contains('*'), "{path}: {allowed}");
    }
}
