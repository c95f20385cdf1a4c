use std::sync::Arc;

use proptest::prelude::*;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use super::*;

#[derive(Debug)]
struct TrustsAll;

impl ServerCertVerifier for TrustsAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// The hello of rustls for that server.
fn hello_of_rustls(server: &'static str) -> Vec<u8> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().dangerous();
    let config = config.with_custom_certificate_verifier(Arc::new(TrustsAll)).with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), server.try_into().unwrap()).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted(content)].concat()
}

fn name(kind: u8, name: &[u8]) -> Vec<u8> {
    extension(SERVER_NAME, &counted(&[&[kind][..], &counted(name)].concat()))
}

/// A hello with these extensions, without records.
fn message(extensions: &[u8]) -> Vec<u8> {
    let body = [&[3, 1][..], &[7; 32], &[1, 9], &counted(&[0x13, 1]), &[1, 0], &counted(extensions)].concat();
    [&[CLIENT_HELLO][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat()
}

fn in_records(message: &[u8], size: usize) -> Vec<u8> {
    let record = |part: &[u8]| [&[HANDSHAKE, 3, 1][..], &counted(part)].concat();
    message.chunks(size).flat_map(record).collect()
}

async fn read_all(mut bytes: &[u8]) -> Hello {
    read(&mut bytes, Vec::new()).await.unwrap()
}

#[tokio::test]
async fn the_name_is_found_however_the_hello_is_cut() {
    let of_rustls = hello_of_rustls("Other.Example.com");
    let old = in_records(&message(&name(HOST_NAME, b"OTHER.example.com.")), 1);
    for (bytes, records) in [(of_rustls, "one record"), (old, "records of a byte")] {
        for read_already in [0, 1, 7, bytes.len()] {
            let (mut far, mut near) = tokio::io::duplex(3);
            let mut sent = [&bytes[read_already..], b"more"].concat();
            let sending = tokio::spawn(async move {
                // The reader stops before the end.
                let _ = tokio::io::AsyncWriteExt::write_all(&mut far, &std::mem::take(&mut sent)).await;
            });
            let hello = read(&mut near, bytes[..read_already].to_vec()).await.unwrap();
            assert_eq!(hello.name.as_deref(), Some("other.example.com"), "{records}");
            assert!(hello.bytes.starts_with(&bytes) && hello.bytes.len() <= bytes.len() + 3);
            drop(near);
            sending.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_hello_longer_than_a_record_is_read_and_one_without_end_is_not() {
    let padding = extension(21, &[0; 30_000]);
    let long = message(&[&padding[..], &name(HOST_NAME, b"other.example")].concat());
    assert_eq!(read_all(&in_records(&long, MAX_RECORD)).await.name.as_deref(), Some("other.example"));
    let endless = [&[HANDSHAKE, 3, 1, 0x40, 0, CLIENT_HELLO, 0xff, 0xff, 0xff][..], &[1; 16_380]].concat();
    let endless = [&endless[..], &in_records(&[1; 100_000], MAX_RECORD)].concat();
    let hello = read_all(&endless).await;
    assert!(hello.name.is_none() && hello.bytes.len() <= MAX_BYTES, "it says at once how long it is");
}

#[tokio::test]
async fn what_names_nothing_has_no_name() {
    let host = name(HOST_NAME, b"other.example");
    for extensions in [
        Vec::new(),
        extension(16, b"\0\x03\x02h2"),
        name(1, b"other.example"),
        name(HOST_NAME, b""),
        name(HOST_NAME, "ö.example".as_bytes()),
        name(HOST_NAME, b"a b"),
        [&host[..], &host].concat(),
        [&host[..], &[0, 9, 0]].concat(),
        extension(SERVER_NAME, &counted(b"\0\0\xffx")),
    ] {
        assert_eq!(read_all(&in_records(&message(&extensions), 100)).await.name, None, "{extensions:?}");
    }
    assert_eq!(read_all(&hello_of_rustls("192.0.2.1")).await.name, None, "an address");
    for other in
        [&b"GET / HTTP/1.1\r\n"[..], b"\x80\x2e\x01\x03\x01", b"\x16\x03\x01\0\0", b"\x16\x03\x01\0\x01\x02"]
    {
        let hello = read_all(other).await;
        assert_eq!((hello.name, &hello.bytes[..]), (None, other));
    }
    assert!(read(&mut &b"\x16\x03"[..], Vec::new()).await.is_err(), "it ends");
}

#[tokio::test]
async fn a_challenge_is_what_speaks_nothing_else() {
    let speaks = |protocols: &[&[u8]]| {
        let list: Vec<_> = protocols.iter().flat_map(|it| [&[it.len() as u8][..], it].concat()).collect();
        in_records(&message(&extension(PROTOCOLS, &counted(&list))), 100)
    };
    assert!(read_all(&speaks(&[b"acme-tls/1"])).await.is_challenge);
    for others in [&[][..], &[&b"h2"[..]], &[b"acme-tls/1", b"h2"], &[b"h2", b"acme-tls/1"]] {
        assert!(!read_all(&speaks(others)).await.is_challenge, "{others:?}");
    }
    for bytes in [in_records(&message(&[]), 100), speaks(&[])[..20].to_vec(), b"GET / HTTP/1.1\r\n".to_vec()]
    {
        let hello = read(&mut &bytes[..], Vec::new()).await.unwrap_or_default();
        assert!(!hello.is_challenge, "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0..200_usize) {
        let mut hello = in_records(&message(&name(HOST_NAME, b"other.example")), 20);
        let at = at.min(hello.len());
        hello.splice(at.., bytes.iter().copied());
        let mut reader = Reader::default();
        for end in 0..=hello.len() {
            if reader.advance(&hello[..end]) == Progress::Done {
                server_name(&reader.message);
                is_challenge(&reader.message);
                break;
            }
        }
        server_name(&bytes);
        is_challenge(&bytes);
    }
}
