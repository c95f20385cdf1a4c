//! The opening of a WebSocket (RFC 6455, section 4.2).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1_smol::Sha1;

/// What a server puts behind a client's key, to show that it knows the protocol (section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A client's key: 16 bytes in base64.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Key([u8; KEY]);

/// The length of a key, in characters.
const KEY: usize = 24;

impl Key {
    /// The key that a header holds, if it is one.
    pub(crate) fn new(header: &[u8]) -> Option<Self> {
        let key = header.try_into().ok()?;
        let bytes = BASE64_STANDARD.decode(header).ok()?;
        (bytes.len() == 16).then_some(Self(key))
    }

    /// The head of the answer that accepts it.
    pub(super) fn accept(&self) -> Vec<u8> {
        let mut hash = Sha1::from(self.0);
        hash.update(GUID);
        let accept = BASE64_STANDARD.encode(hash.digest().bytes());
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_accepted_as_the_protocol_s_own_example() {
        let head = String::from_utf8(Key::new(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap().accept()).unwrap();
        assert!(head.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    }

    #[test]
    fn what_is_no_key_is_none() {
        for header in ["", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ!!", "dGhlIHNhbXBsZSBub25jZXh5"]
        {
            assert_eq!(Key::new(header.as_bytes()), None, "{header}");
        }
    }
}
