//! Viewers over TLS 1.3. A viewer is a load on the machine that its server shares, so it has to be cheap: rustls does the
//! handshake and reads the answer's head, then its keys are extracted and ring opens the records in the buffer into
//! which they were read.

use super::{Outcome, records, records::Opener, tickets::Tickets};
use mio::net::TcpStream;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
    version::TLS13,
};
use std::{
    io::{self, ErrorKind, Read, Write},
    sync::Arc,
};

/// The name in the certificate.
pub(crate) const NAME: &str = "count.example";

/// With `resume`, a join may use a ticket of an earlier one; otherwise each is a full handshake.
pub(crate) fn client(resume: bool) -> Outcome<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
    let verifier = Arc::new(Unverified);
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.enable_secret_extraction = true;
    config.resumption =
        if resume { Resumption::store(Arc::new(Tickets::default())) } else { Resumption::disabled() };
    Ok(config.into())
}

/// The cipher that browsers prefer, and the key exchange that all servers here have.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let cipher_suites = vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256];
    let kx_groups = vec![ring::kx_group::X25519];
    CryptoProvider { cipher_suites, kx_groups, ..ring::default_provider() }.into()
}

/// One viewer's side of its connection.
pub(crate) struct Session {
    state: State,
    /// The beginning of a record.
    rest: Vec<u8>,
}

enum State {
    /// Until the answer has begun.
    Rustls(Box<ClientConnection>),
    Ring(Box<Opener>),
}

impl Session {
    pub(crate) fn new(config: &Arc<ClientConfig>) -> Outcome<Self> {
        let connection = ClientConnection::new(config.clone(), ServerName::try_from(NAME)?)?;
        Ok(Self { state: State::Rustls(connection.into()), rest: Vec::new() })
    }

    /// Before the handshake, rustls keeps it, so that it goes out together with the handshake's end.
    pub(crate) fn send(&mut self, bytes: &[u8], socket: &mut TcpStream) -> Outcome<()> {
        let State::Rustls(connection) = &mut self.state else {
            return Err("a viewer over TLS has nothing to send once it is in".into());
        };
        connection.writer().write_all(bytes)?;
        flush(connection, socket)
    }

    /// Reads what the socket has and opens it: how many bytes of plaintext are at the start of `buffer` then.
    /// `None` is the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8], socket: &mut TcpStream) -> io::Result<Option<usize>> {
        let kept = self.rest.len();
        buffer[..kept].copy_from_slice(&self.rest);
        match socket.read(&mut buffer[kept..])? {
            0 => Ok(None),
            bytes => {
                let opened = self.open(&mut buffer[..kept + bytes], socket);
                opened.map(Some).map_err(|error| io::Error::other(error.to_string()))
            }
        }
    }

    /// From when the answer has begun, nothing is sent, and ring opens what comes.
    pub(crate) fn settle(self) -> Outcome<Self> {
        let State::Rustls(connection) = self.state else { return Ok(self) };
        let opener = Opener::new(connection.dangerous_extract_secrets()?.rx)?;
        Ok(Self { state: State::Ring(opener.into()), rest: self.rest })
    }

    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.state, State::Ring(_))
    }

    /// Plaintext is shorter than its record, so it never reaches the records that come after it.
    fn open(&mut self, bytes: &mut [u8], socket: &mut TcpStream) -> Outcome<usize> {
        let (mut at, mut opened) = (0, 0);
        while let Some(length) = records::length(&bytes[at..]) {
            let record = &mut bytes[at..at + length];
            let plaintext = match &mut self.state {
                State::Rustls(connection) => 0..take(connection, record, socket)?,
                State::Ring(opener) => opener.open(record)?,
            };
            let long = plaintext.len();
            bytes.copy_within(at + plaintext.start..at + plaintext.end, opened);
            opened += long;
            at += length;
        }
        self.rest.clear();
        self.rest.extend_from_slice(&bytes[at..]);
        Ok(opened)
    }
}

/// Record by record, since rustls would forget what it has read and not opened when its keys are extracted.
fn take(connection: &mut ClientConnection, record: &mut [u8], socket: &mut TcpStream) -> Outcome<usize> {
    connection.read_tls(&mut &*record)?;
    connection.process_new_packets()?;
    flush(connection, socket)?;
    match connection.reader().read(record) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        Ok(0) => Err("the server ended a stream".into()),
        read => Ok(read?),
    }
}

/// A handshake's bytes and a request fit into an empty socket.
fn flush(connection: &mut ClientConnection, socket: &mut TcpStream) -> Outcome<()> {
    while connection.wants_write() {
        connection.write_tls(socket).map_err(|error| format!("no connection: {error}"))?;
    }
    Ok(())
}

/// Takes every certificate: the server is this bench's own, and the check would be on the machine that it measures.
#[derive(Debug)]
struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
