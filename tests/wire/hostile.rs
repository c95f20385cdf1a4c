//! Bytes that no browser sends: the server answers them or closes the connection, and keeps running.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::common::client::Client;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::common::{request, view_of};

/// One step that turns a request into a hostile one.
#[derive(Clone, Debug)]
enum Twist {
    Cut(usize),
    Put(usize, Vec<u8>),
    Flip(usize, u8),
    Double(usize),
}

fn request_to_twist() -> impl Strategy<Value = Vec<u8>> {
    let page = "Referer: https://example.com/posts/1";
    prop_oneof![
        Just(view_of("example.com")),
        Just(view_of("example.com").repeat(2)),
        Just(request("HEAD /online.png?u=1 HTTP/1.1", &[page])),
        Just(request("GET / HTTP/1.1", &[page, "Connection: keep-alive"])),
        Just(request("GET /online.png HTTP/1.1", &[page])),
        Just(request("GET /online.png HTTP/1.1", &[])),
        Just(request("GET /events/example.com/posts/1 HTTP/1.1", &["Origin: https://example.com"])),
        Just(request("OPTIONS /events/example.com HTTP/1.1", &["Origin: https://example.com"])),
        Just(request("GET /nowhere HTTP/1.1", &[page])),
        Just(request("GET /embed?x=%e4 HTTP/1.1", &[page, "Sec-Fetch-Dest: iframe"])),
        Just(request("POST /online.png HTTP/1.1", &["Content-Length: 5"]) + "hello"),
        Just(request("PUT / HTTP/1.1", &["Transfer-Encoding: chunked"]) + "5\r\nhello\r\n0\r\n\r\n"),
        Just(request(
            "GET /online.png?site=x HTTP/1.1",
            &["Upgrade: websocket", "Connection: upgrade", page]
        )),
        Just(request("GET / HTTP/1.1", &["Expect: 100-continue", "Content-Length: 9"])),
    ]
    .prop_map(String::into_bytes)
}

fn twist() -> impl Strategy<Value = Twist> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..40),
        prop::sample::select(vec!["\r\n", "\0", "://", "%ff", "Host: a\r\n", "\r\n\r\n", "[::1]:", "\u{ff}"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop_oneof![
        any::<usize>().prop_map(Twist::Cut),
        (any::<usize>(), piece).prop_map(|(at, piece)| Twist::Put(at, piece)),
        (any::<usize>(), any::<u8>()).prop_map(|(at, bits)| Twist::Flip(at, bits)),
        any::<usize>().prop_map(Twist::Double),
    ]
}

impl Twist {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |position: &usize| position % (bytes.len() + 1);
        match self {
            Self::Cut(position) => bytes.truncate(at(position)),
            Self::Put(position, piece) => {
                drop(bytes.splice(at(position)..at(position), piece.iter().copied()))
            }
            Self::Flip(position, bits) => {
                let at = at(position);
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= bits);
            }
            Self::Double(position) => bytes.extend_from_within(at(position)..),
        }
    }
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let twisted =
        (request_to_twist(), prop::collection::vec(twist(), 0..6)).prop_map(|(mut bytes, twists)| {
            twists.iter().for_each(|twist| twist.apply(&mut bytes));
            bytes
        });
    prop_oneof![4 => twisted, 1 => prop::collection::vec(any::<u8>(), 0..2000)]
}

#[test]
fn no_bytes_hang_or_panic_the_server_or_stay_counted() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        report(info);
    }));
    let server = TestServer::quiet(&[]);
    let statuses = std::cell::RefCell::new(std::collections::BTreeMap::new());
    let run = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(1500) }).run(
        &(hostile(), prop::sample::select(vec![1, 2, 17, usize::MAX])),
        |(bytes, size)| {
            let mut client = Client::connect(server.address);
            // The server may close the connection meanwhile.
            let pieces = bytes.chunks(size.min(bytes.len().max(1)));
            pieces.for_each(|piece| client.send_anyhow(piece));
            client.half_close();
            let (answer, _) = client.read_to_end();
            let status = answer.get(..12).map(|line| String::from_utf8_lossy(line).into_owned());
            *statuses.borrow_mut().entry(status.clone()).or_insert(0) += 1;
            prop_assert!(status.is_none_or(|line| line.starts_with("HTTP/1.1 ")), "{answer:?}");
            prop_assert_eq!(PANICS.load(Ordering::SeqCst), 0);
            Ok(())
        },
    );
    println!("{:?}", statuses.borrow());
    run.unwrap();
    let reached = ["200", "302", "400", "403", "404", "405"].map(|status| Some(format!("HTTP/1.1 {status}")));
    assert!(
        reached.iter().all(|status| statuses.borrow().contains_key(status)),
        "not every answer was reached"
    );
    Viewer::join(server.address).wait_for(1);
}
