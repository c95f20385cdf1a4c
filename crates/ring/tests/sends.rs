//! The ring over real sockets.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use onlookers_ring::Ring;
use socket2::SockRef;

/// More than the ring takes at a time, and not a multiple of that.
const MANY: u32 = 2_500;

/// Two ends of a loopback connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, reader)
}

/// The result of each send, an error as its number.
fn send(ring: &mut Ring, sends: &[(BorrowedFd<'_>, &[u8])]) -> Vec<Result<usize, i32>> {
    let mut results = Vec::new();
    let sent = ring.send_all(sends.iter().copied(), |number, taken| {
        assert_eq!(number, results.len());
        results.push(taken.map_err(|error| error.raw_os_error().unwrap()));
    });
    sent.unwrap();
    results
}

fn read(mut reader: impl Read, bytes: usize) -> Vec<u8> {
    let mut read = vec![0; bytes];
    reader.read_exact(&mut read).unwrap();
    read
}

#[test]
fn each_socket_gets_its_own_bytes() {
    let mut ring = Ring::new().unwrap();
    let (one, one_reader) = connection();
    let (other, other_reader) = UnixStream::pair().unwrap();
    assert_eq!(send(&mut ring, &[]), []);
    for _ in 0..3 {
        let results =
            send(&mut ring, &[(one.as_fd(), b"one"), (other.as_fd(), b""), (other.as_fd(), b"other")]);
        assert_eq!(results, [Ok(3), Ok(0), Ok(5)]);
        assert_eq!(read(&one_reader, 3), b"one");
        assert_eq!(read(&other_reader, 5), b"other");
    }
}

#[test]
fn more_sends_than_the_queue_holds_go_out_in_order() {
    let mut ring = Ring::new().unwrap();
    let (sender, reader) = connection();
    let numbers: Vec<_> = (0..MANY).map(u32::to_be_bytes).collect();
    let sends: Vec<_> = numbers.iter().map(|number| (sender.as_fd(), &number[..])).collect();
    assert_eq!(send(&mut ring, &sends), vec![Ok(4); MANY as usize]);
    assert_eq!(read(reader, 4 * MANY as usize), numbers.concat());
}

#[test]
fn a_full_socket_takes_parts_then_nothing_and_holds_nobody_up() {
    let mut ring = Ring::new().unwrap();
    let ((full, mut full_reader), (free, free_reader)) = (connection(), connection());
    let frame: Vec<_> = (0..64 * 1024 * 1024_u32).map(|at| (at % 251) as u8).collect();
    let mut taken = Vec::new();
    loop {
        let results = send(&mut ring, &[(full.as_fd(), &frame), (free.as_fd(), b"free")]);
        assert_eq!(results[1], Ok(4));
        assert_eq!(read(&free_reader, 4), b"free");
        match results[0] {
            Ok(all) if all == frame.len() => panic!("no socket has so much room"),
            Ok(bytes) => taken.extend_from_slice(&frame[..bytes]),
            Err(error) => break assert_eq!(error, libc::EAGAIN),
        }
    }
    drop(full);
    let mut got = Vec::new();
    full_reader.read_to_end(&mut got).unwrap();
    assert!(!got.is_empty() && got == taken, "{} bytes of {}", got.len(), taken.len());
}

#[test]
fn a_socket_that_has_gone_fails_alone() {
    let mut ring = Ring::new().unwrap();
    let ((ended, _ended_reader), (reset, reset_reader), (open, reader)) =
        (connection(), connection(), connection());
    ended.shutdown(Shutdown::Write).unwrap();
    SockRef::from(&reset_reader).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(reset_reader);
    let file = File::open("/proc/self/exe").unwrap();
    let sockets = [ended.as_fd(), reset.as_fd(), reset.as_fd(), file.as_fd(), open.as_fd()];
    let results = send(&mut ring, &sockets.map(|socket| (socket, &b"frame"[..])));
    let errors = [Err(libc::EPIPE), Err(libc::ECONNRESET), Err(libc::EPIPE), Err(libc::ENOTSOCK), Ok(5)];
    assert_eq!(results, errors);
    assert_eq!(read(reader, 5), b"frame");
}

#[test]
fn the_callers_code_may_panic() {
    let mut ring = Ring::new().unwrap();
    let (sender, mut reader) = connection();
    let sends = |last: u32| (0..=last).map(|_| (sender.as_fd(), &b"x"[..]));
    let panicking = sends(MANY).enumerate().map(|(number, send)| {
        assert!(number < 1_200, "at the second batch");
        send
    });
    let mut done = 0;
    catch_unwind(AssertUnwindSafe(|| ring.send_all(panicking, |_, _| done += 1))).unwrap_err();
    catch_unwind(AssertUnwindSafe(|| ring.send_all(sends(9), |number, _| assert!(number < 5)))).unwrap_err();
    assert_eq!(send(&mut ring, &[(sender.as_fd(), b"end")]), [Ok(3)]);
    drop(sender);
    let mut got = Vec::new();
    reader.read_to_end(&mut got).unwrap();
    assert_eq!(got.len(), done + 10 + 3);
    assert!(got.ends_with(b"xend"));
}

/// As container runtimes do, for this thread only.
fn forbid(call: i64) {
    use seccompiler::{SeccompAction, SeccompFilter, TargetArch};
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new([(call, vec![])].into(), SeccompAction::Allow, refuse, arch).unwrap();
    let program: seccompiler::BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

#[test]
fn where_io_uring_is_forbidden_there_is_no_ring() {
    let error = std::thread::spawn(|| {
        forbid(libc::SYS_io_uring_setup);
        Ring::new().map(drop).unwrap_err()
    });
    assert_eq!(error.join().unwrap().kind(), ErrorKind::PermissionDenied);
}

#[test]
fn a_refusal_on_the_way_leaves_the_rest_to_others() {
    let (sender, mut reader) = connection();
    let told = std::thread::spawn(move || {
        let mut ring = Ring::new().unwrap();
        let sends = (0..MANY).map(|number| {
            if number == 1_200 {
                forbid(libc::SYS_io_uring_enter);
            }
            (sender.as_fd(), &b"x"[..])
        });
        let mut told = 0;
        let error = ring.send_all(sends, |_, taken| told += taken.unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let again = ring.send_all([(sender.as_fd(), &b"y"[..])], |_, _| panic!("it is broken"));
        assert_eq!(again.map_err(|error: io::Error| error.kind()), Err(ErrorKind::BrokenPipe));
        told
    });
    let told = told.join().unwrap();
    let mut got = Vec::new();
    reader.read_to_end(&mut got).unwrap();
    assert!(0 < told && told < 1_200);
    assert_eq!(got, vec![b'x'; told]);
}
