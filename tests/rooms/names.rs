//! Tens of thousands of names of pages that nobody has open: the server keeps none of them. `cargo bench --bench room`
//! tries a million.

use crate::common::client::Client;
use crate::common::program::Program;
use crate::common::request;
use crate::common::viewer::Viewer;

/// Each request that takes a name, and the status of its answer.
const ASKED: [(&str, u16); 8] = [
    ("GET /badge/example.com/NAME.png", 200),
    ("GET /badge/NAME.example/a.svg", 200),
    ("HEAD /badge/example.com/NAME.json", 200),
    ("GET /count/example.com/NAME.json", 200),
    ("HEAD /count/NAME.example/NAME.txt", 200),
    ("GET /online.png?page=/NAME", 302),
    ("HEAD /online.png?page=/NAME&show=site", 302),
    ("GET /top.json?site=NAME.example", 200),
];

#[test]
fn fifty_thousand_names_leave_memory_where_it_was() {
    let program = Program::start(&["--repaint", "1h"]);
    throw(&program, 0..10_000);
    visit(&program, 0..500);
    let before = resident(&program);
    throw(&program, 10_000..60_000);
    visit(&program, 500..1_500);
    let grown = resident(&program).saturating_sub(before);
    println!("60,000 names: {before} KiB, and {grown} KiB more");
    assert!(grown < 512, "memory grew by {grown} KiB");
}

/// Asks for the counts of pages that nobody has open, over one connection.
fn throw(program: &Program, names: std::ops::Range<u32>) {
    let mut client = Client::connect(program.address);
    for name in names {
        let (line, status) = ASKED[name as usize % ASKED.len()];
        let line = line.replace("NAME", &format!("n{name}"));
        client.send(request(&format!("{line} HTTP/1.1"), &["Referer: https://example.com/"]));
        let answer = if line.starts_with("HEAD") { client.response_to_head() } else { client.response() };
        assert_eq!(answer.status, status, "{line}: {answer:?}");
    }
}

/// Opens new pages, counted and uncounted, and leaves them; also asks for such streams with HEAD.
fn visit(program: &Program, names: std::ops::Range<u32>) {
    for name in names {
        let peek = name % 2;
        let line = |method| format!("{method} /online.png?u=1&page=/n{name}&peek={peek} HTTP/1.1");
        let ask = |method| {
            let mut client = Client::connect(program.address);
            client.send(request(&line(method), &[&format!("Referer: https://n{name}.example/")]));
            client
        };
        assert_eq!(Viewer::opened(ask("GET")).count(), u64::from(1 - peek));
        assert_eq!(ask("HEAD").response_to_head().status, 200);
    }
}

/// The program's resident memory in KiB.
fn resident(program: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
