//! Redirections to https.

use crate::common::client::{Client, get};
use crate::common::server::TestServer;
use crate::common::tls;

const FROM_PAGE: &str = "Referer: https://example.com/";

#[test]
fn a_redirecting_listener_leads_to_the_port_with_tls() {
    let (_files, pair) = tls::made(&["counter.example", "127.0.0.1"]);
    let server = TestServer::quiet(
        &[&["--listen", "redirect:127.0.0.1:0", "--listen", "tls:127.0.0.1:0"][..], &tls::files(&pair)]
            .concat(),
    );
    let https = server.addresses[1].port();
    let answer = get(server.address, "/online.png?page=/a&u=1", &[FROM_PAGE]);
    assert_eq!(answer.status, 308);
    let wanted = format!("https://counter.example:{https}/online.png?page=/a&u=1");
    assert_eq!(answer.header("location"), Some(&wanted[..]));
    let bad = Client::ask(server.address, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
    assert_eq!((bad.status, bad.header("location")), (400, None));
    let challenge = get(server.address, "/.well-known/acme-challenge/unknown", &[]);
    assert_eq!(challenge.status, 404, "it is answered here");
}
