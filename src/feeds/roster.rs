//! Joins and leaves that the members of a group are to be told of. Bounded: in a large room they cost about as much as a
//! count does.

use std::collections::{HashSet, VecDeque};

use onlookers_rooms::ViewerId;

/// How many joins and leaves go out at once. In a burst only the newest who came are announced by id; the count has all.
const MAX_NOTICES: usize = 32;

#[derive(Default, Debug)]
pub(super) struct Roster {
    /// The newest who came since the last update, at most [`MAX_NOTICES`].
    joined: VecDeque<ViewerId>,
    /// Known viewers who have gone. None is left out, so that nobody who has left stays on a page's list.
    left: VecDeque<ViewerId>,
    /// Viewers whose id some member has been sent.
    known: HashSet<ViewerId>,
}

/// A viewer has come or gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Notice {
    Join(ViewerId),
    Leave(ViewerId),
}

impl Roster {
    pub(super) fn join(&mut self, id: ViewerId) {
        if self.stay(id) {
            return;
        }
        if self.joined.len() == MAX_NOTICES {
            self.joined.pop_front();
        }
        self.joined.push_back(id);
    }

    /// A viewer is here. If it has left before, it has only moved, from one process to another, before anybody was told of that: true.
    pub(super) fn stay(&mut self, id: ViewerId) -> bool {
        let at = self.left.iter().position(|left| *left == id);
        at.and_then(|at| self.left.remove(at)).is_some_and(|id| self.known.insert(id))
    }

    pub(super) fn leave(&mut self, id: ViewerId) {
        self.joined.retain(|joined| *joined != id);
        if self.known.remove(&id) {
            self.left.push_back(id);
        }
        self.shrink();
    }

    /// Some member is sent the id of a viewer who is here: its leave has to be announced.
    pub(super) fn reveal(&mut self, id: ViewerId) {
        self.known.insert(id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.left.is_empty()
    }

    /// The notices that go out now. Leaves come first, so that viewers who are known and have gone are never more than
    /// were there at once.
    pub(super) fn take(&mut self) -> Vec<Notice> {
        let leaves = self.left.len().min(MAX_NOTICES);
        let mut notices: Vec<_> = self.left.drain(..leaves).map(Notice::Leave).collect();
        let joins = self.joined.len().min(MAX_NOTICES - leaves);
        for id in self.joined.drain(..joins) {
            self.known.insert(id);
            notices.push(Notice::Join(id));
        }
        notices
    }

    fn shrink(&mut self) {
        if self.known.capacity() > 64 && self.known.len() < self.known.capacity() / 8 {
            self.known.shrink_to(self.known.len() * 2);
            self.left.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ViewerId = ViewerId::new(1);
    const B: ViewerId = ViewerId::new(2);

    #[test]
    fn a_join_and_a_leave_are_announced_once() {
        let mut roster = Roster::default();
        roster.join(A);
        assert_eq!(roster.take(), [Notice::Join(A)]);
        roster.leave(A);
        roster.join(B);
        assert_eq!(roster.take(), [Notice::Leave(A), Notice::Join(B)]);
        assert!(roster.is_empty() && roster.take().is_empty());
    }

    #[test]
    fn a_viewer_that_goes_before_its_join_is_not_announced() {
        let mut roster = Roster::default();
        roster.join(A);
        roster.leave(A);
        assert!(roster.is_empty());
    }

    #[test]
    fn a_viewer_that_comes_back_before_its_leave_is_not_announced() {
        let mut roster = Roster::default();
        roster.join(A);
        roster.take();
        roster.leave(A);
        roster.join(A);
        assert!(roster.is_empty());
        roster.leave(A);
        assert_eq!(roster.take(), [Notice::Leave(A)]);
    }

    #[test]
    fn a_burst_announces_the_newest_and_every_known_leave() {
        let mut roster = Roster::default();
        let ids: Vec<_> = (0..100).map(ViewerId::new).collect();
        ids.iter().for_each(|id| roster.join(*id));
        let newest: Vec<_> = ids[68..].iter().copied().map(Notice::Join).collect();
        assert_eq!(roster.take(), newest);
        ids[..50].iter().for_each(|id| roster.join(*id));
        assert_eq!(roster.take().len(), MAX_NOTICES);
        ids.iter().for_each(|id| roster.leave(*id));
        // 64 were known, and no join goes out until their leaves have.
        roster.join(B);
        for _ in 0..2 {
            let notices = roster.take();
            let all_leave = notices.iter().all(|notice| matches!(notice, Notice::Leave(_)));
            assert!(notices.len() == MAX_NOTICES && all_leave, "{notices:?}");
        }
        assert_eq!(roster.take(), [Notice::Join(B)]);
    }
}
