//! During each attack `/status` and the metrics alone say which site, style or address costs most. The kinds are those of the bench
//! `siege`, and those of TLS.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use super::scrape::{metrics, value};
use super::status::{first_of, status_of};
use crate::common::client::Client;
use crate::common::page::{self, Page, TEXT, opening};
use crate::common::server::TestServer;
use crate::common::tls;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request, view_of};

mod handshakes;
mod http2;
mod idle;

const ATTACKER: &str = "198.51.100.66";
const SITE: &str = "besieged.example";

/// How many connections an attacker holds.
const HELD: usize = 30;

/// What shows who it is that attacks.
enum Sign {
    /// The first in that list of `/status`.
    First(&'static str, &'static str),
    /// A metric that isn't zero.
    Metric(&'static str),
}
use Sign::{First, Metric};

const ADDRESS: Sign = First("Addresses that cost most", ATTACKER);
const BESIEGED: Sign = First("Sites that cost most", SITE);

/// Somebody who does the same over and over again.
struct Attacker<'s> {
    server: &'s TestServer,
    held: VecDeque<Client>,
    number: u32,
}

impl Attacker<'_> {
    /// A connection as a proxy opens it for the attacker.
    fn connect(&mut self) -> Client {
        self.number += 1;
        by_proxy(self.server, 0, ATTACKER)
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) -> Client {
        let mut client = self.connect();
        client.send_anyhow(bytes);
        client
    }

    /// Keeps a connection open, instead of the oldest if there are too many.
    fn hold(&mut self, client: Client) {
        self.held.push_back(client);
        if self.held.len() > HELD {
            self.held.pop_front();
        }
    }

    fn websocket(&mut self, path: &str, site: &str) -> Page {
        Page::opened(self.send(opening(&format!("/ws/{path}"), site, &[])))
    }

    /// A style that nobody has asked for before.
    fn style(&self) -> String {
        format!("style=plastic&scale=3&label=MMMMMMMMMMMMMMMM{}", self.number)
    }
}

/// A connection to a listener, opened by a proxy for that address.
fn by_proxy(server: &TestServer, listener: usize, from: &str) -> Client {
    let mut client = Client::connect(server.addresses[listener]);
    client.send(format!("PROXY TCP4 {from} 192.0.2.1 4096 443\r\n"));
    client
}

/// Readers of two sites, each from an address of its own.
fn readers(server: &TestServer) -> Vec<Viewer> {
    let reader = |number: usize| {
        let mut client = by_proxy(server, 0, &format!("203.0.113.{number}"));
        client.send(view_of(["calm.example", "quiet.example"][number % 2]));
        Viewer::opened(client)
    };
    (0..8).map(reader).collect()
}

/// Ends an attack when it is dropped, also by a panic of the test.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Attacks until everything shows by whom or what.
fn attack(step: fn(&mut Attacker<'_>), signs: &[Sign]) {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let pass = format!("other.example={}", other.local_addr().unwrap());
    let args =
        ["--listen", "proxy+127.0.0.1:0", "--listen", "proxy+tls:127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let more = ["--trust-proxy", "127.0.0.1/32", "--messages", "--presence", "--sni-pass", &pass];
    let server = TestServer::quiet(&[&args[..], &more, &tls::files(tls::pair())].concat());
    let (_readers, stop) = (readers(&server), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut attacker = Attacker { server: &server, held: VecDeque::new(), number: 0 };
            while !stop.load(Ordering::Relaxed) {
                step(&mut attacker);
            }
        });
        let stopping = Stop(&stop);
        let shown = || {
            let (page, metrics) = (status_of(server.admin()), metrics(server.admin()));
            let is_shown = |sign: &Sign| match sign {
                First(list, wanted) => first_of(page.text(), list) == *wanted,
                Metric(name) => value(&metrics, name) > 0.0,
            };
            signs.iter().all(is_shown).then_some(()).ok_or((page, metrics))
        };
        let started = Instant::now();
        let result = loop {
            match shown() {
                Err(_) if started.elapsed() < DEADLINE => {}
                result => break result,
            }
        };
        drop(stopping);
        if let Err((page, metrics)) = result {
            panic!("{}\n{metrics}", page.text());
        }
    });
}

/// What has come is read, as far as it is there within a moment.
fn read_some(client: &mut Client) {
    client.socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let _ = io::Read::read(&mut client.socket, &mut [0; 16 * 1024]);
}

#[test]
fn heavy_stills() {
    let step = |attacker: &mut Attacker<'_>| {
        let style = attacker.style();
        let mut client = attacker.send(request(&format!("GET /badge/{SITE}.png?{style} HTTP/1.1"), &[]));
        client.response();
    };
    attack(step, &[ADDRESS, First("Styles that cost most", "plastic")]);
}

