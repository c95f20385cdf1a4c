//! Out of open files: new viewers are told so, and the others stay.

use std::process::Command;

use crate::common::client::{Client, End, Response};
use crate::common::program::{Program, bare, onlookers};
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, view_of};

/// The program with a limit of open files, and no lower limit of its own.
fn with_files(files: u32) -> Program {
    let mut command = bare(Command::new("bash"));
    command.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]).arg(onlookers().get_program());
    command.args(["--listen", "127.0.0.1:0", "--repaint", "1h", "--max-viewers", "1000"]);
    Program::spawn(command)
}

enum Answer {
    Joined(Viewer),
    Refused(Response),
}

fn try_to_join(program: &Program) -> Answer {
    let mut client = Client::connect(program.address);
    client.send_anyhow(view_of("example.com"));
    let response = client.response_to_head();
    if response.status == 200 {
        client.take_through(b"\r\n\r\n");
        return Answer::Joined(Viewer { client });
    }
    assert_eq!(client.read_to_end().1, End::Fin, "a reset discards the answer on some systems");
    Answer::Refused(response)
}

fn assert_refused(program: &Program) {
    let Answer::Refused(response) = try_to_join(program) else { panic!("there was room") };
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
    while let Answer::Joined(viewer) = try_to_join(&program) {
        inside.push(viewer);
        assert!(inside.len() < 64);
    }
    assert!(inside.len() > 16, "only {} files are for viewers", inside.len());
    for _ in 0..20 {
        assert_refused(&program);
    }
    let all = inside.len() as u64;
    show_all(&mut inside, all);
    // When one leaves, another fits in.
    inside.pop();
    show_all(&mut inside, all - 1);
    let Answer::Joined(viewer) = try_to_join(&program) else { panic!("there is room again") };
    inside.push(viewer);
    assert_refused(&program);
    show_all(&mut inside, all);
}

#[test]
fn silent_connections_take_files_but_drop_no_viewer() {
    let program = with_files(64);
    let mut inside = Viewer::join(program.address);
    assert_eq!(inside.count(), 1);
    let silent: Vec<Client> = (0..200).map(|_| Client::connect(program.address)).collect();
    let second = try_to_join(&program);
    assert!(matches!(second, Answer::Refused(_)), "200 others came first");
    drop(silent);
    loop {
        // The server may not have noticed yet that they have gone.
        if let Answer::Joined(mut viewer) = try_to_join(&program) {
            viewer.wait_for(2);
            break;
        }
    }
    inside.wait_for(2);
}

#[test]
fn no_file_stays_open_for_a_viewer_that_left() {
    let program = Program::start(&["--repaint", "1h"]);
    drop(try_to_join(&program));
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
