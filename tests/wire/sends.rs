//! The two senders, io_uring and plain writes, also where the kernel refuses system calls.

use std::io;
use std::thread;

use onlookers::server::Server;
use onlookers_picture::{Label, Style, Value, render};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use crate::common::client::Client;
use crate::common::server::{TestServer, config};
use crate::common::view_of;
use crate::common::viewer::Viewer;

const VIEWERS: usize = 50;

/// Runs `test` in a thread to which the kernel refuses one system call, as in container runtimes; its children too.
fn without<T: Send + 'static>(call: i64, test: impl FnOnce() -> T + Send + 'static) -> T {
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new([(call, vec![])].into(), SeccompAction::Allow, refuse, arch).unwrap();
    let forbid = BpfProgram::try_from(filter).unwrap();
    let tested = thread::spawn(move || {
        seccompiler::apply_filter(&forbid).unwrap();
        test()
    });
    tested.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// For changes and for repaints, also after half of the viewers have left.
fn assert_everyone_sees_the_right_count(way: &str) {
    let server = TestServer::start(&["--repaint", "200ms", "--fanout-sends", way]);
    let mut viewers: Vec<_> = (0..VIEWERS).map(|_| Viewer::join(server.address)).collect();
    for left in [VIEWERS, VIEWERS / 2] {
        viewers.truncate(left);
        for _ in 0..3 {
            for viewer in &mut viewers {
                viewer.wait_for(left as u64);
            }
        }
    }
}

#[test]
fn plain_writes_show_everyone_the_right_count() {
    assert_everyone_sees_the_right_count("write");
}

#[test]
fn io_uring_shows_everyone_the_right_count() {
    assert_everyone_sees_the_right_count("ring");
}

#[test]
fn plain_writes_take_over_where_io_uring_is_missing() {
    without(libc::SYS_io_uring_setup, || assert_everyone_sees_the_right_count("auto"));
}

#[test]
fn plain_writes_take_over_once_io_uring_fails() {
    without(libc::SYS_io_uring_enter, || assert_everyone_sees_the_right_count("ring"));
}

#[test]
fn the_server_fails_without_a_required_io_uring() {
    let config = config(&["--fanout-sends", "ring"]);
    let bound = without(libc::SYS_io_uring_setup, move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { Server::bind(&config).map(drop).map_err(|error| error.kind()) })
    });
    assert_eq!(bound, Err(io::ErrorKind::PermissionDenied));
}

/// The server keeps the rest of a part that a socket has no room for; every byte arrives, in order.
#[test]
fn slow_viewers_get_whole_parts_from_either_sender() {
    let label = "QGSR&@%8965320CBDOPagesqdbpßäöüéèàçñåæøœQGSR&@%8965320CBDOPagesq";
    let style = Style::plain(Label::new(label).unwrap());
    let picture = render(&style, Value::Count(10)).encode().to_vec();
    for way in ["ring", "write"] {
        let server = TestServer::start(&["--repaint", "100ms", "--label", label, "--fanout-sends", way]);
        let slow: Vec<_> = (0..8).map(|_| ask_with_little_room(&server)).collect();
        let mut fast = Viewer::join(server.address);
        // The others have no room left by then: the buffers of both sides hold half of that.
        let sent = read(&mut fast, 48 * 1024);
        let _late = Viewer::join(server.address);
        let mut slow: Vec<_> = slow.into_iter().map(Viewer::opened).collect();
        for viewer in &mut slow {
            let read = viewer.wait_for_picture(&picture);
            assert!(read < sent, "{read} of {sent} pictures: it was not slow");
        }
    }
}

fn ask_with_little_room(server: &TestServer) -> Client {
    let mut client = Client::connect_narrow(server.address);
    client.send(view_of("example.com"));
    client
}

/// Reads pictures of at least that many bytes together. Returns their number.
fn read(viewer: &mut Viewer, mut bytes: usize) -> usize {
    let mut pictures = 0;
    while bytes > 0 {
        bytes = bytes.saturating_sub(viewer.picture().len());
        pictures += 1;
    }
    pictures
}
