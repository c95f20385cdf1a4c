//! The deny list where no picture is shown: connections for other servers, redirections, challenges and checks of health.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use onlookers::config::Config;

use crate::common::client::get;
use crate::common::redis::RedisServer;
use crate::common::server::{TestServer, config};
use crate::common::{DEADLINE, tls};
use crate::scrape::{server, value, wait_for};

/// A server with TLS that passes connections for other.example on.
fn passing(to: &TcpListener) -> Config {
    let pass = format!("other.example={}", to.local_addr().unwrap());
    let listen = ["--listen", "tls:127.0.0.1:0", "--admin", "127.0.0.1:0", "--sni-pass", &pass];
    config(&[&listen[..], &tls::files(tls::pair())].concat())
}

/// Says hello to other.example, with that protocol.
fn hello(address: SocketAddr, protocol: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut tls = tls::client_that_speaks(&[protocol], tls::pair(), "other.example", tls::Version::V1_3);
    tls.write_tls(&mut client).unwrap();
    client
}

/// The other server's end of it.
fn passed(other: &TcpListener) -> TcpStream {
    let (mut passed, _) = other.accept().unwrap();
    passed.set_read_timeout(Some(DEADLINE)).unwrap();
    passed.read_exact(&mut [0; 100]).unwrap();
    passed
}

#[test]
fn connections_for_other_servers_are_closed_but_for_challenges() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = passing(&other);
    let server = TestServer::with(config.clone());
    let mut open = hello(server.address, "h2");
    let mut its_end = passed(&other);
    config.reloadable.deny_address = vec!["127.0.0.1/32".parse().unwrap()];
    server.control.reload(&config);
    // One that was open ends, and another doesn't get there.
    let _ = open.read_to_end(&mut Vec::new());
    let _ = its_end.read_to_end(&mut Vec::new());
    let _ = hello(server.address, "h2").read_to_end(&mut Vec::new());
    wait_for(server.admin(), r#"onlookers_connections_failed_total{reason="denied"}"#, 2.0);
    let mut challenge = hello(server.address, "acme-tls/1");
    passed(&other).write_all(b"an answer").unwrap();
    let mut answer = Vec::new();
    let _ = challenge.read_to_end(&mut answer);
    assert_eq!(answer, b"an answer");
}

#[test]
fn challenges_and_checks_of_health_are_answered_whoever_asks() {
    let server = server(&["--deny-address", "127.0.0.0/8", "--deny-agent", "BadBot"]);
    let status = |path| get(server.address, path, &["User-Agent: BadBot"]).status;
    assert_eq!((status("/a"), status("/healthz/a")), (403, 403));
    // No challenge is pending.
    assert_eq!((status("/.well-known/acme-challenge/unknown"), status("/healthz")), (404, 200));
}

#[test]
fn nobody_who_is_denied_is_led_to_https() {
    let listen = ["--listen", "redirect:127.0.0.1:0", "--listen", "tls:127.0.0.1:0"];
    let server = TestServer::quiet(
        &[&listen[..], &tls::files(tls::pair()), &["--deny-address", "127.0.0.0/8"]].concat(),
    );
    let status = |path| get(server.address, path, &[]).status;
    assert_eq!(
        (status("/a"), status("/.well-known/acme-challenge/unknown"), status("/healthz")),
        (403, 404, 308)
    );
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
