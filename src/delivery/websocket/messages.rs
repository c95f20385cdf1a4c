//! What a page says to the server, parsed once, and what it alone is told.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::circle::NotSaid;
use crate::room::{Position, ReaderName};

/// A page's message.
#[derive(Deserialize, Debug, PartialEq)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Asked {
    /// Count me in that room, and tell me of it.
    Join { room: String },
    /// And no longer.
    Leave { room: String },
    /// I am the one whom the page knows by this; or nobody in particular any more.
    Session { id: Option<SessionId> },
    /// I am there in the page; in that of the first room, if none is named.
    Presence { position: Position, name: Option<ReaderName>, room: Option<String> },
    /// Tell that to all others in the room.
    Message { data: Value, room: Option<String> },
    /// Are you there?
    Ping,
}

/// By what a page knows its visitor: 1 to 128 bytes.
#[derive(Deserialize, Debug, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct SessionId(String);

/// The longest, in bytes.
const LONGEST_SESSION: usize = 128;

/// What a page can have done that it is told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wrong {
    /// Not JSON, or no message that there is.
    NotUnderstood(String),
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
    /// Not what this site has its pages do.
    NotEnabled(&'static str),
    /// Who only looks is nowhere.
    OnlyLooking,
    /// It can't be passed on.
    NotSaid(NotSaid),
    /// More than it may say in that time; the connection is closed for it.
    TooFast,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Answer<'a> {
    Error { code: &'static str, reason: &'a str },
    Pong,
}

/// The most of a parser's sentence that is passed on, in bytes.
const LONGEST_REASON: usize = 200;

impl Asked {
    /// # Errors
    /// [`Wrong::NotUnderstood`].
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        serde_json::from_str(text).map_err(|error| {
            let mut reason = error.to_string();
            reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
            Wrong::NotUnderstood(reason)
        })
    }
}

impl SessionId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SessionId {
    type Error = &'static str;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        let fits = (1..=LONGEST_SESSION).contains(&id.len());
        if fits { Ok(Self(id)) } else { Err("the id of a session has 1 to 128 bytes") }
    }
}

impl Wrong {
    /// The message that says so.
    pub(super) fn text(&self) -> String {
        let (code, reason) = match self {
            Self::NotUnderstood(why) => ("bad-message", why.as_str()),
            Self::BadRoom => ("bad-room", "not the name of a room"),
            Self::NotAllowed => ("not-allowed", "not a room that this page may join"),
            Self::TooManyRooms => ("too-many-rooms", "one connection may be in 32 rooms"),
            Self::Full => ("full", "there are as many rooms as there may be"),
            Self::NotThere => ("not-there", "not in that room"),
            Self::NotEnabled(what) => ("not-enabled", *what),
            Self::OnlyLooking => ("only-looking", "who isn't counted isn't anywhere in the page"),
            Self::NotSaid(NotSaid::TooLong) => ("too-long", "a message may have 4096 bytes"),
            Self::NotSaid(NotSaid::Busy) => ("busy", "too much is being said in this room"),
            Self::TooFast => ("too-fast", "one connection may send 20 messages a second"),
        };
        json(&Answer::Error { code, reason })
    }
}

/// The answer to [`Asked::Ping`].
pub(super) fn pong() -> String {
    json(&Answer::Pong)
}

/// Strings and numbers can't fail to be written.
fn json(answer: &Answer<'_>) -> String {
    serde_json::to_string(answer).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood_and_what_is_not() {
        let room = || "example.com/a".to_owned();
        for (text, wanted) in [
            (r#"{"type":"join","room":"example.com/a"}"#, Asked::Join { room: room() }),
            (r#"{"room":"example.com/a","type":"leave","more":[1]}"#, Asked::Leave { room: room() }),
            (r#" {"type":"ping"} "#, Asked::Ping),
            (r#"{"type":"session","id":"ann"}"#, Asked::Session { id: Some(SessionId("ann".to_owned())) }),
            (r#"{"type":"session","id":null}"#, Asked::Session { id: None }),
            (
                r#"{"type":"presence","position":1}"#,
                Asked::Presence { position: 1.0.try_into().unwrap(), name: None, room: None },
            ),
            (r#"{"type":"message","data":null}"#, Asked::Message { data: Value::Null, room: None }),
        ] {
            assert_eq!(Asked::parse(text), Ok(wanted), "{text}");
        }
        for text in [
            "",
            "{",
            "null",
            "[]",
            r#"{"type":"x"}"#,
            r#"{"type":"join"}"#,
            r#"{"type":"join","room":1}"#,
            r#"{"type":"session","id":""}"#,
        ] {
            assert!(
                matches!(Asked::parse(text), Err(Wrong::NotUnderstood(why)) if !why.is_empty()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_long_complaint_is_cut() {
        let text = format!(r#"{{"type":"{}"}}"#, "ü".repeat(1000));
        let Err(Wrong::NotUnderstood(why)) = Asked::parse(&text) else { panic!("understood") };
        assert!(why.len() <= LONGEST_REASON);
    }
}
