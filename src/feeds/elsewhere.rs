//! The viewers of a group's room at other nodes, as its members know them.

use std::collections::HashMap;

use onlookers_rooms::{Room, ViewerId};

use super::posts::{Post, Posts};
use super::roster::Roster;
use crate::wire::protocol::Data;

/// The longest message of another node, in bytes; no client can send as much.
const LONGEST_MESSAGE: usize = 4096;

#[derive(Default)]
pub(super) struct Elsewhere {
    /// Each viewer, and when their position was updated last.
    viewers: HashMap<ViewerId, Option<u64>>,
    /// [`Room::presence_elsewhere`] when they were looked at.
    presence: u64,
}

impl Elsewhere {
    /// Whether the room has nothing new.
    pub(super) fn is_current(&self, room: &Room) -> bool {
        self.presence == room.presence_elsewhere() && room.has_no_messages()
    }

    /// Takes in what is new: who has come, moved and gone at other nodes, and what viewers there have said.
    pub(super) fn update(&mut self, room: &Room, roster: &mut Roster, posts: &mut Option<Box<Posts>>) {
        let presence = room.presence_elsewhere();
        if presence != self.presence {
            self.compare(room.viewers_elsewhere(), roster, posts);
            self.presence = presence;
        }
        for (from, text) in room.take_messages() {
            if let Some(data) = checked(&text) {
                // One more than there is place for is lost.
                let _ = posts.get_or_insert_default().post(Post { from, data, is_from_here: false });
            }
        }
    }

    /// Whether that is a viewer whose leave will be noticed.
    pub(super) fn knows(&self, id: ViewerId) -> bool {
        self.viewers.contains_key(&id)
    }

    fn compare(
        &mut self,
        now: Vec<(ViewerId, Option<u64>)>,
        roster: &mut Roster,
        posts: &mut Option<Box<Posts>>,
    ) {
        // Viewers who were there before the others were known haven't come now.
        let is_first = self.presence == 0;
        let mut before = std::mem::take(&mut self.viewers);
        for (id, updated) in now {
            // A node that has just got another name tells everybody under both.
            if self.viewers.contains_key(&id) {
                continue;
            }
            let known = before.remove(&id);
            match known {
                None if is_first => _ = roster.stay(id),
                None => roster.join(id),
                Some(_) => {}
            }
            if updated.is_some() && known != Some(updated) {
                posts.get_or_insert_default().moved(id);
            }
            self.viewers.insert(id, updated);
        }
        for gone in before.into_keys() {
            roster.leave(gone);
            posts.iter_mut().for_each(|posts| posts.forget(gone));
        }
    }
}

/// The message of another node, if a page could have sent it.
fn checked(text: &str) -> Option<Data> {
    (text.len() <= LONGEST_MESSAGE).then(|| serde_json::from_str(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::roster::Notice;

    fn id(number: u64) -> ViewerId {
        ViewerId::new(number)
    }

    #[test]
    fn who_comes_moves_and_goes_is_announced() {
        let (mut elsewhere, mut roster, mut posts) = (Elsewhere::default(), Roster::default(), None);
        elsewhere.compare(vec![(id(1), None), (id(2), Some(5))], &mut roster, &mut posts);
        elsewhere.presence = 1;
        assert!(roster.take().is_empty(), "they were there before");
        let moved = |posts: &mut Option<Box<Posts>>| {
            let taken = posts.as_mut().map(|posts| posts.take(1, tokio::time::Instant::now()).0);
            taken.unwrap_or_default()
        };
        assert_eq!(moved(&mut posts), [id(2)]);
        roster.reveal(id(2));
        elsewhere.compare(vec![(id(2), Some(5)), (id(3), None)], &mut roster, &mut posts);
        assert_eq!(roster.take(), [Notice::Join(id(3))], "nobody was sent 1");
        elsewhere.compare(vec![(id(3), Some(6))], &mut roster, &mut posts);
        assert_eq!((roster.take(), moved(&mut posts)), (vec![Notice::Leave(id(2))], vec![id(3)]));
    }

    #[test]
    fn who_has_moved_to_another_process_has_not_left() {
        let (mut elsewhere, mut roster, mut posts) = (Elsewhere::default(), Roster::default(), None);
        (1..3).for_each(|viewer| roster.join(id(viewer)));
        roster.take();
        (1..3).for_each(|viewer| roster.leave(id(viewer)));
        elsewhere.compare(vec![(id(1), None), (id(3), None)], &mut roster, &mut posts);
        assert_eq!(roster.take(), [Notice::Leave(id(2))]);
        elsewhere.presence = 1;
        elsewhere.compare(vec![(id(3), None)], &mut roster, &mut posts);
        assert_eq!(roster.take(), [Notice::Leave(id(1))]);
    }

    #[test]
    fn what_no_page_could_say_is_not_passed_on() {
        assert_eq!(checked("{\"a\": 1.50}").unwrap().as_json(), "{\"a\": 1.50}");
        let long = format!("\"{}\"", "x".repeat(5_000));
        let deep = ["[".repeat(200), "]".repeat(200)].concat();
        for text in ["", "x", "1 2", "\"\u{1}\"", &long, &deep] {
            assert_eq!(checked(text), None, "{text}");
        }
    }
}
