//! A WebSocket: its messages, how many it may send, and how it closes.

use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::allowance::Allowance;
use super::base64::Base64;
use super::session::{Session, SessionRecord};
use super::socket::Gone;
use crate::app::App;
use crate::feeds::Batch;
use crate::metrics::Leave;
use crate::wire::frame::{self, CloseCode, Decoder, Incoming};
use crate::wire::protocol::{ClientError, ServerMessage};

/// After so many pings without an answer a page has gone.
const MAX_UNANSWERED: u8 = 2;

/// How many bytes a page may send while its connection closes.
const MAX_IGNORED: u32 = 64 * 1024;

/// How a WebSocket's messages are written.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// In JSON, both ways.
    Json,
    /// The server sends the counts in JSON, and obeys no message of the page.
    CountsAlone,
    /// The server sends a number; messages of the page are ignored.
    Number,
}

/// A WebSocket, as it is written down for another process.
#[derive(Serialize, Deserialize, Debug)]
pub(super) struct WebSocketRecord {
    format: Format,
    session: SessionRecord,
    /// Of a message that has come in part: a frame, and fragments.
    #[serde(default, skip_serializing_if = "Base64::is_empty")]
    frame: Base64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fragments: Option<Base64>,
    #[serde(default)]
    unanswered: u8,
}

/// Why a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Gone,
    /// It has taken nothing, or answered no ping, for too long.
    TimedOut,
    /// Its page has closed it, with this code.
    Close(u16),
    /// Its page has broken the protocol.
    Broken(CloseCode),
    /// The server ends it, for this reason.
    Ended(Leave),
    /// It is to be closed, because its page sends more than it may.
    TooFast,
}

pub(super) struct WebSocket {
    pub(super) session: Session,
    pub(super) format: Format,
    /// Only while a message has come in part.
    decoder: Option<Box<Decoder>>,
    allowance: Allowance,
    /// How many pings in a row were not answered.
    unanswered: u8,
    /// How many bytes came since the close frame was sent, if it was. They are read until the page closes, too: to close
    /// with them unread would be a reset, which can overtake the close frame.
    ignored: Option<u32>,
}

impl WebSocket {
    pub(super) fn new(session: Session, format: Format) -> Self {
        let allowance = Allowance::new(Instant::now());
        Self { session, format, decoder: None, allowance, unanswered: 0, ignored: None }
    }

    pub(super) fn record(&self) -> WebSocketRecord {
        let (frame, fragments) = self.decoder.as_ref().map_or((&[][..], None), |decoder| decoder.parts());
        WebSocketRecord {
            format: self.format,
            session: self.session.record(),
            frame: Base64::of(frame),
            fragments: fragments.map(Base64::of),
            unanswered: self.unanswered,
        }
    }

    /// The same WebSocket, which may send as much at once as a new one.
    pub(super) fn from_record(record: WebSocketRecord, app: &App) -> Self {
        let WebSocketRecord { format, session, frame, fragments, unanswered } = record;
        let decoder = Decoder::begun(frame.into_vec(), fragments.map(Base64::into_vec));
        let decoder = (!decoder.is_empty()).then(|| Box::new(decoder));
        Self { decoder, unanswered, ..Self::new(Session::from_record(session, app), format) }
    }

    /// Whether something is kept that its page has sent.
    pub(super) fn has_begun_message(&self) -> bool {
        self.decoder.is_some()
    }

    /// The bytes of a batch for the room in `slot`; none if there is nothing new for it.
    pub(super) fn bytes_of<'b>(&self, batch: &'b Batch, slot: u8) -> Option<&'b Bytes> {
        batch.bytes_for(self.session.id, self.session.room(slot)?.since)
    }

    /// The newest of the room in `slot`, as it is now; nothing of a room that was left.
    pub(super) fn newest(&mut self, slot: u8) -> Bytes {
        let (id, mut newest) = (self.session.id, Vec::new());
        if let Some(room) = self.session.room_mut(slot) {
            room.since = room.membership.group().write_newest(id, &mut newest);
        }
        newest.into()
    }

    /// Charges the page for bytes that came from it.
    ///
    /// # Errors
    /// [`End`], if they are more than it may send.
    pub(super) fn charge(&mut self, bytes: usize, now: Instant) -> Result<(), End> {
        if let Some(ignored) = &mut self.ignored {
            *ignored += bytes as u32;
            return if *ignored > MAX_IGNORED { Err(End::Gone) } else { Ok(()) };
        }
        if self.allowance.bytes(bytes, now) { Ok(()) } else { Err(End::TooFast) }
    }

    /// Accepts text that came from the page.
    pub(super) fn receive(&mut self, text: &[u8]) {
        if self.ignored.is_none() && !text.is_empty() {
            self.decoder.get_or_insert_default().feed(text);
        }
    }

    /// The next message that has come whole.
    ///
    /// # Errors
    /// [`End`], if the bytes break the protocol, if it is the page's close frame, or one message too many.
    pub(super) fn next_message(&mut self, now: Instant) -> Result<Option<Incoming>, End> {
        let Some(decoder) = &mut self.decoder else { return Ok(None) };
        let message = decoder.next_message()?;
        if decoder.is_empty() {
            self.decoder = None;
        }
        // Whatever it is, the page is there.
        self.unanswered = if message.is_some() { 0 } else { self.unanswered };
        match message {
            Some(Incoming::Close(code)) => Err(End::Close(code.unwrap_or(CloseCode::Normal as u16))),
            Some(_) if !self.allowance.message(now) => Err(End::TooFast),
            message => Ok(message),
        }
    }

    /// Whether a ping is to be sent.
    ///
    /// # Errors
    /// [`End`], if none of the last was answered.
    pub(super) fn is_pinged(&mut self) -> Result<bool, End> {
        if self.is_closing() {
            return Ok(false);
        }
        if self.unanswered == MAX_UNANSWERED {
            return Err(End::TimedOut);
        }
        self.unanswered += 1;
        Ok(true)
    }

    /// Marks the connection as closing; false if the close frame was already sent.
    pub(super) fn start_closing(&mut self) -> bool {
        self.decoder = None;
        self.ignored.replace(0).is_none()
    }

    pub(super) fn is_closing(&self) -> bool {
        self.ignored.is_some()
    }
}

impl End {
    /// How the end of a viewer is counted.
    pub(super) fn reason(self) -> Leave {
        match self {
            Self::Gone | Self::Close(_) => Leave::Closed,
            Self::TimedOut => Leave::TimedOut,
            Self::Broken(_) => Leave::Protocol,
            Self::Ended(reason) => reason,
            Self::TooFast => Leave::TooFast,
        }
    }

    /// The last bytes for the page; none if it has gone.
    pub(super) fn farewell(self) -> Option<Vec<u8>> {
        match self {
            Self::Gone | Self::TimedOut => None,
            Self::Close(code) => Some(frame::close(code)),
            Self::Broken(code) => Some(frame::close(code as u16)),
            Self::Ended(Leave::Denied) => Some(frame::close(CloseCode::Policy as u16)),
            Self::Ended(_) => Some(frame::close(CloseCode::GoingAway as u16)),
            Self::TooFast => {
                let mut bytes = frame::text(&ServerMessage::from(&ClientError::TooFast).to_json());
                bytes.extend(frame::close(CloseCode::Policy as u16));
                Some(bytes)
            }
        }
    }
}

impl From<Gone> for End {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl From<CloseCode> for End {
    fn from(code: CloseCode) -> Self {
        Self::Broken(code)
    }
}
