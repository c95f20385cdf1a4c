//! Reads the ClientHello of a connection that may be for another server, and the name in it. It takes more than rustls does: the
//! other server may speak versions that rustls doesn't, and get longer messages.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Semaphore;

use crate::net::challenges;

/// The most bytes that are read, with the heads of records.
const MAX_BYTES: usize = 64 * 1024;

/// How many bytes any number of connections may have sent at a time; those that send more are bounded in number.
const USUAL_BYTES: usize = 16 * 1024;

/// Hellos that are longer than that. Each takes twice [`MAX_BYTES`] at most.
static LONG_HELLOS: Semaphore = Semaphore::const_new(256);

/// The least that is read at once.
const READ: usize = 2048;

/// The bytes of a record's head: the type, a version, and the length of what follows.
const RECORD_HEAD: usize = 5;

/// The most bytes that a record may have (RFC 8446, section 5.1).
const MAX_RECORD: usize = 1 << 14;

/// The type of a record with handshake messages, and of a message that is a ClientHello.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// The bytes of a handshake message's head: the type and the length.
const MESSAGE_HEAD: usize = 4;

/// The number of the extension with names, and the type of a name in it that is a host's (RFC 6066, section 3).
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

/// The number of the extension with the protocols that a client speaks inside (RFC 7301).
const PROTOCOLS: u16 = 16;

/// What a connection begins with.
#[derive(Default, Debug)]
pub(crate) struct Hello {
    /// All that was read.
    pub(crate) bytes: Vec<u8>,
    /// The name that the client asks for, in lower case; none if it isn't a ClientHello, or names nothing.
    pub(crate) name: Option<String>,
    /// Whether it is the challenge of a certificate authority, which speaks nothing else (RFC 8737, section 3).
    pub(crate) is_challenge: bool,
}

/// Reads the ClientHello that `stream` begins with, of which the bytes in `read` were read already. What is no ClientHello has no
/// name.
///
/// # Errors
/// The stream's; if it ends.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin), read: Vec<u8>) -> io::Result<Hello> {
    let (mut bytes, mut reader, mut long) = (read, Reader::default(), None);
    loop {
        if bytes.len() > USUAL_BYTES && long.is_none() {
            long = Some(LONG_HELLOS.try_acquire().map_err(io::Error::other)?);
        }
        match reader.advance(&bytes) {
            Progress::More if bytes.len() < MAX_BYTES => {}
            Progress::More | Progress::Other => return Ok(Hello { bytes, ..Hello::default() }),
            Progress::Done => {
                let is_challenge = is_challenge(&reader.message).unwrap_or_default();
                return Ok(Hello { bytes, name: server_name(&reader.message), is_challenge });
            }
        }
        bytes.reserve(READ.min(MAX_BYTES - bytes.len()));
        if (&mut *stream).take((MAX_BYTES - bytes.len()) as u64).read_buf(&mut bytes).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Takes a message out of the records that it comes in, each of which is looked at once.
#[derive(Default)]
struct Reader {
    /// How many bytes were looked at.
    at: usize,
    /// How many of the bytes from there on belong to the record that has begun.
    in_record: usize,
    message: Vec<u8>,
}

#[derive(PartialEq, Eq, Debug)]
enum Progress {
    /// Some of it is missing.
    More,
    /// The message is complete.
    Done,
    /// It isn't a ClientHello.
    Other,
}

impl Reader {
    /// Goes on with `bytes`, which begin with those of the last time.
    fn advance(&mut self, bytes: &[u8]) -> Progress {
        while self.at < bytes.len() {
            if self.in_record == 0 {
                let Some(head) = bytes[self.at..].first_chunk::<RECORD_HEAD>() else {
                    return if bytes[self.at] == HANDSHAKE { Progress::More } else { Progress::Other };
                };
                self.in_record = usize::from(u16::from_be_bytes([head[3], head[4]]));
                // A record with nothing of a message is no fragment of one.
                if head[0] != HANDSHAKE || head[1] != 3 || !(1..=MAX_RECORD).contains(&self.in_record) {
                    return Progress::Other;
                }
                self.at += RECORD_HEAD;
            }
            let some = self.in_record.min(bytes.len() - self.at);
            self.message.extend_from_slice(&bytes[self.at..][..some]);
            self.at += some;
            self.in_record -= some;
            match self.length() {
                None => return Progress::Other,
                Some(length) if length > MAX_BYTES => return Progress::Other,
                Some(length) if self.message.len() >= length => {
                    self.message.truncate(length);
                    return Progress::Done;
                }
                Some(_) => {}
            }
        }
        Progress::More
    }

    /// How long the message is with its head, as far as that is known; none if it isn't a ClientHello.
    fn length(&self) -> Option<usize> {
        match self.message[..] {
            [] => Some(MESSAGE_HEAD),
            [CLIENT_HELLO, high, middle, low, ..] => {
                Some(MESSAGE_HEAD + u32::from_be_bytes([0, high, middle, low]) as usize)
            }
            [CLIENT_HELLO, ..] => Some(MESSAGE_HEAD),
            _ => None,
        }
    }
}

/// The content of an extension of a ClientHello. None if there is none, or more than one.
fn extension(message: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut hello = Fields(message.get(MESSAGE_HEAD..)?);
    // The version and the random bytes; the session; the ciphers; the compressions.
    hello.take(2 + 32)?;
    hello.short_list()?;
    hello.list()?;
    hello.short_list()?;
    let mut extensions = Fields(hello.list()?);
    let mut found = None;
    while !extensions.0.is_empty() {
        let (kind, content) = (extensions.number()?, extensions.list()?);
        if kind == wanted && found.replace(content).is_some() {
            return None;
        }
    }
    found
}

fn is_challenge(message: &[u8]) -> Option<bool> {
    let mut protocols = Fields(Fields(extension(message, PROTOCOLS)?).list()?);
    Some(protocols.short_list()? == challenges::PROTOCOL && protocols.0.is_empty())
}

/// The name in a ClientHello. None if there is none, or it can't be told which.
fn server_name(message: &[u8]) -> Option<String> {
    let mut names = Fields(Fields(extension(message, SERVER_NAME)?).list()?);
    while !names.0.is_empty() {
        let (kind, name) = (names.take(1)?[0], names.list()?);
        if kind == HOST_NAME {
            let is_name = |byte: &u8| byte.is_ascii_graphic();
            let name = std::str::from_utf8(name).ok().filter(|name| name.as_bytes().iter().all(is_name))?;
            return Some(name.trim_end_matches('.').to_ascii_lowercase()).filter(|name| !name.is_empty());
        }
    }
    None
}

/// The fields of a message, one after another.
struct Fields<'m>(&'m [u8]);

impl<'m> Fields<'m> {
    fn take(&mut self, length: usize) -> Option<&'m [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// Bytes after their number in two bytes.
    fn list(&mut self) -> Option<&'m [u8]> {
        let length = self.number()?;
        self.take(length.into())
    }

    /// Bytes after their number in one byte.
    fn short_list(&mut self) -> Option<&'m [u8]> {
        let length = self.take(1)?[0];
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests;
