//! Listeners that proxies talk to other than by a plain port.

use crate::common::client::get;
use crate::common::parts::png_of;
use crate::common::server::TestServer;
use crate::link::{Door, Link};
use crate::network::{VISITORS, in_network_of_its_own};
use crate::nginx::{Nginx, read_until};

/// The request of a picture on a page, without `GET` and the last empty line.
const VIEW: &str = "/online.png?u=1 HTTP/1.1\r\nHost: count.example\r\nReferer: https://example.com/";

/// Pages and visitors of example.com.
fn counted(server: &TestServer) -> [u64; 2] {
    let counted = get(server.address, "/count/example.com.json", &[]);
    let counted: serde_json::Value = serde_json::from_slice(&counted.body).unwrap();
    ["pages", "visitors"].map(|name| counted[name].as_u64().unwrap())
}

#[test]
fn nginx_passes_streams_on_to_a_unix_socket() {
    in_network_of_its_own("front::nginx_passes_streams_on_to_a_unix_socket", || {
        let (folder, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let socket = format!("{}/socket", ours.path().display());
        let server = TestServer::quiet(&[
            "--listen",
            "127.0.0.1:9192",
            "--listen",
            &format!("unix:{socket}?mode=0666"),
        ]);
        let location = format!(
            "proxy_pass http://unix:{socket}:; proxy_http_version 1.1; proxy_set_header Host $http_host; \
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
        );
        let _nginx = Nginx::start(folder, "listen 80;", &location);
        let mut pages = Vec::new();
        for (visitor, count) in [(VISITORS[0], 1), (VISITORS[1], 2)] {
            pages.push(Link::ask(visitor, Door::Plain(80), VIEW));
            read_until(pages.last_mut().unwrap(), &png_of(count));
        }
        assert_eq!(counted(&server), [2, 2]);
        pages.pop();
        read_until(&mut pages[0], &png_of(1));
    });
}
