//! TLS of a connection, as it is written down for another process. There is only one process at a time that seals with its keys.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Incoming, State, Tls};
use crate::net::address::ClientNetwork;
use crate::net::tls::TlsClients;
use crate::transport::base64::Base64;
use crate::wire::record::{Cipher, Keys};

/// Keys of both directions, and what has come of a record.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct TlsRecord {
    sends: KeysRecord,
    receives: KeysRecord,
    #[serde(default, skip_serializing_if = "Base64::is_empty")]
    partial: Base64,
    /// The client that this is a connection of.
    #[serde(default)]
    client: Option<IpAddr>,
}

#[derive(Serialize, Deserialize, Debug)]
struct KeysRecord {
    cipher: Cipher,
    key: Base64,
    iv: Base64,
    number: u64,
}

impl TlsRecord {
    /// The same, where the next record that is sealed has another number.
    pub(in crate::transport) fn with_sequence(mut self, number: u64) -> Self {
        self.sends.number = number;
        self
    }
}

impl KeysRecord {
    fn of(keys: &Keys) -> Self {
        let (cipher, key, iv) = keys.secrets();
        Self { cipher, key: Base64::of(key), iv: Base64::of(&iv), number: keys.number() }
    }

    fn keys(&self) -> Option<Keys> {
        Keys::new(self.cipher, &self.key.0, self.iv.0.as_slice().try_into().ok()?, self.number)
    }
}

impl Tls {
    /// None of a connection that can't go on in another process: with TLS 1.2, or after the client's last record.
    pub(in crate::transport) fn record(&self) -> Option<TlsRecord> {
        let State::Keys { sends, receives } = &self.state else { return None };
        (!self.has_closed).then(|| TlsRecord {
            sends: KeysRecord::of(sends),
            receives: KeysRecord::of(receives),
            partial: Base64::of(self.incoming.partial()),
            client: self.held.as_ref().map(|held| held.key().first_address()),
        })
    }

    /// The number of the next record that is sealed.
    pub(in crate::transport) fn sequence(&self) -> u64 {
        match &self.state {
            State::Keys { sends, .. } => sends.number(),
            State::Rustls { .. } => 0,
        }
    }

    /// Whether there is a record of it.
    pub(in crate::transport) fn is_movable(&self) -> bool {
        matches!(self.state, State::Keys { .. }) && !self.has_closed
    }

    /// None if the keys aren't such.
    pub(in crate::transport) fn from_record(record: TlsRecord, clients: &TlsClients) -> Option<Self> {
        let state = State::Keys { sends: record.sends.keys()?, receives: record.receives.keys()? };
        let held = record.client.map(|client| clients.acquire_again(ClientNetwork::of(client)));
        Some(Self { state, incoming: Incoming::begun(record.partial.into_vec()), has_closed: false, held })
    }
}
