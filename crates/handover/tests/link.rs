//! Messages with descriptors between two ends of a link.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use onlookers_handover::{Link, LinkError, MAX_BYTES, MAX_DESCRIPTORS, SHORT, inherit};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn pair() -> (Link, Link) {
    let (one, other) = Link::pair().unwrap();
    (one, other.into())
}

fn pipes(count: usize) -> (Vec<UnixStream>, Vec<UnixStream>) {
    (0..count).map(|_| UnixStream::pair().unwrap()).unzip()
}

fn borrowed(sockets: &[UnixStream]) -> Vec<BorrowedFd<'_>> {
    sockets.iter().map(AsFd::as_fd).collect()
}

/// Checks that what is written to each of `descriptors` arrives at its peer.
fn assert_connected(descriptors: Vec<OwnedFd>, peers: &mut [UnixStream]) {
    assert_eq!(descriptors.len(), peers.len());
    for (number, (descriptor, peer)) in descriptors.into_iter().zip(peers).enumerate() {
        UnixStream::from(descriptor).write_all(&[number as u8]).unwrap();
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [number as u8]);
    }
}

#[test]
fn all_descriptors_arrive_in_order() {
    let (one, other) = pair();
    let (mut kept, sent) = pipes(MAX_DESCRIPTORS);
    one.send(b"many", &borrowed(&sent)).unwrap();
    one.send(b"", &[]).unwrap();
    drop(sent);
    let message = other.receive().unwrap();
    assert_eq!(message.bytes, b"many");
    for descriptor in &message.descriptors {
        let flags = rustix::io::fcntl_getfd(descriptor).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }
    assert_connected(message.descriptors, &mut kept);
    let empty = other.receive().unwrap();
    assert!(empty.bytes.is_empty() && empty.descriptors.is_empty());
}

#[test]
fn what_is_sent_without_waiting_arrives_whole_or_not_at_all() {
    let (one, other) = pair();
    let (mut kept, sent) = pipes(3);
    let mut messages = 0;
    while one.try_send(&[7; SHORT], &borrowed(&sent)).is_ok() {
        messages += 1;
    }
    assert!(messages > 10, "{messages} messages");
    assert!(matches!(one.try_send(b"", &borrowed(&sent)), Err(LinkError::Io(_))));
    for _ in 0..messages {
        let message = other.receive().unwrap();
        assert_eq!(message.bytes, [7; SHORT]);
        assert_connected(message.descriptors, &mut kept);
    }
    one.try_send(b"room again", &[]).unwrap();
    assert_eq!(other.receive().unwrap().bytes, b"room again");
    assert!(matches!(one.try_send(&[0; SHORT + 1], &[]), Err(LinkError::TooLong)));
}

#[test]
fn what_is_too_long_is_refused_before_any_byte() {
    let (one, other) = pair();
    let (_kept, sent) = pipes(MAX_DESCRIPTORS + 1);
    assert!(matches!(one.send(b"", &borrowed(&sent)), Err(LinkError::TooLong)));
    assert!(matches!(one.send(&vec![0; MAX_BYTES + 1], &[]), Err(LinkError::TooLong)));
    one.send(b"next", &[]).unwrap();
    assert_eq!(other.receive().unwrap().bytes, b"next");
}

#[test]
fn an_announced_length_that_is_too_long_is_refused() {
    let (mut raw, other) = UnixStream::pair().unwrap();
    raw.write_all(&[255; 6]).unwrap();
    assert!(matches!(Link::from(other).receive(), Err(LinkError::TooLong)));
}

#[test]
fn big_messages_go_in_pieces_with_their_own_descriptors() {
    let (one, other) = pair();
    let big: Vec<u8> = (0..5_000_000_u32).map(|byte| (byte % 251) as u8).collect();
    thread::scope(|scope| {
        let big = &big;
        scope.spawn(move || {
            for count in [3, 0, 5] {
                let (kept, sent) = pipes(count);
                one.send(big, &borrowed(&sent)).unwrap();
                drop(sent);
                drop(kept);
            }
        });
        for count in [3, 0, 5] {
            let message = other.receive().unwrap();
            assert!(message.bytes == *big);
            assert_eq!(message.descriptors.len(), count);
        }
    });
}

#[test]
fn a_message_that_comes_byte_by_byte_is_whole() {
    let (mut raw, other) = UnixStream::pair().unwrap();
    let writer = thread::spawn(move || {
        for byte in [3, 0, 0, 0, 0, 0, b'a', b'b', b'c'] {
            raw.write_all(&[byte]).unwrap();
        }
    });
    assert_eq!(Link::from(other).receive().unwrap().bytes, b"abc");
    writer.join().unwrap();
}

#[test]
fn fewer_descriptors_than_announced_are_a_loss_and_no_end() {
    let (mut raw, other) = UnixStream::pair().unwrap();
    raw.write_all(&[1, 0, 0, 0, 2, 0, b'a', 1, 0, 0, 0, 0, 0, b'b']).unwrap();
    let other = Link::from(other);
    assert!(matches!(other.receive(), Err(LinkError::Lost)));
    assert_eq!(other.receive().unwrap().bytes, b"b");
}

