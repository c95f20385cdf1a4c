//! Connections that another program has accepted and passes.

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::{counted, place, read_to_end, read_until};
use crate::common::parts::png_of;
use crate::common::server::TestServer;
use crate::common::tls;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request, view_of};

/// Passes descriptors and the bytes in `read`, as a router that has read a beginning does.
fn pass(path: &PathBuf, descriptors: &[BorrowedFd<'_>], read: &[u8]) {
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect(path).unwrap();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    }
    sendmsg(&socket, &[IoSlice::new(read)], &mut control, SendFlags::empty()).unwrap();
}

/// The two ends of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    (client, listener.accept().unwrap().0)
}

#[test]
fn a_passed_connection_goes_on_where_it_was_read_to() {
    let (_folder, path, place) = place("passed:");
    let server = TestServer::quiet(&["--listen", "127.0.0.1:0", "--listen", &place]);
    let view = view_of("example.com");
    for (at, read_already) in [0, 1, 30, view.len()].into_iter().enumerate() {
        let (mut client, passed) = connection();
        client.write_all(&view.as_bytes()[read_already..]).unwrap();
        pass(&path, &[passed.as_fd()], &view.as_bytes()[..read_already]);
        drop(passed);
        read_until(&mut client, &png_of(1));
        let mut other = Viewer::join(server.address);
        read_until(&mut client, &png_of(2));
        drop(client);
        other.wait_for(1);
        drop(other);
        let mut alone = Viewer::join(server.address);
        alone.wait_for(1);
        drop(alone);
        assert!(at < 4);
        while counted(&server).0 > 0 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_passed_connection_may_begin_with_tls() {
    let (_folder, path, place) = place("tls:passed:");
    let (_files, pair) = tls::made(&["counter.example", "127.0.0.1"]);
    let _server = TestServer::quiet(
        &[&["--listen", "127.0.0.1:0", "--listen", &place][..], &tls::files(&pair)].concat(),
    );
    let (client, mut passed) = connection();
    let mut page = tls::over(&pair, "counter.example", client);
    // The router reads the hello.
    page.conn.write_tls(&mut page.sock).unwrap();
    let mut hello = [0; 4096];
    let length = passed.read(&mut hello).unwrap();
    pass(&path, &[passed.as_fd()], &hello[..length]);
    page.write_all(view_of("example.com").as_bytes()).unwrap();
    read_until(&mut page, &png_of(1));
}

#[test]
fn messages_that_pass_no_connection_are_dropped() {
    let (_folder, path, place) = place("passed:");
    let server = TestServer::quiet(&["--listen", "127.0.0.1:0", "--listen", &place]);
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let (file, datagram) = (tempfile::tempfile().unwrap(), UnixDatagram::unbound().unwrap());
    let (mut client, passed) = connection();
    let (mut second_client, second) = connection();
    pass(&path, &[], b"GET / HTTP/1.1\r\n\r\n");
    pass(&path, &[file.as_fd()], b"");
    pass(&path, &[datagram.as_fd()], b"");
    pass(&path, &[listening.as_fd()], b"");
    pass(&path, &[passed.as_fd(), second.as_fd()], b"");
    pass(&path, &[passed.as_fd(), second.as_fd(), file.as_fd(), datagram.as_fd()], b"");
    pass(&path, &[second.as_fd()], &[b'x'; 70_000]);
    // They come in order, so all were looked at when this one is answered.
    let (mut good, passed_well) = connection();
    pass(&path, &[passed_well.as_fd()], request("GET /count/example.com.txt HTTP/1.1", &[]).as_bytes());
    read_until(&mut good, b"\r\n\r\n0");
    drop((passed, second));
    for client in [&mut client, &mut second_client] {
        assert_eq!(read_to_end(client), b"", "no duplicate stays open");
    }
    assert_eq!(counted(&server), (0, 0));
}
