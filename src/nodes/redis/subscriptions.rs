//! The rooms whose hints come over the connections, and what is heard of them.

use std::collections::HashMap;

use onlookers_rooms::RoomName;
use onlookers_rooms::sync::Mutex;
use redis::{PushInfo, PushKind, Value};

use super::keys::{LEFT, channel};
use super::{said, text};
use crate::nodes::queue::Queue;
use crate::nodes::store::{Hint, Partition};

/// The rooms that are listened to, whether a connection is there or not. A channel is looked up rather than parsed, so a
/// room is the one that was asked for.
pub(super) struct Subscriptions {
    rooms: Mutex<HashMap<String, RoomName>>,
    queue: Queue,
}

impl Subscriptions {
    pub(super) fn new(queue: Queue) -> Self {
        Self { rooms: Mutex::default(), queue }
    }

    pub(super) fn add(&self, added: &[RoomName]) {
        self.rooms.lock().extend(added.iter().map(|room| (channel(room), room.clone())));
    }

    pub(super) fn remove(&self, removed: &[RoomName]) {
        let mut rooms = self.rooms.lock();
        removed.iter().for_each(|room| drop(rooms.remove(&channel(room))));
    }

    /// The channels of the rooms in some partitions.
    pub(super) fn channels(&self, partitions: &[Partition]) -> Vec<String> {
        let rooms = self.rooms.lock();
        let of = rooms.iter().filter(|(_, room)| partitions.contains(&Partition::of(room.of_site())));
        of.map(|(channel, _)| channel.clone()).collect()
    }

    /// Has a [`Hint::Missed`] sent.
    pub(super) fn missed(&self) {
        self.queue.missed();
    }

    /// Takes what the connection has pushed; the rest isn't for a node.
    pub(super) fn hear(&self, push: &PushInfo) {
        let [Value::BulkString(channel), Value::BulkString(text)] = &push.data[..] else { return };
        if !matches!(push.kind, PushKind::Message | PushKind::SMessage) {
            return;
        }
        match self.parse(channel, text) {
            Some(hint) => self.queue.push(hint),
            None => {
                tracing::debug!("a hint that isn't understood, or too late, on {}", channel.escape_ascii())
            }
        }
    }

    fn parse(&self, channel: &[u8], text: &[u8]) -> Option<Hint> {
        let channel = std::str::from_utf8(channel).ok()?;
        if channel == LEFT {
            let node = std::str::from_utf8(text).ok()?.parse().ok()?;
            return Some(Hint::Left(node));
        }
        let room = self.rooms.lock().get(channel).cloned()?;
        let changed = || text::hint(&room, text).map(|(node, change)| Hint::Changed(node, change));
        let said = || said::parse(&room, text).map(|(node, room, post)| Hint::Said(node, room, post));
        let split = || text::split(text).map(|nodes| Hint::Split(nodes, room.clone()));
        changed().or_else(said).or_else(split)
    }
}
