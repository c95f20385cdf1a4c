//! TLS 1.3 records (RFC 8446, section 5.2), sealed and opened by ring with keys that rustls has agreed on.
//!
//! The keys stay as they are agreed on, 32 bytes at most, and are expanded for each record: ring's expanded key takes 544 bytes,
//! and making it 0.17 µs, a fortieth of what sending the record costs. An expanded key is on the stack for that time;
//! ring doesn't wipe it.

use std::fmt;

use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// The most bytes of text that a record has.
pub const MAX_TEXT: usize = 1 << 14;

/// The bytes of a record's head: the type, a version, and the length of what follows.
pub const HEAD: usize = 5;

/// The most bytes that may follow a head.
pub const MAX_SEALED: usize = MAX_TEXT + 256;

/// By how many bytes a record is longer than its text: the head, the kind of the text, and the tag.
pub const OVERHEAD: usize = HEAD + 1 + TAG;

/// All of the algorithms have a tag of this length, in bytes.
const TAG: usize = 16;

/// The type that every encrypted record claims to have.
const APPLICATION_DATA: u8 = 23;

/// The kinds of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A warning or the end.
    Alert = 21,
    /// A part of the handshake, as a change of keys.
    Handshake = 22,
    /// Bytes of the protocol above.
    Data = 23,
}

/// An algorithm of TLS 1.3.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Cipher {
    /// AES-GCM with 128 bits.
    Aes128,
    /// AES-GCM with 256 bits.
    Aes256,
    /// ChaCha20 with Poly1305.
    ChaCha20,
}

/// The keys of one direction of a connection, and the number of its next record. They are wiped when they are dropped.
pub struct Keys {
    cipher: Cipher,
    key: [u8; 32],
    iv: [u8; 12],
    number: u64,
    /// The number of the last record that may be sealed, and one.
    limit: u64,
}

/// A record that can't be sealed or opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordError {
    /// The keys have sealed as many records as they may.
    UsedUp,
    /// The text is longer than a record may have.
    TooLong,
    /// The record isn't one that the peer has sealed next.
    Forged,
}

impl Keys {
    /// Keys whose next record has this number; none if the key hasn't the cipher's length.
    pub fn new(cipher: Cipher, key: &[u8], iv: [u8; 12], number: u64) -> Option<Self> {
        if key.len() != cipher.algorithm().key_len() {
            return None;
        }
        let mut keys = Self { cipher, key: [0; 32], iv, number, limit: cipher.most_records() };
        keys.key[..key.len()].copy_from_slice(key);
        Some(keys)
    }

    /// How many more records the keys may seal (RFC 8446, section 5.5: with AES-GCM 2^24.5, of which rustls allows 2^24).
    pub fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.number)
    }

    /// The number of the next record.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The algorithm, the key, and the initialization vector.
    pub fn secrets(&self) -> (Cipher, &[u8], [u8; 12]) {
        (self.cipher, &self.key[..self.cipher.algorithm().key_len()], self.iv)
    }

    #[cfg(test)]
    pub(crate) fn limit_to(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Appends a record with `text` to `records`. A record must be sent once it is sealed, and before the next.
    ///
    /// # Errors
    /// [`RecordError`], if the text is too long or the keys are used up. Nothing is appended then.
    pub fn seal(&mut self, kind: Kind, text: &[u8], records: &mut Vec<u8>) -> Result<(), RecordError> {
        if text.len() > MAX_TEXT {
            return Err(RecordError::TooLong);
        }
        if self.remaining() == 0 {
            return Err(RecordError::UsedUp);
        }
        let head = head(text.len() + 1 + TAG);
        let start = records.len();
        records.reserve(text.len() + OVERHEAD);
        records.extend_from_slice(&head);
        records.extend_from_slice(text);
        records.push(kind as u8);
        let sealed = self.expanded().and_then(|(key, nonce)| {
            key.seal_in_place_separate_tag(nonce, Aad::from(head), &mut records[start + HEAD..]).ok()
        });
        let Some(tag) = sealed else {
            records.truncate(start);
            return Err(RecordError::UsedUp);
        };
        records.extend_from_slice(tag.as_ref());
        self.number += 1;
        Ok(())
    }

    /// Opens the next record in place: a head and as many bytes as it says.
    ///
    /// # Errors
    /// [`RecordError::Forged`], if it isn't that record.
    pub fn open<'r>(&mut self, record: &'r mut [u8]) -> Result<(Kind, &'r [u8]), RecordError> {
        let (head, sealed) = record.split_first_chunk_mut::<HEAD>().ok_or(RecordError::Forged)?;
        let is_whole = sealed_length(head).is_ok_and(|length| length == sealed.len());
        let (key, nonce) = self.expanded().filter(|_| is_whole).ok_or(RecordError::Forged)?;
        let text = key.open_in_place(nonce, Aad::from(*head), sealed).map_err(|_| RecordError::Forged)?;
        self.number += 1;
        // Zeros after the kind are padding.
        let end = text.iter().rposition(|byte| *byte != 0).ok_or(RecordError::Forged)?;
        let kind = match text[end] {
            21 => Kind::Alert,
            22 => Kind::Handshake,
            23 => Kind::Data,
            _ => return Err(RecordError::Forged),
        };
        if end > MAX_TEXT { Err(RecordError::TooLong) } else { Ok((kind, &text[..end])) }
    }

    /// The key and the nonce of the next record: its number, combined with the IV (RFC 8446, section 5.3).
    fn expanded(&self) -> Option<(LessSafeKey, Nonce)> {
        let algorithm = self.cipher.algorithm();
        let key = UnboundKey::new(algorithm, &self.key[..algorithm.key_len()]).ok()?;
        let mut nonce = self.iv;
        nonce[4..].iter_mut().zip(self.number.to_be_bytes()).for_each(|(byte, of_number)| *byte ^= of_number);
        Some((LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce)))
    }
}

/// How many bytes follow the head of an encrypted record.
///
/// # Errors
/// [`RecordError`], if it is no head of one, or they are too many.
pub fn sealed_length(head: &[u8; HEAD]) -> Result<usize, RecordError> {
    let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
    match head {
        [APPLICATION_DATA, 3, 3, ..] if length <= MAX_SEALED => Ok(length),
        [APPLICATION_DATA, 3, 3, ..] => Err(RecordError::TooLong),
        _ => Err(RecordError::Forged),
    }
}

fn head(length: usize) -> [u8; HEAD] {
    // At most `MAX_SEALED`.
    let [high, low] = (length as u16).to_be_bytes();
    [APPLICATION_DATA, 3, 3, high, low]
}

impl Cipher {
    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Aes128 => &AES_128_GCM,
            Self::Aes256 => &AES_256_GCM,
            Self::ChaCha20 => &CHACHA20_POLY1305,
        }
    }

    fn most_records(self) -> u64 {
        match self {
            Self::Aes128 | Self::Aes256 => 1 << 24,
            // The number itself ends first.
            Self::ChaCha20 => u64::MAX,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.key.zeroize();
        self.iv.zeroize();
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("cipher", &self.cipher)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UsedUp => "the keys have sealed as many records as they may",
            Self::TooLong => "a record is too long",
            Self::Forged => "a record isn't what the peer should have sent",
        })
    }
}

impl std::error::Error for RecordError {}

#[cfg(test)]
mod tests;
