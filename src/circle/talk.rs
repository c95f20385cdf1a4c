//! What members of a circle say to each other: where they are, and messages. Told at most five times a second, and
//! bounded: what doesn't fit waits for its turn.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::Notify;

use super::telling::json;
use super::{ViewerId, lock};
use crate::delivery::websocket::frame;
use crate::room::{Position, Reader, ReaderName, RoomName};

/// The least time between two tellings; so nobody's position is told more often than five times a second.
pub(super) const GAP: Duration = Duration::from_millis(200);

/// How many positions are told at once.
const MOST_POSITIONS: usize = 32;

/// How many bytes of messages are told at once, unless it is a single one; and how many may wait.
const MOST_BYTES: usize = 8 * 1024;
const MOST_WAITING: usize = 64 * 1024;

/// What waits to be told.
#[derive(Default, Debug)]
pub(super) struct Talk {
    waiting: Mutex<Waiting>,
    said: Notify,
}

#[derive(Default, Debug)]
struct Waiting {
    /// Who has moved, in the order in which they did, each once: told is where they are when it is their turn.
    moved: VecDeque<ViewerId>,
    is_waiting: HashSet<ViewerId>,
    messages: VecDeque<Message>,
    /// How long the messages are together, in bytes.
    bytes: usize,
}

/// A message, as it will be told.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) from: ViewerId,
    pub(super) text: String,
}

/// Why a message isn't passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotSaid {
    /// It is too long.
    TooLong,
    /// Too much waits already.
    Busy,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said<'a> {
    Presence {
        room: String,
        id: ViewerId,
        name: Option<&'a ReaderName>,
        position: Position,
        joined_at: u64,
        updated_at: u64,
    },
    Message {
        room: String,
        from: ViewerId,
        data: &'a Value,
    },
}

impl Talk {
    /// Somebody is somewhere else now.
    pub(super) fn moved(&self, id: ViewerId) {
        let mut waiting = self.lock();
        if waiting.is_waiting.insert(id) {
            waiting.moved.push_back(id);
        }
        drop(waiting);
        self.said.notify_one();
    }

    /// Somebody says something to all others in `room`.
    ///
    /// # Errors
    /// [`NotSaid`], if that can't be passed on.
    pub(super) fn say(&self, room: &RoomName, from: ViewerId, data: &Value) -> Result<(), NotSaid> {
        let text = json(&Said::Message { room: room.to_string(), from, data });
        // A number may be longer when it is written again: 1e9 is.
        if text.len() > 2 * frame::LONGEST {
            return Err(NotSaid::TooLong);
        }
        let mut waiting = self.lock();
        if waiting.bytes + text.len() > MOST_WAITING {
            return Err(NotSaid::Busy);
        }
        waiting.bytes += text.len();
        waiting.messages.push_back(Message { from, text });
        drop(waiting);
        self.said.notify_one();
        Ok(())
    }

    /// Waits until there is something to tell. For one who waits.
    pub(super) async fn said(&self) {
        while self.lock().is_empty() {
            self.said.notified().await;
        }
    }

    /// What is to be told now: who has moved, and messages.
    pub(super) fn take(&self) -> (Vec<ViewerId>, Vec<Message>) {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.moved.is_empty() && self.messages.is_empty()
    }

    fn take(&mut self) -> (Vec<ViewerId>, Vec<Message>) {
        let moved: Vec<_> = self.moved.drain(..self.moved.len().min(MOST_POSITIONS)).collect();
        for id in &moved {
            self.is_waiting.remove(id);
        }
        let (mut messages, mut bytes) = (Vec::new(), 0);
        while let Some(message) =
            self.messages.pop_front_if(|next| bytes == 0 || bytes + next.text.len() <= MOST_BYTES)
        {
            bytes += message.text.len();
            messages.push(message);
        }
        self.bytes -= bytes;
        (moved, messages)
    }
}

/// Where a reader of `room` is.
pub(super) fn presence(room: &RoomName, id: ViewerId, reader: &Reader) -> String {
    let Reader { position, name, joined_at, updated_at } = reader;
    let (room, name) = (room.to_string(), name.as_ref());
    json(&Said::Presence {
        room,
        id,
        name,
        position: *position,
        joined_at: *joined_at,
        updated_at: *updated_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> RoomName {
        "example.com/a".parse().unwrap()
    }

    #[test]
    fn who_moves_often_is_told_of_once_and_all_have_their_turn() {
        let talk = Talk::default();
        for _ in 0..3 {
            (0..40).for_each(|id| talk.moved(ViewerId::new(id)));
        }
        let ids = |range: std::ops::Range<u64>| range.map(ViewerId::new).collect::<Vec<_>>();
        assert_eq!(talk.take().0, ids(0..32));
        talk.moved(ViewerId::new(0));
        assert_eq!(talk.take().0, [ids(32..40), ids(0..1)].concat());
        assert!(talk.lock().is_empty());
    }

    #[test]
    fn messages_wait_in_order_and_within_bounds() {
        let talk = Talk::default();
        let data = Value::String("x".repeat(3000));
        let say = || talk.say(&room(), ViewerId::new(1), &data);
        let said = (0..100).take_while(|_| say().is_ok()).count();
        assert_eq!((said, say()), (21, Err(NotSaid::Busy)));
        assert_eq!(talk.take().1.len(), 2);
        assert!(say().is_ok() && say().is_ok());
        let told: usize = (0..20).map(|_| talk.take().1.len()).sum();
        assert_eq!((told, talk.lock().bytes), (21, 0));
    }

    #[test]
    fn what_grows_beyond_measure_when_it_is_written_again_is_not_passed_on() {
        let data = serde_json::from_str(&format!("[1e15{}]", ",1e15".repeat(800))).unwrap();
        assert_eq!(Talk::default().say(&room(), ViewerId::new(1), &data), Err(NotSaid::TooLong));
    }
}
