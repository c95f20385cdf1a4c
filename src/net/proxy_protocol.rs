//! The PROXY protocol, versions 1 and 2: a header in which a proxy says whose connection it passes on.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use proxy_header::{Error, ParseConfig, Protocol, ProxiedAddress, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest header, in bytes: addresses, and what proxies say of TLS besides. A certificate may be among that.
const MAX_HEADER: usize = 4096;

/// The longest of version 1, as the protocol says.
const MAX_V1: usize = 107;

const LONG: &str = "the header of the PROXY protocol is too long";

/// The least that is read at once.
const READ: usize = 512;

/// The addresses of a connection's two ends: the client's, and the one that it has connected to.
pub(crate) type Ends = [SocketAddr; 2];

/// A header that was read.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Header {
    /// The ends of the connection that is passed on. None if the proxy speaks for itself, or the connection has no addresses
    /// of IP.
    pub(crate) ends: Option<Ends>,
    /// What was read after the header.
    pub(crate) unread: Vec<u8>,
}

/// Reads the header that `stream` begins with, of which the bytes in `read` were read already.
///
/// # Errors
/// The stream's; if it ends, or begins with anything else.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin), mut read: Vec<u8>) -> io::Result<Header> {
    loop {
        if let Some(header) = parse(&read)? {
            return Ok(header);
        }
        if read.len() >= MAX_HEADER {
            return Err(invalid(LONG));
        }
        read.reserve(READ);
        if stream.read_buf(&mut read).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The header; none if the rest of it is missing.
fn parse(bytes: &[u8]) -> io::Result<Option<Header>> {
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match ProxyHeader::parse(bytes, config) {
        // The crate holds only unfinished ones to it.
        Ok((_, length)) if bytes[0] == b'P' && length > MAX_V1 => Err(invalid(LONG)),
        Ok((header, length)) => {
            Ok(Some(Header { ends: ends(header.proxied_address())?, unread: bytes[length..].to_vec() }))
        }
        // Too short for what it says of itself.
        Err(Error::BufferTooShort) if v2_length(bytes).is_some_and(|length| length <= bytes.len()) => {
            Err(invalid("a header of the PROXY protocol is cut short"))
        }
        Err(Error::BufferTooShort) => Ok(None),
        Err(_) => Err(invalid("a connection begins without a header of the PROXY protocol")),
    }
}

/// The length of a header of version 2, if it says it already.
fn v2_length(bytes: &[u8]) -> Option<usize> {
    let [high, low] = *bytes.get(14..)?.first_chunk()?;
    (bytes[0] == b'\r').then(|| 16 + usize::from(u16::from_be_bytes([high, low])))
}

fn ends(address: Option<&ProxiedAddress>) -> io::Result<Option<Ends>> {
    match address {
        Some(ProxiedAddress { protocol: Protocol::Datagram, .. }) => {
            Err(invalid("a header of the PROXY protocol is about UDP"))
        }
        Some(address) => Ok(Some([address.source, address.destination])),
        None => Ok(None),
    }
}

/// The header, of version 2, of a connection with these ends; without them it says that there are none.
pub(crate) fn header(ends: Option<Ends>) -> Vec<u8> {
    let header = ends.map_or_else(ProxyHeader::with_local, |ends| {
        let [source, destination] = of_one_family(ends.map(canonical));
        ProxyHeader::with_address(ProxiedAddress::stream(source, destination))
    });
    let mut bytes = Vec::new();
    // It fails only for two families.
    let _ = header.encode_v2(&mut bytes);
    bytes
}

/// An address of IPv4 is one, however it is written.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Both as addresses of IPv6, unless both are of IPv4.
fn of_one_family(ends: Ends) -> Ends {
    if ends[0].is_ipv4() == ends[1].is_ipv4() {
        return ends;
    }
    ends.map(|address| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    })
}

