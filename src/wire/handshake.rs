//! The opening of a WebSocket (RFC 6455, section 4.2).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1_smol::Sha1;

/// A server appends this to a client's key, to show that it knows the protocol (section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A client's key: 16 bytes in base64.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key([u8; KEY]);

/// The length of a key, in characters.
const KEY: usize = 24;

impl Key {
    /// The key that a header holds, if it is one.
    pub fn new(header: &[u8]) -> Option<Self> {
        let key = header.try_into().ok()?;
        let bytes = BASE64_STANDARD.decode(header).ok()?;
        (bytes.len() == 16).then_some(Self(key))
    }

    /// A key of these bytes, as a client sends it.
    pub fn of_bytes(bytes: [u8; 16]) -> Self {
        let mut key = [0; KEY];
        key.copy_from_slice(BASE64_STANDARD.encode(bytes).as_bytes());
        Self(key)
    }

    /// The key as the header has it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What accepts it.
    pub fn accept(&self) -> String {
        let mut hash = Sha1::from(self.0);
        hash.update(GUID);
        BASE64_STANDARD.encode(hash.digest().bytes())
    }

    /// Appends the response that accepts it.
    pub fn write_accept(&self, buffer: &mut Vec<u8>) {
        let accept = self.accept();
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        buffer.extend_from_slice(head.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_accepted_as_in_the_rfcs_example() {
        let mut head = Vec::new();
        Key::new(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap().write_accept(&mut head);
        let head = String::from_utf8(head).unwrap();
        assert!(head.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    }

    #[test]
    fn text_that_is_no_key_is_refused() {
        for header in ["", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ!!", "dGhlIHNhbXBsZSBub25jZXh5"]
        {
            assert_eq!(Key::new(header.as_bytes()), None, "{header}");
        }
    }
}
