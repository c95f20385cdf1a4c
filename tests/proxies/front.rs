//! Listeners that proxies talk to other than by a plain port, and another server that shares port 443.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::DEADLINE;
use crate::common::client::get;
use crate::common::parts::png_of;
use crate::common::server::TestServer;
use crate::common::tls;
use crate::link::{Door, Link};
use crate::network::{VISITORS, in_network_of_its_own};
use crate::nginx::{Nginx, read_until};

/// The request of a picture on a page, without `GET` and the last empty line.
const VIEW: &str = "/online.png?u=1 HTTP/1.1\r\nHost: count.example\r\nReferer: https://example.com/";

/// HAProxy with its file in that folder; killed when dropped.
struct Haproxy(Child);

impl Haproxy {
    fn start(folder: &Path, backend: &str) -> Self {
        let config = folder.join("haproxy.cfg");
        let text = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n\
             listen front\n bind :80\n server onlookers {backend}\n"
        );
        std::fs::write(&config, text).unwrap();
        let child =
            Command::new("/usr/sbin/haproxy").arg("-db").arg("-f").arg(config).stdout(Stdio::null()).spawn();
        Self(child.expect("this test needs the program haproxy"))
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Pages and visitors of example.com.
fn counted(server: &TestServer) -> [u64; 2] {
    let counted = get(server.address, "/count/example.com.json", &[]);
    let counted: serde_json::Value = serde_json::from_slice(&counted.body).unwrap();
    ["pages", "visitors"].map(|name| counted[name].as_u64().unwrap())
}

#[test]
fn haproxy_says_whose_connection_it_passes_on() {
    in_network_of_its_own("front::haproxy_says_whose_connection_it_passes_on", || {
        let folder = tempfile::tempdir().unwrap();
        let socket = format!("{}/socket", folder.path().display());
        let server = TestServer::quiet(&[
            "--listen",
            "127.0.0.1:9192",
            "--listen",
            "proxy+127.0.0.1:9193",
            "--listen",
            &format!("proxy+unix:{socket}?mode=0666"),
            "--trust-proxy",
            "127.0.0.1/32",
        ]);
        for backend in [
            "127.0.0.1:9193 send-proxy",
            "127.0.0.1:9193 send-proxy-v2",
            &format!("unix@{socket} send-proxy-v2"),
        ] {
            let _proxy = Haproxy::start(folder.path(), backend);
            let mut pages = Vec::new();
            for (visitor, count) in [(VISITORS[0], 1), (VISITORS[0], 2), (VISITORS[1], 3)] {
                pages.push(Link::ask(visitor, Door::Plain(80), VIEW));
                read_until(pages.last_mut().unwrap(), &png_of(count));
            }
            assert_eq!(counted(&server), [3, 2], "{backend}");
            drop(pages);
            while counted(&server)[0] > 0 {
                std::thread::yield_now();
            }
        }
    });
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

#[test]
fn nginx_and_this_server_share_port_443_by_name() {
    in_network_of_its_own("front::nginx_and_this_server_share_port_443_by_name", || {
        let (_ours, ours) = tls::made(&["count.example"]);
        let (_theirs, theirs) = tls::made(&["other.example", "*.other.example"]);
        let listen = format!(
            "listen 127.0.0.1:8443 ssl; listen 127.0.0.1:8444 ssl proxy_protocol; ssl_certificate {}; \
             ssl_certificate_key {}; ssl_protocols TLSv1.2 TLSv1.3; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;",
            theirs.chain.display(),
            theirs.key.display()
        );
        let _nginx =
            Nginx::start(tempfile::tempdir().unwrap(), &listen, "return 200 \"nginx: $remote_addr\\n\";");
        drop(Link::connect(std::net::Ipv4Addr::LOCALHOST, Door::Plain(8443)));
        let server = TestServer::quiet(
            &[
                &["--listen", "127.0.0.1:9192", "--listen", "tls:[::]:443", "--redirect-http"][..],
                &tls::files(&ours),
                &[
                    "--sni-pass",
                    "other.example=127.0.0.1:8443",
                    "--sni-pass",
                    "*.other.example=proxy+127.0.0.1:8444",
                ],
            ]
            .concat(),
        );
        let connect = |pair, name: &str| {
            let stream = TcpStream::connect((VISITORS[0], 443)).unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            tls::over(pair, name, stream)
        };
        for (name, address) in
            [("other.example", "127.0.0.1".to_owned()), ("a.other.example", VISITORS[0].to_string())]
        {
            let mut page = connect(&theirs, name);
            page.write_all(format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n").as_bytes())
                .unwrap();
            let mut answer = String::new();
            // nginx may end without close_notify.
            let _ = page.read_to_string(&mut answer);
            assert!(answer.contains(&format!("nginx: {address}\n")), "{name}: {answer}");
        }
        let mut page = connect(&ours, "count.example");
        page.write_all(format!("GET {VIEW}\r\n\r\n").as_bytes()).unwrap();
        read_until(&mut page, &png_of(1));
        assert_eq!(counted(&server), [1, 1]);
        let mut plain = Link::ask(VISITORS[0], Door::Plain(80), "/a HTTP/1.1\r\nHost: count.example");
        read_until(&mut plain, b"location: https://count.example/a\r\n");
    });
}
