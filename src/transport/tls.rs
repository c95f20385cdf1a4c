//! The TLS of a connection that an event loop owns: text becomes records, and records text.
//!
//! Of TLS 1.3 the loop has the keys and nothing else of rustls (`wire/record.rs`). TLS 1.2 stays with rustls.

use std::io::{ErrorKind, Read, Write};

use rustls::{ConnectionTrafficSecrets, ExtractedSecrets, ProtocolVersion, ServerConnection};

use super::socket::Gone;
use crate::net::tls::Held;
use crate::wire::record::{Cipher, Keys, Kind, MAX_TEXT};
use incoming::Incoming;
pub(super) use record::TlsRecord;

mod incoming;
mod record;

/// An alert in TLS: its level and description.
const CLOSE_NOTIFY: [u8; 2] = [1, 0];

/// An alert that announces a [`CLOSE_NOTIFY`].
const USER_CANCELED: u8 = 90;

/// Streams and WebSockets end in order when their keys may seal no more records than this: enough for what is sent until all
/// connections have been looked at.
const LAST_RECORDS: u64 = 1 << 16;

/// How many records a connection of TLS 1.2 may be sent: rustls refuses more.
const MOST_RECORDS: u64 = 1 << 24;

pub(super) struct Tls {
    state: State,
    incoming: Incoming,
    /// The peer has said that nothing more will come.
    has_closed: bool,
    held: Option<Held>,
}

enum State {
    Keys { sends: Keys, receives: Keys },
    Rustls { connection: Box<ServerConnection>, sent: u64 },
}

/// What a record says.
enum Opened {
    Nothing,
    Close,
}

impl Tls {
    /// Takes the keys of a connection whose handshake is over, and of which rustls has nothing left to send or to be read.
    ///
    /// # Errors
    /// rustls', if that isn't so.
    pub(super) fn take_over(connection: ServerConnection, held: Option<Held>) -> Result<Self, rustls::Error> {
        let state = State::take_over(connection)?;
        Ok(Self { state, incoming: Incoming::default(), has_closed: false, held })
    }

    /// Appends one record with as much of `text` as fits, and returns how many bytes that is. It must be sent before the next is
    /// sealed.
    ///
    /// # Errors
    /// [`Gone`], if no more may be sealed.
    pub(super) fn seal(&mut self, text: &[u8], records: &mut Vec<u8>) -> Result<usize, Gone> {
        let text = &text[..text.len().min(MAX_TEXT)];
        match &mut self.state {
            State::Keys { sends, .. } => sends.seal(Kind::Data, text, records).map_err(|_| Gone)?,
            State::Rustls { connection, sent } => {
                let before = records.len();
                connection.writer().write_all(text).map_err(|_| Gone)?;
                drain(connection, records)?;
                *sent += 1;
                if records.len() == before && !text.is_empty() {
                    return Err(Gone);
                }
            }
        }
        Ok(text.len())
    }

    /// Appends the record that says that nothing more will come.
    pub(super) fn close(&mut self, records: &mut Vec<u8>) -> Result<(), Gone> {
        match &mut self.state {
            State::Keys { sends, .. } => sends.seal(Kind::Alert, &CLOSE_NOTIFY, records).map_err(|_| Gone),
            State::Rustls { connection, .. } => {
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
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { state, incoming, has_closed, .. } = self;
        if *has_closed {
            return Ok(());
        }
        incoming.cut(bytes, |record| {
            *has_closed = matches!(state.open(record, &mut each)?, Opened::Close);
            Ok(*has_closed)
        })
    }

    /// Whether the peer has said that nothing more will come.
    pub(super) fn has_closed(&self) -> bool {
        self.has_closed
    }

    /// Whether the connection has to end because its keys are nearly used up.
    pub(super) fn is_worn_out(&self) -> bool {
        let remaining = match &self.state {
            State::Keys { sends, .. } => sends.remaining(),
            State::Rustls { sent, .. } => MOST_RECORDS.saturating_sub(*sent),
        };
        remaining <= LAST_RECORDS
    }

    /// As if as many records had been sealed as may be before the end.
    #[cfg(test)]
    pub(super) fn wear_out(&mut self) {
        match &mut self.state {
            // Of which the client knows nothing: their number stays.
            State::Keys { sends, .. } => sends.limit_to(sends.number() + LAST_RECORDS),
            State::Rustls { sent, .. } => *sent = MOST_RECORDS - LAST_RECORDS,
        }
    }

    /// Whether an unfinished record is kept.
    pub(super) fn has_partial(&self) -> bool {
        !self.incoming.is_empty()
    }
}

impl State {
    fn take_over(connection: ServerConnection) -> Result<Self, rustls::Error> {
        if connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            return Ok(Self::Rustls { connection: Box::new(connection), sent: 0 });
        }
        let ExtractedSecrets { tx, rx } = connection.dangerous_extract_secrets()?;
        let unknown = || rustls::Error::General("a cipher that isn't known here".to_owned());
        let [sends, receives] = [tx, rx].map(|(number, secrets)| keys(&secrets, number));
        Ok(Self::Keys { sends: sends.ok_or_else(unknown)?, receives: receives.ok_or_else(unknown)? })
    }

    fn open<E: From<Gone>>(
        &mut self,
        record: &mut [u8],
        each: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Opened, E> {
        let receives = match self {
            Self::Keys { receives, .. } => receives,
            Self::Rustls { connection, .. } => return open(connection, record, each),
        };
        match receives.open(record).map_err(|_| Gone)? {
            (Kind::Data, text) => each(text).map(|()| Opened::Nothing),
            (Kind::Alert, alert) if alert == CLOSE_NOTIFY => Ok(Opened::Close),
            (Kind::Alert, [_, USER_CANCELED]) => Ok(Opened::Nothing),
            // A change of keys among them: those here can't follow it.
            (Kind::Alert | Kind::Handshake, _) => Err(Gone.into()),
        }
    }
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

/// Has rustls open a record.
fn open<E: From<Gone>>(
    connection: &mut ServerConnection,
    mut record: &[u8],
    each: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Opened, E> {
    let mut text = [0; 4096];
    while !record.is_empty() {
        connection.read_tls(&mut record).map_err(|_| Gone)?;
        connection.process_new_packets().map_err(|_| Gone)?;
        loop {
            match connection.reader().read(&mut text) {
                Ok(0) => return Ok(Opened::Close),
                Ok(length) => each(&text[..length])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Err(Gone.into()),
            }
        }
    }
    Ok(Opened::Nothing)
}

/// The end of a connection that can't be taken over, because its peer was to be told of new keys before: that, and the record
/// that says that nothing more will come. None if there is nothing of that kind.
pub(super) fn farewell(connection: &mut ServerConnection) -> Option<Vec<u8>> {
    // rustls says it before the next text.
    let _ = connection.writer().write(&[]);
    connection.wants_write().then(|| {
        connection.send_close_notify();
        let mut records = Vec::new();
        let _ = drain(connection, &mut records);
        records
    })
}

#[cfg(test)]
pub(super) mod tests;
