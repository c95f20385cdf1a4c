//! A topic: what the members of a group receive of their room.

use std::time::Duration;

use onlookers_rooms::Room;
use serde::{Deserialize, Serialize};

use super::channel::Context;
use crate::settings::Titles;
use crate::wire::protocol::{self, ServerMessage, TopPage};

/// A part of a room's state that WebSockets can receive.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The counts and the other viewers, as JSON messages.
    Counts,
    /// The counts alone, for clients that only look.
    CountsAlone,
    /// The number of open tabs alone, as livecount's widget wants it.
    Number,
    /// The pages of a site with most open tabs.
    Top {
        /// How many of them.
        rows: u8,
    },
}

impl Topic {
    /// The least time between two updates.
    pub(super) fn min_gap(self) -> Duration {
        match self {
            Self::Counts | Self::CountsAlone | Self::Number => Duration::from_millis(100),
            Self::Top { .. } => Duration::from_secs(1),
        }
    }

    /// The message that has the state of `room` now.
    pub(super) fn text(self, room: &Room, context: &Context) -> String {
        match self {
            Self::Number => room.counts().tabs.to_string(),
            Self::Counts | Self::CountsAlone => protocol::count(&room.name(), room.counts()),
            Self::Top { rows } => {
                let titles = context.titles();
                ServerMessage::Top { pages: top(room, usize::from(rows), &titles) }.to_json()
            }
        }
    }
}

/// The pages of a site with most open tabs, and the titles of those that have one.
pub(super) fn top<'t>(room: &Room, rows: usize, titles: &'t Titles) -> Vec<TopPage<'t>> {
    let top = room.top(rows).into_iter();
    top.map(|(page, count)| TopPage { title: titles.find(room.site(), &page), page, count }).collect()
}
