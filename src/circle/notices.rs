//! Who has come and who has gone, until the others are told. Bounded: in a large room a batch of notices costs about what
//! a count does.

use std::collections::{HashSet, VecDeque};

use serde::Serialize;

use super::ViewerId;
use super::telling::json;
use crate::room::{ReaderName, RoomName};

/// How many notices go out at once. In a burst only the newest who come are told of by name; the count has all.
const MOST: usize = 32;

/// What is to be told.
#[derive(Default, Debug)]
pub(super) struct Notices {
    /// The newest who came since the last telling, at most [`MOST`].
    joined: VecDeque<ViewerId>,
    /// Those whom the others were told of and who have gone. Never more than were told of; none is left out, so that
    /// nobody stays on a page's list who has left.
    left: VecDeque<ViewerId>,
    /// Of whom the others were told.
    known: HashSet<ViewerId>,
}

/// Somebody has come or gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Notice {
    Join(ViewerId),
    Leave(ViewerId),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said {
    Join { room: String, id: ViewerId, name: Option<ReaderName> },
    Leave { room: String, id: ViewerId },
}

impl Notices {
    pub(super) fn joins(&mut self, id: ViewerId) {
        if self.joined.len() == MOST {
            self.joined.pop_front();
        }
        self.joined.push_back(id);
    }

    pub(super) fn leaves(&mut self, id: ViewerId) {
        self.joined.retain(|joined| *joined != id);
        if self.known.remove(&id) {
            self.left.push_back(id);
        }
        self.give_memory_back();
    }

    /// The others are told something else of somebody who is here: of their leave they have to hear, too.
    pub(super) fn knows(&mut self, id: ViewerId) {
        self.known.insert(id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.left.is_empty()
    }

    /// Those who are to be told of now. Leaves come first; so who is known and has gone are never more
    /// than were there at once.
    pub(super) fn take(&mut self) -> Vec<Notice> {
        let mut notices: Vec<_> = self.left.drain(..self.left.len().min(MOST)).map(Notice::Leave).collect();
        let more = self.joined.len().min(MOST - notices.len());
        notices.extend(self.joined.drain(..more).map(Notice::Join));
        self.known.extend(notices.iter().filter_map(|notice| notice.by()));
        notices
    }

    fn give_memory_back(&mut self) {
        if self.known.capacity() > 64 && self.known.len() < self.known.capacity() / 8 {
            self.known.shrink_to(self.known.len() * 2);
            self.left.shrink_to_fit();
        }
    }
}

impl Notice {
    /// Who is not to be told, since they are whom it is of.
    pub(super) fn by(self) -> Option<ViewerId> {
        match self {
            Self::Join(id) => Some(id),
            Self::Leave(_) => None,
        }
    }

    /// The message; `name` is what they are to be called.
    pub(super) fn text(self, room: &RoomName, name: Option<ReaderName>) -> String {
        let room = room.to_string();
        json(&match self {
            Self::Join(id) => Said::Join { room, id, name },
            Self::Leave(id) => Said::Leave { room, id },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ViewerId = ViewerId::new(1);
    const B: ViewerId = ViewerId::new(2);

    #[test]
    fn a_join_and_a_leave_are_told_once() {
        let mut notices = Notices::default();
        notices.joins(A);
        assert_eq!(notices.take(), [Notice::Join(A)]);
        notices.leaves(A);
        notices.joins(B);
        assert_eq!(notices.take(), [Notice::Leave(A), Notice::Join(B)]);
        assert!(notices.is_empty() && notices.take().is_empty());
    }

    #[test]
    fn who_has_gone_before_the_others_were_told_is_not_told_of() {
        let mut notices = Notices::default();
        notices.joins(A);
        notices.leaves(A);
        assert!(notices.is_empty());
    }

    #[test]
    fn a_burst_tells_of_the_newest_and_forgets_nobody_who_is_known() {
        let mut notices = Notices::default();
        let ids: Vec<_> = (0..100).map(ViewerId::new).collect();
        let tell = |notices: &mut Notices| {
            ids.iter().for_each(|id| notices.joins(*id));
            notices.take()
        };
        let newest: Vec<_> = ids[68..].iter().copied().map(Notice::Join).collect();
        assert_eq!(tell(&mut notices), newest);
        ids[..50].iter().for_each(|id| notices.joins(*id));
        assert_eq!(notices.take().len(), MOST);
        ids.iter().for_each(|id| notices.leaves(*id));
        // 64 were known, and nobody new is until they have gone.
        notices.joins(ViewerId::new(1000));
        for _ in 0..2 {
            let told = notices.take();
            assert!(
                told.len() == MOST && told.iter().all(|notice| matches!(notice, Notice::Leave(_))),
                "{told:?}"
            );
        }
        assert_eq!(notices.take(), [Notice::Join(ViewerId::new(1000))]);
    }
}
