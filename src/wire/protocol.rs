//! Every JSON message that a page and the server exchange, in both directions. `docs/websocket.md` documents them and
//! `js/onlookers.d.ts` types them; `tests/source/protocol.rs` compares all three.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};

use onlookers_rooms::{Counts, Page, Position, Reader, ReaderName, RoomName, ViewerId};

pub use data::Data;

mod data;

/// A message from a page.
#[derive(Deserialize, Debug, PartialEq)]
#[serde(tag = "type", rename_all = "lowercase")]
#[expect(missing_docs, reason = "docs/websocket.md says what each field is")]
pub enum ClientMessage {
    /// Count me in that room, and send me its messages.
    Join { room: String },
    /// Leave that room.
    Leave { room: String },
    /// I am the visitor whom the page knows by this id; with `null`, an anonymous one again.
    Session { id: Option<SessionId> },
    /// My reader is here in the page.
    Presence { position: Position, name: Option<ReaderName>, room: Option<String> },
    /// Pass this on to everybody else in the room. Parsed as a `ForOthers`.
    #[serde(skip_deserializing)]
    Message { data: Data, room: Option<String> },
    /// Answer with a pong.
    Ping,
    /// I have come, as pages of other counters say it: answer with the counts. The connection itself counts, so nothing changes.
    Increment,
    /// I am going; likewise.
    Decrement,
}

/// The type of a message from a page, which may have any other fields.
#[derive(Deserialize)]
struct Tag<'t> {
    #[serde(rename = "type", borrow)]
    name: Cow<'t, str>,
}

/// The fields of [`ClientMessage::Message`].
#[derive(Deserialize)]
struct ForOthers {
    data: Data,
    room: Option<String>,
}

/// A message to a page.
#[derive(Serialize, Debug)]
#[serde(tag = "type", rename_all = "lowercase")]
#[expect(missing_docs, reason = "docs/websocket.md says what each field is")]
pub enum ServerMessage<'a> {
    /// The counts of a room, at once and after each change.
    #[serde(rename = "update/count")]
    Count { room: &'a str, count: u64, visitors: u64 },
    /// Another viewer has come.
    Join { room: &'a str, id: ViewerId, name: Option<&'a ReaderName> },
    /// Another viewer has gone.
    Leave { room: &'a str, id: ViewerId },
    /// Another viewer's reader is here in the page.
    Presence {
        room: &'a str,
        id: ViewerId,
        name: Option<&'a ReaderName>,
        position: Position,
        joined_at: u64,
        updated_at: u64,
    },
    /// Another viewer sends this to everybody in the room.
    Message { room: &'a str, from: ViewerId, data: &'a Data },
    /// The pages of the site with most open tabs, most first.
    Top { pages: Vec<TopPage<'a>> },
    /// A message of the page can't be obeyed: the code is for scripts, the reason for people.
    Error { code: &'static str, reason: &'a str },
    /// The answer to [`ClientMessage::Ping`].
    Pong,
}

/// One line of [`ServerMessage::Top`].
#[derive(Serialize, Hash, Debug)]
pub struct TopPage<'a> {
    /// Its path.
    #[serde(serialize_with = "page_as_text")]
    pub page: Page,
    /// Open tabs.
    pub count: u64,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
}

/// The id by which a page knows its visitor: 1 to 128 bytes.
#[derive(Deserialize, Debug, PartialEq)]
#[serde(try_from = "String")]
pub struct SessionId(String);

/// The longest session id, in bytes.
const MAX_SESSION_ID: usize = 128;

/// The most of a parser's sentence that is sent to the page, in bytes.
const MAX_REASON: usize = 200;

/// Why a message of a page can't be obeyed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// Not JSON, or an unknown message; says why.
    BadMessage(String),
    /// Not the name of a room.
    BadRoom,
    /// Not a room of this site, or not one of those that it may have.
    NotAllowed,
    /// In as many rooms as one connection may be in.
    TooManyRooms,
    /// There are as many rooms as there may be.
    Full,
    /// Not in that room.
    NotThere,
    /// Switched off for this site; says what.
    NotEnabled(&'static str),
    /// A viewer that isn't counted has no position, and one of another site says nothing.
    OnlyLooking,
    /// Too many messages of this page wait in this room.
    Busy,
    /// Too many messages from this connection, which is closed for it.
    TooFast,
}

impl ClientMessage {
    /// Parses one text message.
    ///
    /// # Errors
    /// [`ClientError::BadMessage`].
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        Self::parse_json(text).map_err(|error| {
            let mut reason = error.to_string();
            reason.truncate(reason.floor_char_boundary(MAX_REASON));
            ClientError::BadMessage(reason)
        })
    }

    /// An enum with its tag inside parses all fields into values, to look for the tag, and there numbers lose their digits. So
    /// messages with data are recognised first.
    fn parse_json(text: &str) -> serde_json::Result<Self> {
        match serde_json::from_str(text) {
            Ok(Tag { name }) if name == "message" => {
                serde_json::from_str(text).map(|ForOthers { data, room }| Self::Message { data, room })
            }
            _ => serde_json::from_str(text),
        }
    }
}

impl<'a> ServerMessage<'a> {
    /// The position of a reader of `room`.
    pub fn presence(room: &'a str, id: ViewerId, reader: &'a Reader) -> Self {
        let Reader { position, name, joined_at, updated_at } = reader;
        let (position, joined_at, updated_at) = (*position, *joined_at, *updated_at);
        Self::Presence { room, id, name: name.as_ref(), position, joined_at, updated_at }
    }

    /// One line of JSON.
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl<'a> From<&'a ClientError> for ServerMessage<'a> {
    fn from(error: &'a ClientError) -> Self {
        let (code, reason) = match error {
            ClientError::BadMessage(why) => ("bad-message", why.as_str()),
            ClientError::BadRoom => ("bad-room", "not the name of a room"),
            ClientError::NotAllowed => ("not-allowed", "not a room that this page may join"),
            ClientError::TooManyRooms => ("too-many-rooms", "one connection may be in 32 rooms"),
            ClientError::Full => ("full", "there are as many rooms as there may be"),
            ClientError::NotThere => ("not-there", "not in that room"),
            ClientError::NotEnabled(reason) => ("not-enabled", *reason),
            ClientError::OnlyLooking => ("only-looking", "a viewer that only looks can do no more"),
            ClientError::Busy => ("busy", "too many of your messages wait in this room"),
            ClientError::TooFast => ("too-fast", "one connection may send 20 messages a second"),
        };
        Self::Error { code, reason }
    }
}

impl SessionId {
    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SessionId {
    type Error = &'static str;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        let fits = (1..=MAX_SESSION_ID).contains(&id.len());
        if fits { Ok(Self(id)) } else { Err("the id of a session has 1 to 128 bytes") }
    }
}

/// `{"type":"update/count","room":"example.com/posts/1","count":12,"visitors":9}`.
pub fn count(room: &RoomName, Counts { tabs, visitors }: Counts) -> String {
    ServerMessage::Count { room: &room.to_string(), count: tabs, visitors }.to_json()
}

fn page_as_text<S: Serializer>(page: &Page, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(page.as_str())
}

#[cfg(test)]
mod tests;