fn invalid(sentence: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, sentence)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

    /// A header of version 2 with a command, a family and what follows its length.
    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    const ADDRESSES: [u8; 12] = [203, 0, 113, 1, 192, 0, 2, 1, 0x10, 0, 1, 0xbb];

    fn source(bytes: &[u8]) -> Option<String> {
        parse(bytes).unwrap().unwrap().ends.map(|[source, _]| source.to_string())
    }

    #[test]
    fn headers_of_both_versions_are_read() {
        assert_eq!(source(b"PROXY TCP4 203.0.113.1 192.0.2.1 4096 443\r\n").unwrap(), "203.0.113.1:4096");
        assert_eq!(source(b"PROXY TCP6 2001:db8::1 ::1 1 443\r\n").unwrap(), "[2001:db8::1]:1");
        assert_eq!(source(b"PROXY UNKNOWN\r\n"), None);
        assert_eq!(source(b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), None);
        assert_eq!(source(&v2(0x21, 0x11, &ADDRESSES)).unwrap(), "203.0.113.1:4096");
        assert_eq!(
            source(&v2(0x21, 0x11, &[&ADDRESSES[..], &[4, 0, 1, 0]].concat())).unwrap(),
            "203.0.113.1:4096"
        );
        assert_eq!(source(&v2(0x20, 0, b"")), None, "LOCAL");
        assert_eq!(source(&v2(0x20, 0x11, &ADDRESSES)), None, "LOCAL, whatever it says");
        assert_eq!(source(&v2(0x21, 0x31, &[0; 216])), None, "a Unix socket");
    }

    #[test]
    fn a_header_that_was_written_is_read() {
        for (ends, wanted) in [
            (["203.0.113.1:1", "192.0.2.1:443"], ["203.0.113.1:1", "192.0.2.1:443"]),
            (["[::ffff:203.0.113.1]:1", "[::ffff:192.0.2.1]:443"], ["203.0.113.1:1", "192.0.2.1:443"]),
            (["[2001:db8::1]:1", "[::1]:443"], ["[2001:db8::1]:1", "[::1]:443"]),
            (["203.0.113.1:1", "[::1]:443"], ["[::ffff:203.0.113.1]:1", "[::1]:443"]),
        ] {
            let header = header(Some(ends.map(|end| end.parse().unwrap())));
            assert_eq!(parse(&header).unwrap().unwrap().ends, Some(wanted.map(|end| end.parse().unwrap())));
        }
        assert_eq!(parse(&header(None)).unwrap(), Some(Header { ends: None, unread: Vec::new() }));
    }

    #[test]
    fn anything_else_is_refused_as_soon_as_it_is_seen() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\x16\x03\x01",
            &[b"PROXY UNKNOWN ", &[b'1'; 100][..], b"\r\n"].concat(),
            b"PROXY TCP5 203.0.113.1 192.0.2.1 4096 443\r\n",
            b"PROXY TCP4 2001:db8::1 ::1 1 443\r\n",
            b"PROXY TCP4 203.0.113.1 192.0.2.1 65536 443\r\n",
            &[&b"PROXY TCP4 "[..], &[b'1'; 120]].concat(),
            &v2(0x31, 0x11, &ADDRESSES),
            &v2(0x22, 0x11, &ADDRESSES),
            &v2(0x21, 0x12, &ADDRESSES),
            &v2(0x21, 0x11, &ADDRESSES[1..]),
        ] {
            assert!(parse(bytes).is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[tokio::test]
    async fn a_header_in_pieces_loses_nothing_after_it() {
        for header in [b"PROXY TCP4 203.0.113.1 192.0.2.1 4096 443\r\n".to_vec(), v2(0x21, 0x11, &ADDRESSES)]
        {
            let bytes = [&header[..], b"GET / HTTP"].concat();
            for at in 0..bytes.len() {
                let (mut near, mut far) = tokio::io::duplex(1000);
                let write = async {
                    tokio::io::AsyncWriteExt::write_all(&mut far, &bytes[at..]).await.unwrap();
                };
                let (read, ()) = tokio::join!(read(&mut near, bytes[..at].to_vec()), write);
                let mut read = read.unwrap();
                drop(far);
                near.read_to_end(&mut read.unread).await.unwrap();
                assert_eq!(read.ends.unwrap()[0].to_string(), "203.0.113.1:4096");
                assert_eq!(read.unread, b"GET / HTTP");
            }
        }
    }

    #[tokio::test]
    async fn a_header_that_never_ends_is_not_kept() {
        let long = v2(0x21, 0x11, &[0; 60_000]);
        let error = read(&mut &long[..], Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let error = read(&mut &b"PROXY "[..], Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, is_v2: bool, cut in 0..120_usize) {
            let begin = if is_v2 { SIGNATURE } else { b"PROXY TCP4 1.2.3.4 " };
            let bytes = [begin, &bytes].concat();
            let _ = parse(&bytes[..cut.min(bytes.len())]);
        }
    }
}
