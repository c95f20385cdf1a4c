//! Connections of clients over TLS.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::common::DEADLINE;

/// A connection after its handshake, in which the certificate was found to be right.
pub(crate) type Secure = StreamOwned<ClientConnection, TcpStream>;

/// Connects as a client that trusts `root`, in PEM, and asks for `name` and `protocol`.
pub(crate) fn connect(address: SocketAddr, name: &str, protocol: &[u8], root: &str) -> io::Result<Secure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(DEADLINE))?;
    socket.set_write_timeout(Some(DEADLINE))?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    connection.complete_io(&mut socket)?;
    Ok(StreamOwned::new(connection, socket))
}

/// The certificate that `stream` was given.
pub(crate) fn leaf(stream: &Secure) -> Vec<u8> {
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

/// The body of the answer to a request for `path`.
pub(crate) fn get(address: SocketAddr, name: &str, path: &str, root: &str) -> String {
    let mut stream = connect(address, name, b"http/1.1", root).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {name}:{}\r\nConnection: close\r\n\r\n", address.port())
        .unwrap();
    let mut answer = Vec::new();
    // Some servers end without close_notify.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

/// Tries until `attempt` gives something, for at most so many times the usual deadline.
pub(crate) fn wait_for<T>(what: &str, deadlines: u32, mut attempt: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(begun.elapsed() < DEADLINE * deadlines, "{what} after {:?}", begun.elapsed());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
