//! The TLS of a connection that an event loop owns: text becomes records, and records text.
//!
//! Of TLS 1.3 the loop has the keys and nothing else of rustls (`wire/record.rs`). TLS 1.2 stays with rustls.

use std::io::{ErrorKind, Read, Write};

use rustls::{ConnectionTrafficSecrets, ExtractedSecrets, ProtocolVersion, ServerConnection};

use super::kept::Kept;
use super::socket::Gone;
use crate::net::tls::Held;
use crate::wire::record::{self, Cipher, HEAD, Keys, Kind, MAX_TEXT};

/// An alert in TLS: its level and description.
const CLOSE_NOTIFY: [u8; 2] = [1, 0];

/// An alert that announces a [`CLOSE_NOTIFY`].
const USER_CANCELED: u8 = 90;

/// Streams and WebSockets end in order when their keys may seal no more records than this: enough for what is sent until all
/// connections have been looked at.
const LAST_RECORDS: u64 = 1 << 16;

pub(super) struct Tls {
    state: State,
    _held: Option<Held>,
}

enum State {
    Keys(Keyed),
    Rustls(Box<ServerConnection>),
}

/// A connection with TLS 1.3.
struct Keyed {
    sends: Keys,
    receives: Keys,
    /// The beginning of a record of which the rest hasn't come.
    partial: Vec<u8>,
    kept: Kept,
    has_closed: bool,
}

impl Tls {
    /// Takes the keys of a connection whose handshake is over, and of which rustls has nothing left to send or to be read.
    ///
    /// # Errors
    /// rustls', if that isn't so.
    pub(super) fn take_over(connection: ServerConnection, held: Option<Held>) -> Result<Self, rustls::Error> {
        State::take_over(connection).map(|state| Self { state, _held: held })
    }

    /// Appends one record with as much of `text` as fits, and returns how many bytes that is. It must be sent before the next is
    /// sealed.
    ///
    /// # Errors
    /// [`Gone`], if no more may be sealed.
    pub(super) fn seal(&mut self, text: &[u8], records: &mut Vec<u8>) -> Result<usize, Gone> {
        let text = &text[..text.len().min(MAX_TEXT)];
        match &mut self.state {
            State::Keys(keyed) => keyed.sends.seal(Kind::Data, text, records).map_err(|_| Gone)?,
            State::Rustls(connection) => {
                connection.writer().write_all(text).map_err(|_| Gone)?;
                drain(connection, records)?;
            }
        }
        Ok(text.len())
    }

    /// Appends the record that says that nothing more will come.
    pub(super) fn close(&mut self, records: &mut Vec<u8>) -> Result<(), Gone> {
        match &mut self.state {
            State::Keys(keyed) => keyed.sends.seal(Kind::Alert, &CLOSE_NOTIFY, records).map_err(|_| Gone),
            State::Rustls(connection) => {
                connection.send_close_notify();
                drain(connection, records)
            }
        }
    }

    /// Opens what has come, and hands the text on in pieces.
    ///
    /// # Errors
    /// [`Gone`], if it isn't what the peer may send, or the connection can't go on after it; or that of `each`.
    pub(super) fn receive<E: From<Gone>>(
        &mut self,
        bytes: &mut [u8],
        each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match &mut self.state {
            State::Keys(keyed) => keyed.receive(bytes, each),
            State::Rustls(connection) => receive(connection, bytes, each),
        }
    }

    /// Whether the peer has said that nothing more will come.
    pub(super) fn has_closed(&self) -> bool {
        match &self.state {
            State::Keys(keyed) => keyed.has_closed,
            // What it gives after that is the end.
            State::Rustls(_) => false,
        }
    }

    /// Whether the connection has to end because its keys are nearly used up.
    pub(super) fn is_worn_out(&self) -> bool {
        match &self.state {
            State::Keys(keyed) => keyed.sends.remaining() <= LAST_RECORDS,
            // rustls refuses to go on by itself, after 2^24 records.
            State::Rustls(_) => false,
        }
    }

    /// Whether an unfinished record is kept.
    pub(super) fn has_partial(&self) -> bool {
        match &self.state {
            State::Keys(keyed) => keyed.kept.bytes() > 0,
            // At most one record, as here.
            State::Rustls(_) => false,
        }
    }
}

