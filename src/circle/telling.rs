//! What a circle is told, in the words of the protocol.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::feed::message;
use crate::room::{Page, Room, RoomName};

/// What the members of a circle hear of their room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Telling {
    /// The counts and the other viewers, as JSON messages.
    Counts,
    /// The number of open pages alone, as livecount's widget wants it.
    Number,
    /// A site's pages by viewers: so many of them.
    Top { rows: u8 },
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Said {
    #[serde(rename = "top")]
    Top { pages: Vec<Row> },
}

#[derive(Serialize)]
struct Row {
    #[serde(serialize_with = "as_text")]
    page: Page,
    count: u64,
}

fn as_text<S: Serializer>(page: &Page, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(page.as_str())
}

impl Telling {
    /// The least time between two tellings.
    pub(super) fn shortest_gap(self) -> Duration {
        match self {
            Self::Counts | Self::Number => Duration::from_millis(100),
            Self::Top { .. } => Duration::from_secs(1),
        }
    }

    /// What there is to be told of `room` now.
    pub(super) fn say(self, name: &RoomName, room: &Room) -> String {
        match self {
            Self::Number => room.counts().tabs.to_string(),
            Self::Counts => message::count(name, room.counts()),
            Self::Top { rows } => {
                let row = |(page, count)| Row { page, count };
                json(&Said::Top { pages: room.top(usize::from(rows)).into_iter().map(row).collect() })
            }
        }
    }
}

/// Strings, numbers and lists can't fail to be written.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
