//! Neither requests for ever new styles nor unfinished requests fill memory for good. nextest runs each test in a process of
//! its own, so nothing else is measured.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, Instant};

use onlookers::painting::Pictures;
use onlookers_picture::{StyleBuilder, Themes, Value};

use crate::common::client::{Client, get};
use crate::common::h2;
use crate::common::program::Program;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request};

#[test]
fn ten_thousand_random_styles_leave_memory_where_it_was() {
    let pictures = Pictures::new(1 << 20);
    let mut random = Random(1);
    ask(&pictures, &mut random, 1_000);
    let before = resident();
    ask(&pictures, &mut random, 10_000);
    let grown = resident().saturating_sub(before);
    assert!(grown < 1024, "memory grew by {grown} KiB");
}

#[test]
fn memory_is_given_back_when_a_burst_has_gone() {
    let program = Program::start(&[]);
    let mut viewer = Viewer::join(program.address);
    viewer.wait_for(1);
    let before = resident_of(&program.id().to_string());
    let begun = request("GET / HTTP/1.1", &[&format!("X: {}", "x".repeat(8_000))]);
    let burst: Vec<_> = (0..2_000)
        .map(|_| {
            let mut client = Client::connect(program.address);
            client.send(&begun[..8_000]);
            client
        })
        .collect();
    // As it is sent after them, it is answered when nearly all of them have been read.
    assert_eq!(get(program.address, "/nowhere", &[]).status, 404);
    let full = resident_of(&program.id().to_string());
    assert!(full > before + 10_000, "{before} KiB, {full} KiB");
    drop(burst);
    let started = Instant::now();
    loop {
        let now = resident_of(&program.id().to_string());
        if now < before + 4_000 {
            break;
        }
        assert!(started.elapsed() < DEADLINE, "{before} KiB, {full} KiB, {now} KiB");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(viewer);
}

/// Of the program's own memory; the kernel takes more for each connection, not for each stream.
#[test]
fn an_http2_connection_takes_45_kib_and_each_further_stream_3() {
    const CONNECTIONS: u32 = 400;
    const STREAMS: u32 = 40;
    let program = Program::start(&["--repaint", "1h"]);
    let mut watcher = Viewer::join(program.address);
    watcher.wait_for(1);
    let own = || anonymous_of(program.id());
    let before = own();
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| Client::connect(program.address)).collect();
    for client in &mut clients {
        client.send([h2::preface(), h2::view(1, h2::END_HEADERS | h2::END_STREAM)].concat());
    }
    watcher.wait_for(1 + u64::from(CONNECTIONS));
    let one = own();
    let few = &mut clients[..40];
    for number in 1..STREAMS {
        for client in &mut *few {
            client.send(h2::view(2 * number + 1, h2::END_HEADERS | h2::END_STREAM));
        }
    }
    let further = 40 * u64::from(STREAMS - 1);
    watcher.wait_for(1 + u64::from(CONNECTIONS) + further);
    let all = own();
    let connection = one.saturating_sub(before) as f64 / f64::from(CONNECTIONS);
    let stream = all.saturating_sub(one) as f64 / further as f64;
    println!("{connection:.1} KiB for a connection with one stream, {stream:.1} KiB for each further one");
    assert!(connection < 45.0 && stream < 3.0, "{connection:.1} KiB, {stream:.1} KiB");
}

fn ask(pictures: &Pictures, random: &mut Random, styles: u32) {
    let themes = Themes::default();
    for _ in 0..styles {
        let mut builder = StyleBuilder::default();
        let looks = ["plain", "flat", "flat-square", "plastic", "for-the-badge", "social", "digits"];
        let longest = random.below(65);
        let letters: String = (0..random.below(longest + 1)).map(|_| random.letter()).collect();
        for (name, value) in [
            ("style", looks[random.below(7) as usize].to_owned()),
            ("label", letters),
            ("color", format!("{:06x}", random.below(1 << 24))),
            ("labelColor", format!("{:06x}", random.below(1 << 24))),
            ("peak", random.below(2).to_string()),
        ] {
            assert_eq!(builder.take(name, &value), Ok(true));
        }
        let style = builder.build(&themes).unwrap();
        let value = Value::Peak { now: random.below(2000).into(), peak: random.below(1 << 30).into() };
        assert!(!pictures.png(&style, value).is_empty());
    }
}

/// KiB of memory that this process has.
fn resident() -> u64 {
    resident_of("self")
}

fn resident_of(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What a process has of memory that is in no file, in KiB.
fn anonymous_of(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap()
}

/// Numbers that look random and are the same in each run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((mixed >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// From one to four bytes long.
    fn letter(&mut self) -> char {
        let (first, many) = [('a', 26), ('à', 30), ('一', 20_000), ('😀', 60)][self.below(4) as usize];
        char::from_u32(u32::from(first) + self.below(many)).unwrap_or('x')
    }
}