#[test]
fn a_closed_end_is_no_signal_and_no_half_message() {
    let (one, other) = pair();
    drop(other);
    assert!(matches!(one.send(b"to nobody", &[]), Err(LinkError::Closed)));
    let (one, other) = pair();
    one.send(b"last", &[]).unwrap();
    drop(one);
    assert_eq!(other.receive().unwrap().bytes, b"last");
    assert!(matches!(other.receive(), Err(LinkError::Closed)));
    let (mut raw, other) = UnixStream::pair().unwrap();
    raw.write_all(&[4, 0, 0, 0, 0, 0, b'h', b'a']).unwrap();
    drop(raw);
    assert!(matches!(Link::from(other).receive(), Err(LinkError::Closed)));
}

#[test]
fn waiting_ends_after_the_timeout() {
    let (one, _other) = pair();
    one.set_timeout(Some(Duration::from_millis(20))).unwrap();
    let is_timeout = |error: &LinkError| matches!(error, LinkError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut);
    assert!(one.try_clone().unwrap().receive().is_err_and(|error| is_timeout(&error)));
    assert!(one.send(&vec![0; MAX_BYTES], &[]).is_err_and(|error| is_timeout(&error)));
}

#[test]
fn the_peer_is_this_process() {
    let (one, _other) = pair();
    let peer = one.peer().unwrap();
    assert_eq!(peer.pid, Some(std::process::id()));
    assert_eq!(peer.uid, rustix::process::getuid().as_raw());
}

#[test]
fn a_child_inherits_what_it_is_told_to() {
    let (one, other) = Link::pair().unwrap();
    inherit(other.as_fd()).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&other);
    // A message of two bytes and no descriptor.
    let script = format!("printf '\\2\\0\\0\\0\\0\\0hi' >&{number}");
    let mut child = Command::new("bash").args(["-c", &script]).spawn().unwrap();
    drop(other);
    assert_eq!(one.receive().unwrap().bytes, b"hi");
    child.wait().unwrap();
}

/// A process that runs the test of that name, which is ignored otherwise: it changes the limits of its process.
fn alone(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command
}

fn assert_passes(mut test: Command) {
    let run = test.output().unwrap();
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && output.contains("1 passed"), "{output}");
}

fn limit_files(most: u64) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }).unwrap();
}

#[test]
fn a_receiver_without_files_loses_descriptors_that_the_sender_keeps() {
    assert_passes(alone("receives_without_files"));
}

#[test]
#[ignore = "by the test above, in a process of its own"]
fn receives_without_files() {
    let (one, other) = pair();
    let (mut kept, sent) = pipes(20);
    one.send(b"lost", &borrowed(&sent)).unwrap();
    one.send(b"next", &[]).unwrap();
    // Every number below is in use, but these of two.
    let free = rustix::io::dup(&one).unwrap();
    limit_files(std::os::fd::AsRawFd::as_raw_fd(&free) as u64 + 2);
    drop(free);
    assert!(matches!(other.receive(), Err(LinkError::Lost)));
    assert_eq!(other.receive().unwrap().bytes, b"next");
    limit_files(1000);
    assert_connected(sent.into_iter().map(OwnedFd::from).collect(), &mut kept);
    // None of those that came is open still: each peer sees the end of its stream.
    for peer in &mut kept {
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn too_many_descriptors_in_flight_are_an_error_and_no_loss() {
    let mut test = alone("sends_too_many_at_once");
    // The superuser may send any number.
    if rustix::process::geteuid().is_root() {
        test.uid(65_534);
    }
    assert_passes(test);
}

#[test]
#[ignore = "by the test above, in a process of its own"]
fn sends_too_many_at_once() {
    let (one, other) = pair();
    let (_kept, sent) = pipes(100);
    // What is in flight is compared with this process's limit, but counts all of the user's.
    limit_files(250);
    one.set_timeout(Some(Duration::from_secs(5))).unwrap();
    let refused = (0..10).find_map(|sends| Some((sends, one.send(b"many", &borrowed(&sent)).err()?)));
    let (sends, error) = refused.unwrap();
    assert!(matches!(error, LinkError::TooManyInFlight), "{error}");
    limit_files(1000);
    for _ in 0..sends {
        assert_eq!(other.receive().unwrap().descriptors.len(), 100);
    }
    one.send(b"again", &borrowed(&sent)).unwrap();
    assert_eq!(other.receive().unwrap().descriptors.len(), 100);
}

#[test]
fn a_connection_goes_on_at_its_new_owner() {
    let (one, other) = pair();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    server.write_all(b"old ").unwrap();
    one.send(b"", &[server.as_fd()]).unwrap();
    drop(server);
    TcpStream::from(other.receive().unwrap().descriptors.remove(0)).write_all(b"new").unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text, "old new");
}
