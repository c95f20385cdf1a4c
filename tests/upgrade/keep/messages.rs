//! What pages say while the server is killed.

use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use super::server::Kept;
use crate::common::DEADLINE;
use crate::common::page::{Page, TEXT, frame};

/// What a page says while no server runs comes at once, and may be twenty messages.
const PAUSE: Duration = Duration::from_millis(100);

const KILLS: u64 = 8;

/// Bytes of a message that come with the one before.
const EARLY: usize = 9;

/// Each message comes in two parts, so each server that dies has read a part of one. None that waited in a dead server comes late.
#[test]
fn messages_of_pages_never_come_twice() {
    let server = Kept::start(&["--messages"]);
    let (mut from, mut to) = (Page::open(server.plain, ""), Page::open(server.plain, ""));
    server.wait_until_kept(2);
    let numbers = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let killer = scope.spawn(|| kill_while_messages_come(&server, &numbers));
        let receiver = scope.spawn(|| receive_until_end(&mut to, &numbers));
        let mut rest = Vec::new();
        for number in 0_u64.. {
            if receiver.is_finished() {
                break;
            }
            let data = if killer.is_finished() { "\"end\"".to_owned() } else { number.to_string() };
            let message = frame(0x80 | TEXT, format!(r#"{{"type":"message","data":{data}}}"#).as_bytes());
            rest.extend_from_slice(&message[..EARLY]);
            from.client.send(&rest);
            rest = message[EARLY..].to_vec();
            thread::sleep(PAUSE);
        }
    });
    let numbers = numbers.into_inner().unwrap();
    println!("{} messages came, the last was {:?}", numbers.len(), numbers.last());
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

fn kill_while_messages_come(server: &Kept, numbers: &Mutex<Vec<u64>>) {
    let (random, count) = (RandomState::new(), || numbers.lock().unwrap().len());
    for turn in 0..KILLS {
        let (before, started) = (count(), Instant::now());
        while count() == before {
            assert!(started.elapsed() < DEADLINE, "no message comes: {}", server.log());
            thread::sleep(Duration::from_millis(2));
        }
        thread::sleep(Duration::from_millis(random.hash_one(turn) % 300));
        server.kill_server();
    }
}

/// Notes the numbers that come before the end.
fn receive_until_end(page: &mut Page, numbers: &Mutex<Vec<u64>>) {
    loop {
        let message = page.receive();
        if message["data"] == "end" {
            return;
        }
        numbers.lock().unwrap().extend(message["data"].as_u64());
    }
}
