//! Incoming records of TLS 1.3 (RFC 8446, 5.1 and 5.2), opened with extracted keys.

use super::Outcome;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::ConnectionTrafficSecrets;
use std::ops::Range;

const HEAD: usize = 5;
const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;

/// The length of the record at the start of `bytes`, if all of it is there.
pub(crate) fn length(bytes: &[u8]) -> Option<usize> {
    let &[_, _, _, high, low] = bytes.first_chunk::<HEAD>()?;
    let length = HEAD + usize::from(u16::from_be_bytes([high, low]));
    (bytes.len() >= length).then_some(length)
}

/// The receiving half of a connection.
pub(crate) struct Opener {
    key: LessSafeKey,
    iv: [u8; 12],
    number: u64,
}

impl Opener {
    pub(crate) fn new((number, secrets): (u64, ConnectionTrafficSecrets)) -> Outcome<Self> {
        let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else {
            return Err("the server chose a cipher that it wasn't offered".into());
        };
        let key = UnboundKey::new(&AES_128_GCM, key.as_ref()).map_err(|_| "an AES-128 key has 16 bytes")?;
        Ok(Self { key: LessSafeKey::new(key), iv: iv.as_ref().try_into()?, number })
    }

    /// Where in `record` its plaintext is. Session tickets are passed over.
    pub(crate) fn open(&mut self, record: &mut [u8]) -> Outcome<Range<usize>> {
        let (head, sealed) = record.split_first_chunk_mut::<HEAD>().ok_or("half a record")?;
        let plaintext = self
            .key
            .open_in_place(self.nonce(), Aad::from(*head), sealed)
            .map_err(|_| format!("record {} can't be opened", self.number))?;
        self.number += 1;
        // The kind comes last, before zeros that hide the length.
        let kind = plaintext.iter().rposition(|&byte| byte != 0).ok_or("a record of no kind")?;
        match plaintext[kind] {
            APPLICATION_DATA => Ok(HEAD..HEAD + kind),
            ALERT => Err("the server ended a stream".into()),
            _ => Ok(0..0),
        }
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(self.number.to_be_bytes()) {
            *byte ^= number;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}
