//! Positions and messages that members of a group send to each other. They go out at most five times a second. What
//! doesn't fit waits, up to a bound.

use std::time::Duration;

use onlookers_rooms::ViewerId;
use serde_json::Value;
use tokio::time::Instant;

use super::pace::PAUSE;
use crate::wire::frame;
use crate::wire::protocol::{ClientError, ServerMessage};
use messages::{Messages, Post};
use moves::Moves;

mod messages;
mod moves;

/// The least time between two updates; so nobody's position goes out more often than five times a second.
const MIN_GAP: Duration = Duration::from_millis(200);

/// How many positions go out at once.
const MAX_POSITIONS: usize = 32;

/// How many bytes of messages go out at once, unless it is a single one.
const MAX_BATCH_BYTES: usize = 8 * 1024;

#[derive(Default)]
pub(super) struct Posts {
    moved: Moves,
    messages: Messages,
    last: Option<Instant>,
}

impl Posts {
    /// A viewer is somewhere else now.
    pub(super) fn moved(&mut self, id: ViewerId) {
        self.moved.add(id);
    }

    /// A viewer has gone, and its position goes out no more.
    pub(super) fn forget(&mut self, id: ViewerId) {
        self.moved.remove(id);
    }

    /// A viewer sends `data` to all others in `room`.
    ///
    /// # Errors
    /// [`ClientError::TooLong`] or [`ClientError::Busy`].
    pub(super) fn post(&mut self, room: &str, from: ViewerId, data: &Value) -> Result<(), ClientError> {
        let text = ServerMessage::Message { room, from, data }.to_json();
        // A number may be longer when it is written again: 1e9 is.
        if text.len() > 2 * frame::MAX_MESSAGE {
            return Err(ClientError::TooLong);
        }
        self.messages.push(from, text)
    }

    /// When they may go out at the earliest, if sending the last update took `cost`; none if there are none.
    pub(super) fn due(&self, now: Instant, cost: Duration) -> Option<Instant> {
        let is_empty = self.moved.is_empty() && self.messages.is_empty();
        let due = self.last.map_or(now, |last| last + MIN_GAP.max(cost * PAUSE));
        (!is_empty).then_some(due)
    }

    /// Takes the ones that go out now: viewers who have moved, and messages.
    pub(super) fn take(&mut self, now: Instant) -> (Vec<ViewerId>, Vec<Post>) {
        self.last = Some(now);
        let moved = self.moved.take(MAX_POSITIONS);
        (moved, self.messages.take(MAX_BATCH_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: &str = "example.com/a";

    #[test]
    fn updates_are_200_ms_apart_or_more_where_they_cost_more() {
        let (mut posts, now) = (Posts::default(), Instant::now());
        posts.moved(ViewerId::new(1));
        assert_eq!(posts.due(now, Duration::ZERO), Some(now));
        posts.take(now);
        posts.moved(ViewerId::new(1));
        let after = |ms| Some(now + Duration::from_millis(ms));
        assert_eq!(posts.due(now, Duration::ZERO), after(200));
        assert_eq!(posts.due(now, Duration::from_millis(100)), after(400));
    }

    #[test]
    fn a_message_that_grows_when_written_again_is_refused() {
        let data = serde_json::from_str(&format!("[1e15{}]", ",1e15".repeat(800))).unwrap();
        let refused = Posts::default().post(ROOM, ViewerId::new(1), &data);
        assert_eq!(refused, Err(ClientError::TooLong));
    }
}
