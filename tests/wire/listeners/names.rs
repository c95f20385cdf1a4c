//! Connections for other names, which go to another server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::{read_to_end, read_until};
use crate::common::parts::png_of;
use crate::common::server::TestServer;
use crate::common::tls::{self, Pair, Version};
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request, view_of};

/// A stream that writes a byte at a time.
struct Bytewise(TcpStream);

impl Bytewise {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(stream)
    }
}

impl Read for Bytewise {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Write for Bytewise {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        std::thread::yield_now();
        self.0.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn a_hello_in_single_bytes_goes_to_the_server_of_its_name() {
    let [(_ours, ours), (_theirs, theirs)] =
        ["counter.example", "other.example"].map(|name| tls::made(&[name, "127.0.0.1"]));
    let with = |listen: &str, pair: &Pair, more: &[&str]| {
        let listen = ["--listen", listen, "--listen", "127.0.0.1:0", "--trust-proxy", "127.0.0.1"];
        TestServer::quiet(&[&listen[..], &tls::files(pair), more].concat())
    };
    let other = with("proxy+tls:127.0.0.1:0", &theirs, &[]);
    let pass = format!("*.example=proxy+{}", other.address);
    let server = with("tls:127.0.0.1:0", &ours, &["--sni-pass", &pass]);
    for (name, pair, at) in [("other.example", &theirs, &other), ("counter.example", &ours, &server)] {
        let mut page = tls::over(pair, name, Bytewise::connect(server.address));
        page.write_all(view_of("example.com").as_bytes()).unwrap();
        read_until(&mut page, &png_of(1));
        let _viewer = Viewer::join(at.addresses[1]);
        read_until(&mut page, &png_of(2));
    }
    // Without a name it is ours.
    let mut page = tls::over(&ours, "127.0.0.1", Bytewise::connect(server.address));
    page.write_all(request("GET /robots.txt HTTP/1.1", &[]).as_bytes()).unwrap();
    read_until(&mut page, b"HTTP/1.1 200 ");
}

#[test]
fn a_connection_for_another_server_is_passed_as_it_is() {
    let (_files, pair) = tls::made(&["counter.example", "127.0.0.1"]);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let pass = format!("other.example={}", other.local_addr().unwrap());
    let server = TestServer::quiet(
        &[&["--listen", "tls:127.0.0.1:0"][..], &tls::files(&pair), &["--sni-pass", &pass]].concat(),
    );
    let mut hello = Vec::new();
    tls::client_that_trusts(&pair, "other.example", Version::V1_3).write_tls(&mut hello).unwrap();
    let sent = [&hello[..], b"and whatever comes after it"].concat();
    let mut client = TcpStream::connect(server.address).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.write_all(&sent).unwrap();
    let (mut passed, _) = other.accept().unwrap();
    passed.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut read = vec![0; sent.len()];
    passed.read_exact(&mut read).unwrap();
    assert_eq!(read, sent);
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(passed.read(&mut [0]).unwrap(), 0, "the end of one side arrives");
    passed.write_all(b"an answer").unwrap();
    drop(passed);
    assert_eq!(read_to_end(&mut client), b"an answer");
}

#[test]
fn a_server_that_is_not_there_ends_its_connections_only() {
    let (_files, pair) = tls::made(&["counter.example", "127.0.0.1"]);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let pass = format!("other.example={gone}");
    let server = TestServer::quiet(
        &[&["--listen", "tls:127.0.0.1:0"][..], &tls::files(&pair), &["--sni-pass", &pass]].concat(),
    );
    let mut client = TcpStream::connect(server.address).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    tls::client_that_trusts(&pair, "other.example", Version::V1_3).write_tls(&mut client).unwrap();
    assert_eq!(read_to_end(&mut client), b"");
    let mut page = tls::over(&pair, "counter.example", TcpStream::connect(server.address).unwrap());
    page.write_all(request("GET /robots.txt HTTP/1.1", &[]).as_bytes()).unwrap();
    read_until(&mut page, b"HTTP/1.1 200 ");
}
