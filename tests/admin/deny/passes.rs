//! The deny list where no picture is shown: other nodes, challenges and checks of health.

use crate::common::client::get;
use crate::common::redis::RedisServer;
use crate::scrape::{server, value};

#[test]
fn challenges_and_checks_of_health_are_answered_whoever_asks() {
    let server = server(&["--deny-address", "127.0.0.0/8", "--deny-agent", "BadBot"]);
    let status = |path| get(server.address, path, &["User-Agent: BadBot"]).status;
    assert_eq!((status("/a"), status("/healthz/a")), (403, 403));
    // No challenge is pending.
    assert_eq!((status("/.well-known/acme-challenge/unknown"), status("/healthz")), (404, 200));
}

#[test]
fn other_nodes_are_not_asked_for_who_is_denied() {
    let redis = RedisServer::start();
    let server = server(&[
        "--redis",
        &redis.url(),
        "--trust-proxy",
        "127.0.0.0/8",
        "--deny-address",
        "198.51.100.0/24",
    ]);
    let path = "/count/a.example/page.txt";
    let rooms = || value(&crate::scrape::metrics(server.admin()), "onlookers_rooms");
    assert_eq!(get(server.address, path, &["X-Forwarded-For: 198.51.100.9"]).status, 403);
    assert_eq!(rooms(), 0.0, "none is looked at for the answer");
    assert_eq!(get(server.address, path, &["X-Forwarded-For: 203.0.113.9"]).status, 200);
    assert!(rooms() > 0.0);
}