impl State {
    fn take_over(connection: ServerConnection) -> Result<Self, rustls::Error> {
        if connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            return Ok(Self::Rustls(Box::new(connection)));
        }
        let ExtractedSecrets { tx, rx } = connection.dangerous_extract_secrets()?;
        let unknown = || rustls::Error::General("a cipher that isn't known here".to_owned());
        let [sends, receives] = [tx, rx].map(|(number, secrets)| keys(&secrets, number));
        let (sends, receives) = (sends.ok_or_else(unknown)?, receives.ok_or_else(unknown)?);
        Ok(Self::Keys(Keyed {
            sends,
            receives,
            partial: Vec::new(),
            kept: Kept::default(),
            has_closed: false,
        }))
    }
}

impl Keyed {
    fn receive<E: From<Gone>>(
        &mut self,
        mut bytes: &mut [u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !(bytes.is_empty() || self.has_closed) {
            if self.partial.is_empty()
                && let Some(length) = whole_record(bytes)?
            {
                let (record, rest) = bytes.split_at_mut(length);
                self.open(record, &mut each)?;
                bytes = rest;
                continue;
            }
            let missing = self.missing(bytes.len())?;
            let (more, rest) = bytes.split_at_mut(missing);
            self.partial.extend_from_slice(more);
            bytes = rest;
            if whole_record(&self.partial)? == Some(self.partial.len()) {
                let mut record = std::mem::take(&mut self.partial);
                self.open(&mut record, &mut each)?;
            }
        }
        if self.partial.len() != self.kept.bytes() {
            self.kept.set(self.partial.len());
        }
        Ok(())
    }

    /// How many of `there` more bytes belong to the record that has begun, as far as its length is known.
    fn missing(&self, there: usize) -> Result<usize, Gone> {
        let wanted = match self.partial.first_chunk::<HEAD>() {
            Some(head) => HEAD + record::sealed_length(head).map_err(|_| Gone)?,
            None => HEAD,
        };
        Ok(there.min(wanted - self.partial.len()))
    }

    fn open<E: From<Gone>>(
        &mut self,
        record: &mut [u8],
        each: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.receives.open(record).map_err(|_| Gone)? {
            (Kind::Data, text) => each(text),
            (Kind::Alert, alert) if alert == CLOSE_NOTIFY => {
                self.has_closed = true;
                Ok(())
            }
            (Kind::Alert, [_, USER_CANCELED]) => Ok(()),
            // A change of keys among them: those here can't follow it.
            (Kind::Alert | Kind::Handshake, _) => Err(Gone.into()),
        }
    }
}

/// The length of the record that `bytes` begin with, if all of it is there.
fn whole_record(bytes: &[u8]) -> Result<Option<usize>, Gone> {
    let Some(head) = bytes.first_chunk::<HEAD>() else { return Ok(None) };
    let length = HEAD + record::sealed_length(head).map_err(|_| Gone)?;
    Ok((bytes.len() >= length).then_some(length))
}

fn keys(secrets: &ConnectionTrafficSecrets, number: u64) -> Option<Keys> {
    let (cipher, key, iv) = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Cipher::Aes128, key, iv),
        ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Cipher::Aes256, key, iv),
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (Cipher::ChaCha20, key, iv),
        _ => return None,
    };
    Keys::new(cipher, key.as_ref(), iv.as_ref().try_into().ok()?, number)
}

/// Appends what rustls has to send.
fn drain(connection: &mut ServerConnection, records: &mut Vec<u8>) -> Result<(), Gone> {
    while connection.wants_write() {
        connection.write_tls(records).map_err(|_| Gone)?;
    }
    Ok(())
}

fn receive<E: From<Gone>>(
    connection: &mut ServerConnection,
    bytes: &[u8],
    mut each: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let (mut bytes, mut text) = (bytes, [0; 4096]);
    while !bytes.is_empty() {
        connection.read_tls(&mut bytes).map_err(|_| Gone)?;
        connection.process_new_packets().map_err(|_| Gone)?;
        loop {
            match connection.reader().read(&mut text) {
                Ok(0) => return Err(Gone.into()),
                Ok(length) => each(&text[..length])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Err(Gone.into()),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
