//! How far down a page the visitors have come whose browser runs no script: it loads the pictures that mark a position.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::name::RoomName;
use crate::position::Position;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};
use crate::visitor::{Visitor, VisitorHash};

/// How long a mark waits for its visitor. A browser asks for the pictures of a page more or less at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many marks wait at most; the oldest is forgotten first.
const MOST_WAITING: usize = 1024;

/// The visitors of one room whose position a mark has told, each with the furthest. It goes with the visitor's last tab.
#[derive(Debug, Default)]
pub(crate) struct FurthestPositions(HashMap<VisitorHash, Position>);

impl FurthestPositions {
    pub(crate) fn note(&mut self, visitor: VisitorHash, position: Position) {
        let furthest = self.0.entry(visitor).or_insert(position);
        if position > *furthest {
            *furthest = position;
        }
    }

    pub(crate) fn forget(&mut self, visitor: VisitorHash) {
        self.0.remove(&visitor);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn positions(&self) -> impl Iterator<Item = Position> {
        self.0.values().copied()
    }
}

/// Marks of visitors who have not been seen in the room yet: the pictures of one page arrive in any order.
#[derive(Debug, Default)]
pub(crate) struct EarlyMarks {
    any: AtomicBool,
    waiting: Mutex<VecDeque<EarlyMark>>,
}

#[derive(Debug)]
struct EarlyMark {
    since: Instant,
    room: RoomName,
    visitor: Visitor,
    position: Position,
}

impl EarlyMarks {
    pub(crate) fn keep(&self, room: &RoomName, visitor: &Visitor, position: Position, now: Instant) {
        let mut waiting = self.current(now);
        if waiting.len() >= MOST_WAITING {
            waiting.pop_front();
        }
        let (room, visitor) = (room.clone(), visitor.clone());
        waiting.push_back(EarlyMark { since: now, room, visitor, position });
        self.any.store(true, Ordering::SeqCst);
    }

    /// The positions that have waited for this visitor of this room. Nearly always none does, and a join finds that out
    /// without a lock.
    pub(crate) fn take(
        &self,
        room: &RoomName,
        visitor: &Visitor,
        now: impl FnOnce() -> Instant,
    ) -> Vec<Position> {
        if !self.any.load(Ordering::SeqCst) {
            return Vec::new();
        }
        let mut waiting = self.current(now());
        let mut taken = Vec::new();
        waiting.retain(|mark| {
            let is_theirs = mark.room == *room && mark.visitor == *visitor;
            taken.extend(is_theirs.then_some(mark.position));
            !is_theirs
        });
        self.any.store(!waiting.is_empty(), Ordering::SeqCst);
        taken
    }

    /// The marks that have not waited for too long.
    fn current(&self, now: Instant) -> MutexGuard<'_, VecDeque<EarlyMark>> {
        let mut waiting = self.waiting.lock();
        while waiting.front().is_some_and(|mark| now.duration_since(mark.since) > PATIENCE) {
            waiting.pop_front();
        }
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Calls, observe, site, visitor_of};
    use crate::{Limits, Rooms};

    fn at(position: f32) -> Position {
        position.try_into().unwrap()
    }

    #[test]
    fn a_visitor_stays_at_its_furthest_mark_until_its_last_tab_goes() {
        let (rooms, name) = (Rooms::new(Limits::default()), site("a.example"));
        let (ann, bob) = (visitor_of(b"Ann"), visitor_of(b"Bob"));
        let tabs = [(); 2].map(|()| rooms.join(&name, Some(&ann)).unwrap());
        let _bob = rooms.join(&name, Some(&bob)).unwrap();
        for position in [0.2, 0.6, 0.4] {
            rooms.reach(&name, &ann, at(position));
        }
        let room = rooms.open(&name);
        assert_eq!(room.positions(), [at(0.6)]);
        let [first, second] = tabs;
        drop(first);
        assert_eq!(room.positions(), [at(0.6)]);
        drop(second);
        assert!(room.positions().is_empty());
    }

    #[test]
    fn nobody_is_told_of_a_position_whose_visitor_is_not_there() {
        let (rooms, name) = (Rooms::new(Limits::default()), site("a.example"));
        let room = rooms.open(&name);
        let _ann = rooms.join(&name, Some(&visitor_of(b"Ann"))).unwrap();
        let calls = observe(&room, Calls::default());
        rooms.reach(&name, &visitor_of(b"Bob"), at(0.5));
        assert_eq!(calls.0.load(Ordering::SeqCst), 0);
        rooms.reach(&name, &visitor_of(b"Ann"), at(0.5));
        assert_eq!(calls.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_mark_that_comes_before_its_visitor_waits_for_them() {
        let (rooms, name) = (Rooms::new(Limits::default()), site("a.example"));
        let (ann, bob) = (visitor_of(b"Ann"), visitor_of(b"Bob"));
        rooms.reach(&name, &ann, at(0.5));
        rooms.reach(&site("b.example"), &bob, at(0.7));
        assert!(rooms.is_empty(), "a mark brings no room into being");
        let _bob = rooms.join(&name, Some(&bob)).unwrap();
        let _anonymous = rooms.join(&name, None).unwrap();
        assert!(rooms.open(&name).positions().is_empty());
        let _ann = rooms.join(&name, Some(&ann)).unwrap();
        assert_eq!(rooms.open(&name).positions(), [at(0.5)]);
    }

    #[test]
    fn no_mark_waits_for_long_and_not_many_do() {
        let (early, name, ann) = (EarlyMarks::default(), site("a.example"), visitor_of(b"Ann"));
        let start = Instant::now();
        early.keep(&name, &ann, at(0.5), start);
        assert!(early.take(&name, &ann, || start + PATIENCE + Duration::from_millis(1)).is_empty());
        assert!(!early.any.load(Ordering::SeqCst));
        for number in 0..2 * MOST_WAITING {
            early.keep(&name, &ann, at(number as f32 / (2 * MOST_WAITING) as f32), start);
        }
        assert_eq!(early.take(&name, &ann, || start).len(), MOST_WAITING);
    }
}
