//! Rooms: those who share a count. A room exists while somebody is in it or looks at it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

pub use name::{RoomName, Site, SiteError};

use crate::registry::{Held, Registry};

pub(crate) mod name;

/// A room that somebody holds; the last holder to go takes it along.
pub type RoomRef = Arc<Held<RoomName, Room>>;

/// All rooms that exist.
#[derive(Debug)]
pub struct Rooms {
    rooms: Arc<Registry<RoomName, Room>>,
}

/// A count, and a way to hear of its changes.
#[derive(Debug, Default)]
pub struct Room {
    count: AtomicU64,
    changed: Notify,
}

/// Being counted: making it joins the room, dropping it leaves. Nothing else changes a count, so a panic, a cancelled
/// task or a lost socket can't leave a ghost.
#[derive(Debug)]
#[must_use = "dropping it leaves the room"]
pub struct Presence {
    room: RoomRef,
}

impl Rooms {
    /// No rooms yet.
    #[allow(clippy::new_without_default, reason = "an empty house is made once, on purpose")]
    pub fn new() -> Self {
        Self { rooms: Registry::new() }
    }

    /// Joins the room of that name, which comes into being with its first visitor.
    pub fn join(&self, name: &RoomName) -> Presence {
        let room = self.open(name);
        room.change(|count| count.fetch_add(1, Ordering::SeqCst));
        Presence { room }
    }

    /// Holds a room without being counted in it.
    pub fn open(&self, name: &RoomName) -> RoomRef {
        self.rooms.open(name, Room::default)
    }

    /// How many rooms exist.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether nobody is here at all.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }
}

impl Room {
    /// How many presences there are now.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Waits until the count is another than `known`. Numbers in between may pass unseen, the last one never does.
    pub async fn changed_from(&self, known: u64) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Listening begins before the look, so that no change falls between the two.
            changed.as_mut().enable();
            if self.count() != known {
                return;
            }
            changed.await;
        }
    }

    fn change(&self, by: impl FnOnce(&AtomicU64) -> u64) {
        by(&self.count);
        self.changed.notify_waiters();
    }
}

impl Presence {
    /// The room it counts in.
    pub fn room(&self) -> &RoomRef {
        &self.room
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.room.change(|count| count.fetch_sub(1, Ordering::SeqCst));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn name(site: &str) -> RoomName {
        RoomName::site(site.parse().unwrap())
    }

    #[test]
    fn rooms_come_and_go_with_their_presences() {
        let rooms = Rooms::new();
        let one = rooms.join(&name("example.com"));
        let other = rooms.join(&name("example.com"));
        assert_eq!((one.room().count(), rooms.len()), (2, 1));
        drop(one);
        assert_eq!(other.room().count(), 1);
        drop(other);
        assert!(rooms.is_empty());
    }

    #[test]
    fn a_room_that_is_looked_at_stays() {
        let rooms = Rooms::new();
        let looked_at = rooms.open(&name("example.com"));
        drop(rooms.join(&name("example.com")));
        assert_eq!((looked_at.count(), rooms.len()), (0, 1));
    }

    #[test]
    fn a_panic_leaves_no_ghost() {
        let rooms = Rooms::new();
        let looked_at = rooms.open(&name("example.com"));
        let presence = rooms.join(&name("example.com"));
        let panicked = std::thread::spawn(move || {
            let _presence = presence;
            std::panic::resume_unwind(Box::new("on purpose"));
        })
        .join();
        assert!(panicked.is_err());
        assert_eq!(looked_at.count(), 0);
    }

    #[tokio::test]
    async fn a_change_is_heard_even_if_it_came_before_the_listening() {
        let rooms = Rooms::new();
        let presence = rooms.join(&name("example.com"));
        let room = Arc::clone(presence.room());
        room.changed_from(0).await;
        let leaving = tokio::spawn(async move { drop(presence) });
        room.changed_from(1).await;
        assert_eq!(room.count(), 0);
        leaving.await.unwrap();
    }

    #[derive(Clone, Debug)]
    enum Step {
        Join(u8),
        Leave(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![(0..4_u8).prop_map(Step::Join), any::<usize>().prop_map(Step::Leave)]
    }

    proptest! {
        #[test]
        fn counts_equal_the_model(steps in prop::collection::vec(step(), 0..200)) {
            let rooms = Rooms::new();
            let mut present: Vec<(u8, Presence)> = Vec::new();
            for step in steps {
                match step {
                    Step::Join(site) => present.push((site, rooms.join(&name(&format!("{site}.example"))))),
                    Step::Leave(_) if present.is_empty() => {}
                    Step::Leave(which) => drop(present.swap_remove(which % present.len())),
                }
                let mut model: HashMap<u8, u64> = HashMap::new();
                for (site, _) in &present {
                    *model.entry(*site).or_default() += 1;
                }
                prop_assert_eq!(rooms.len(), model.len());
                for (site, presence) in &present {
                    prop_assert_eq!(presence.room().count(), model[site]);
                }
            }
        }
    }
}
