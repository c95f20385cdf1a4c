//! TLS for tests: certificates, and the client's end of a connection. With the environment variable [`VARIABLE`] the servers
//! and plain clients of all tests speak it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rcgen::{CertificateParams, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// `1.2` or `1.3`: the version that the clients of all tests speak.
pub(crate) const VARIABLE: &str = "ONLOOKERS_TEST_TLS";

/// The files of a certificate and its key.
pub(crate) struct Pair {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    V1_2,
    V1_3,
}

/// The version that all tests are to speak, if any.
pub(crate) fn of_all_tests() -> Option<Version> {
    match std::env::var(VARIABLE).ok()?.as_str() {
        "1.2" => Some(Version::V1_2),
        "1.3" => Some(Version::V1_3),
        other => panic!("{VARIABLE}={other} is neither 1.2 nor 1.3"),
    }
}

/// The certificate of this process' servers, which its clients trust.
pub(crate) fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap().keep();
        let pair = Pair { chain: dir.join("test.crt"), key: dir.join("test.key") };
        write(&pair, &["counter.example", "localhost", "127.0.0.1"]);
        pair
    })
}

/// Makes a certificate for these names.
pub(crate) fn write(pair: &Pair, names: &[&str]) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    std::fs::write(&pair.chain, certificate.pem()).unwrap();
    std::fs::write(&pair.key, key.serialize_pem()).unwrap();
}

/// The arguments for a listener with that certificate.
pub(crate) fn listen(pair: &Pair) -> [&str; 6] {
    let path = |path: &'_ PathBuf| path.to_str().unwrap().to_owned().leak() as &str;
    ["--listen", "tls:127.0.0.1:0", "--tls-cert", path(&pair.chain), "--tls-key", path(&pair.key)]
}

/// A certificate for these names, in a folder of its own.
pub(crate) fn made(names: &[&str]) -> (tempfile::TempDir, Pair) {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair { chain: folder.path().join("chain"), key: folder.path().join("key") };
    write(&pair, names);
    (folder, pair)
}

/// The arguments that name the files of a certificate.
pub(crate) fn files(pair: &Pair) -> [&str; 4] {
    ["--tls-cert", pair.chain.to_str().unwrap(), "--tls-key", pair.key.to_str().unwrap()]
}

/// A connection over `stream` to the server of that name, which has that certificate.
pub(crate) fn over<S: Read + Write>(pair: &Pair, name: &str, stream: S) -> StreamOwned<ClientConnection, S> {
    StreamOwned::new(client_that_trusts(pair, name, Version::V1_3), stream)
}

/// The client's end of a connection, before its handshake.
pub(crate) fn client(version: Version) -> ClientConnection {
    client_that_trusts(pair(), "counter.example", version)
}

/// The same for another certificate, and another name.
pub(crate) fn client_that_trusts(pair: &Pair, name: &str, version: Version) -> ClientConnection {
    client_that_speaks(&["http/1.1"], pair, name, version)
}

/// The same, offering these protocols.
pub(crate) fn client_that_speaks(
    protocols: &[&str],
    pair: &Pair,
    name: &str,
    version: Version,
) -> ClientConnection {
    let config = config_that_speaks(protocols, pair, version);
    ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap()
}

/// What clients of that certificate's server have in common.
pub(crate) fn config_that_speaks(protocols: &[&str], pair: &Pair, version: Version) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&pair.chain).unwrap()).unwrap();
    let versions = match version {
        Version::V1_2 => [&TLS12],
        Version::V1_3 => [&TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_protocol_versions(&versions).unwrap().with_root_certificates(roots);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config.resumption = Resumption::disabled();
    config
}

/// Sends all of `bytes`.
pub(crate) fn write_all(tls: &mut ClientConnection, socket: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let mut stream = rustls::Stream::new(tls, socket);
    stream.write_all(bytes)?;
    stream.flush()
}

/// Reads some text; none at an end in order.
pub(crate) fn read(tls: &mut ClientConnection, socket: &mut TcpStream, text: &mut [u8]) -> io::Result<usize> {
    rustls::Stream::new(tls, socket).read(text)
}
