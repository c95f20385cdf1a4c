//! Encryption of what nodes share: AES-256-GCM with a key from a file, a random nonce for each value, and the value's name as what
//! is authenticated along with it. So a value can't be read or made without the key, nor be put in another's place.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::files;

/// The longest key file, in bytes: 64 digits, with room for white space.
const LONGEST: usize = 256;

/// How many bytes the key has.
const KEY: usize = 32;

/// The first byte of each sealed value. Another way of sealing will have another one.
const VERSION: u8 = 1;

/// Seals values, and opens them.
#[derive(Debug)]
pub(super) struct Seal(LessSafeKey);

impl Seal {
    /// Reads the key from a file.
    ///
    /// # Errors
    /// The system's, or a sentence without what the file has.
    pub(super) fn load(path: &Path) -> io::Result<Self> {
        let at = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
        let text = Zeroizing::new(files::read(path, LONGEST).map_err(|error| at(&error))?);
        let key = key(&text).ok_or_else(|| {
            at(&"it has no 32 bytes in hexadecimal or base64; make it with: openssl rand -hex 32")
        })?;
        let seal = Self::new(&key).ok_or_else(|| at(&"it can't be used"))?;
        if path.metadata().is_ok_and(|file| file.mode() & 0o007 != 0) {
            tracing::warn!("{}: all users of this machine can use the key; run chmod 600", path.display());
        }
        Ok(seal)
    }

    fn new(key: &[u8]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new).map(Self)
    }

    /// `plain` as a value of that name; none if the system has no randomness.
    pub(super) fn seal(&self, name: &str, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = [&[VERSION], &nonce[..], plain].concat();
        let (head, text) = sealed.split_at_mut(1 + NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&head[1..]).ok()?;
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(name), text).ok()?;
        sealed.extend_from_slice(tag.as_ref());
        Some(sealed)
    }

    /// What was sealed under that name; none if it was with another key or name, or is something else.
    pub(super) fn open(&self, name: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let rest = sealed.strip_prefix(&[VERSION])?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(name), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

/// The bytes that the text of a file stands for, if they are as many as the key has.
fn key(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.trim_ascii();
    let key = if text.len() == 2 * KEY { of_digits(text)? } else { BASE64_STANDARD.decode(text).ok()? };
    Some(Zeroizing::new(key)).filter(|key| key.len() == KEY)
}

fn of_digits(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::tempdir;

    use super::*;

    fn seal(byte: u8) -> Seal {
        Seal::new(&[byte; KEY]).unwrap()
    }

    #[test]
    fn what_was_sealed_is_opened_under_its_name_and_by_its_key_alone() {
        let sealed = seal(1).seal("a", b"-----BEGIN PRIVATE KEY-----").unwrap();
        assert_eq!(**seal(1).open("a", &sealed).unwrap(), b"-----BEGIN PRIVATE KEY-----"[..]);
        assert!(!sealed.windows(7).any(|part| part == b"PRIVATE"));
        assert!(seal(1).open("b", &sealed).is_none());
        assert!(seal(2).open("a", &sealed).is_none());
        assert!(seal(1).open("a", &seal(1).seal("a", b"").unwrap()).unwrap().is_empty());
    }

    #[test]
    fn a_value_that_was_changed_is_not_opened() {
        let sealed = seal(1).seal("a", b"value").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(seal(1).open("a", &changed).is_none(), "{at}");
            assert!(seal(1).open("a", &sealed[..at]).is_none(), "{at}");
        }
    }

    #[test]
    fn the_same_value_is_never_sealed_the_same() {
        let sealed: std::collections::HashSet<_> = (0..1000).map(|_| seal(1).seal("a", b"value")).collect();
        assert_eq!(sealed.len(), 1000);
    }

    #[test]
    fn a_key_is_32_bytes_in_hexadecimal_or_base64() {
        let (folder, bytes) = (tempdir().unwrap(), (0..32).collect::<Vec<u8>>());
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let base64 = BASE64_STANDARD.encode(&bytes);
        for text in [&hex, &hex.to_uppercase(), &format!(" {hex}\n"), &base64, &format!("{base64}\r\n")] {
            assert_eq!(**key(text.as_bytes()).unwrap(), bytes[..], "{text}");
        }
        let file = folder.path().join("key");
        let longer = format!("{hex}00");
        for text in ["", "secret", &hex[1..], &longer, &base64[4..], &hex.replace('f', "g"), &"A".repeat(300)]
        {
            fs::write(&file, text).unwrap();
            let error = Seal::load(&file).unwrap_err().to_string();
            assert!(error.contains("no 32 bytes"), "{text}: {error}");
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
        fs::write(&file, base64).unwrap();
        Seal::load(&file).unwrap();
        assert!(Seal::load(folder.path()).unwrap_err().to_string().contains("it is not a file"));
    }
}
