//! At the end of what the system gives: newcomers are told so, and those inside stay.

use std::process::Command;

use crate::common::client::{Client, End, Response};
use crate::common::program::{Program, bare, onlookers};
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, view_of};

/// The program with so many open files, and no other limit in the way.
fn with_files(files: u32) -> Program {
    let mut command = bare(Command::new("bash"));
    command.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]).arg(onlookers().get_program());
    command.args(["--listen", "127.0.0.1:0", "--repaint", "1h", "--max-viewers", "1000"]);
    Program::spawn(command)
}

enum Door {
    In(Viewer),
    Away(Response),
}

fn knock(program: &Program) -> Door {
    let mut client = Client::connect(program.address);
    client.send_anyhow(view_of("example.com"));
    let response = client.response_to_head();
    if response.status == 200 {
        client.take_through(b"\r\n\r\n");
        return Door::In(Viewer { client });
    }
    assert_eq!(client.read_to_end().1, End::Fin, "a reset takes the answer along on some systems");
    Door::Away(response)
}

fn assert_away(program: &Program) {
    let Door::Away(response) = knock(program) else { panic!("there was room") };
    assert_eq!((response.status, response.header("retry-after")), (503, Some("30")));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

fn show_all(inside: &mut [Viewer], count: u64) {
    for viewer in inside {
        viewer.wait_for(count);
    }
}

#[test]
fn out_of_files_new_viewers_get_503_and_the_others_stay() {
    let program = with_files(64);
    let mut inside = Vec::new();
    while let Door::In(viewer) = knock(&program) {
        inside.push(viewer);
        assert!(inside.len() < 64);
    }
    assert!(inside.len() > 16, "only {} files are for viewers", inside.len());
    for _ in 0..20 {
        assert_away(&program);
    }
    let all = inside.len() as u64;
    show_all(&mut inside, all);
    // One goes, and there is room for one.
    inside.pop();
    show_all(&mut inside, all - 1);
    let Door::In(newcomer) = knock(&program) else { panic!("there is room again") };
    inside.push(newcomer);
    assert_away(&program);
    show_all(&mut inside, all);
}

#[test]
fn silent_connections_take_files_but_drop_no_viewer() {
    let program = with_files(64);
    let mut inside = Viewer::join(program.address);
    assert_eq!(inside.count(), 1);
    let silent: Vec<Client> = (0..200).map(|_| Client::connect(program.address)).collect();
    let second = knock(&program);
    assert!(matches!(second, Door::Away(_)), "200 others are before it");
    drop(silent);
    loop {
        // The server may not have heard yet that they have gone.
        if let Door::In(mut viewer) = knock(&program) {
            viewer.wait_for(2);
            break;
        }
    }
    inside.wait_for(2);
}

#[test]
fn no_file_stays_open_for_a_viewer_that_left() {
    let program = Program::start(&["--repaint", "1h"]);
    drop(knock(&program));
    Viewer::join(program.address).wait_for(1);
    let files = || std::fs::read_dir(format!("/proc/{}/fd", program.id())).unwrap().count();
    let viewers: Vec<Viewer> = (0..100).map(|_| Viewer::join(program.address)).collect();
    assert!(files() > 100);
    drop(viewers);
    let started = std::time::Instant::now();
    while files() > 40 {
        assert!(started.elapsed() < DEADLINE, "{} files are still open", files());
        std::thread::yield_now();
    }
}