#[test]
fn streams_in_styles_of_their_own() {
    let step = |attacker: &mut Attacker<'_>| {
        let line = format!("GET /online.png?u=1&{} HTTP/1.1", attacker.style());
        let client = attacker.send(request(&line, &[&format!("Referer: https://{SITE}/")]));
        attacker.hold(client);
        thread::sleep(Duration::from_millis(5));
    };
    attack(step, &[ADDRESS, BESIEGED, First("Styles that cost most", "plastic")]);
}

#[test]
fn streams_that_nobody_reads() {
    let step = |attacker: &mut Attacker<'_>| {
        let client = attacker.send(view_of(SITE));
        attacker.hold(client);
    };
    attack(step, &[ADDRESS, BESIEGED]);
}

#[test]
fn bodies_that_never_come() {
    let step = |attacker: &mut Attacker<'_>| {
        let client = attacker.send(request("POST / HTTP/1.1", &["Content-Length: 1000000"]));
        attacker.hold(client);
    };
    attack(step, &[ADDRESS, Metric("onlookers_refusals_total{reason=\"method\"}")]);
}

#[test]
fn halves_of_requests() {
    let step = |attacker: &mut Attacker<'_>| {
        let whole = view_of(SITE);
        attacker.send(&whole[..attacker.number as usize % whole.len()]).reset();
    };
    attack(step, &[ADDRESS, Metric("onlookers_connections_failed_total{reason=\"closed\"}")]);
}

#[test]
fn garbage() {
    let step = |attacker: &mut Attacker<'_>| {
        let mut client = attacker.send([b"GET /", &[0xe5; 1000][..], b"\r\n\r\n"].concat());
        read_some(&mut client);
    };
    attack(step, &[ADDRESS, Metric("onlookers_connections_failed_total{reason=\"malformed\"}")]);
}

#[test]
fn marks() {
    let step = |attacker: &mut Attacker<'_>| {
        let line = format!("GET /mark.png?page=/{}&at=50 HTTP/1.1", attacker.number);
        let mark = request(&line, &[&format!("Referer: https://{SITE}/")]);
        let mut client = attacker.send(mark.repeat(20));
        read_some(&mut client);
    };
    attack(step, &[ADDRESS]);
}

#[test]
fn pages_of_random_sites() {
    let step = |attacker: &mut Attacker<'_>| {
        let client = attacker.send(view_of(&format!("x{}.example", attacker.number)));
        attacker.hold(client);
    };
    attack(step, &[ADDRESS]);
}

#[test]
fn many_rooms_on_a_websocket() {
    let step = |attacker: &mut Attacker<'_>| {
        let mut page = attacker.websocket(&format!("{SITE}/{}", attacker.number), SITE);
        for room in 0..18 {
            let join = format!(r#"{{"type":"join","room":"/{}/{room}"}}"#, attacker.number);
            page.client.send_anyhow(page::frame(0x80 | TEXT, join.as_bytes()));
        }
        attacker.hold(page.client);
    };
    attack(step, &[ADDRESS, BESIEGED, First("Styles that cost most", "websocket")]);
}

#[test]
fn short_websockets_with_a_position() {
    let step = |attacker: &mut Attacker<'_>| {
        let mut page = attacker.websocket(SITE, SITE);
        let position = br#"{"type":"presence","position":0.5,"name":"x"}"#;
        page.client.send_anyhow(page::frame(0x80 | TEXT, position));
    };
    attack(step, &[ADDRESS, BESIEGED]);
}

#[test]
fn garbage_on_websockets() {
    let step = |attacker: &mut Attacker<'_>| {
        let mut page = attacker.websocket(SITE, SITE);
        page.client.send_anyhow(page::frame(0x80 | TEXT, b"no message"));
        page.client.send_anyhow([0xff; 500]);
        read_some(&mut page.client);
    };
    let refused = Metric("onlookers_message_refusals_total{reason=\"message\"}");
    attack(step, &[ADDRESS, BESIEGED, refused, Metric("onlookers_leaves_total{reason=\"protocol\"}")]);
}

#[test]
fn loud_senders_of_messages() {
    let step = |attacker: &mut Attacker<'_>| {
        let mut page = attacker.websocket(SITE, SITE);
        let message = format!(r#"{{"type":"message","data":"{}"}}"#, "x".repeat(2000));
        (0..25).for_each(|_| page.client.send_anyhow(page::frame(0x80 | TEXT, message.as_bytes())));
        read_some(&mut page.client);
    };
    let too_fast = Metric("onlookers_message_refusals_total{reason=\"too_fast\"}");
    attack(step, &[ADDRESS, BESIEGED, too_fast]);
}
