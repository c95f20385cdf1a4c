//! How far down a page those visitors have come whose browser runs no script: it loads the pictures that are there.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::RoomName;
use super::readers::Position;
use super::visitor::{Visitor, VisitorHash};
use crate::sync::{Mutex, MutexGuard};

/// How long a position waits for its visitor. A browser asks for the pictures of a page all at once, more or less.
const PATIENCE: Duration = Duration::from_secs(10);

/// And how many do at most: what is over is forgotten, the oldest first.
const MOST: usize = 1024;

/// The visitors of one room, each with the furthest position that is known. It goes with the visitor's last page.
#[derive(Debug, Default)]
pub(super) struct FurthestPositions(HashMap<VisitorHash, Position>);

impl FurthestPositions {
    pub(super) fn note(&mut self, mark: VisitorHash, position: Position) {
        let furthest = self.0.entry(mark).or_insert(position);
        if position > *furthest {
            *furthest = position;
        }
    }

    pub(super) fn forget(&mut self, mark: &VisitorHash) {
        self.0.remove(mark);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn positions(&self) -> impl Iterator<Item = Position> {
        self.0.values().copied()
    }
}

/// Positions of visitors who have not been seen in the room yet: pictures of one page arrive in any order.
#[derive(Debug, Default)]
pub(super) struct EarlyMarks {
    any: AtomicBool,
    waiting: Mutex<VecDeque<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    room: RoomName,
    visitor: Visitor,
    position: Position,
}

impl EarlyMarks {
    pub(super) fn keep(&self, room: &RoomName, visitor: &Visitor, position: Position, now: Instant) {
        let mut waiting = self.current(now);
        if waiting.len() >= MOST {
            waiting.pop_front();
        }
        let (room, visitor) = (room.clone(), visitor.clone());
        waiting.push_back(Waiting { since: now, room, visitor, position });
        self.any.store(true, Ordering::SeqCst);
    }

    /// The positions that have waited for this visitor of this room. Nearly always there are none, which is all that a join
    /// has to look at.
    pub(super) fn take(
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
        waiting.retain(|early| {
            let theirs = early.room == *room && early.visitor == *visitor;
            taken.extend(theirs.then_some(early.position));
            !theirs
        });
        self.any.store(!waiting.is_empty(), Ordering::SeqCst);
        taken
    }

    /// Those that have not waited for too long.
    fn current(&self, now: Instant) -> MutexGuard<'_, VecDeque<Waiting>> {
        let mut waiting = self.waiting.lock();
        while waiting.front().is_some_and(|early| now.duration_since(early.since) > PATIENCE) {
            waiting.pop_front();
        }
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Keys, Limits, Observer, Rooms};
    use super::*;
    use crate::sync::{Arc, Weak};

    fn at(position: f32) -> Position {
        position.try_into().unwrap()
    }

    fn room(name: &str) -> RoomName {
        RoomName::site(name.parse().unwrap())
    }

    fn visitor(agent: &[u8]) -> Visitor {
        static KEYS: std::sync::LazyLock<Keys> = std::sync::LazyLock::new(|| Keys::new().unwrap());
        KEYS.visitor(&"a.example".parse().unwrap(), [192, 0, 2, 1].into(), agent)
    }

    #[test]
    fn a_visitor_is_where_they_have_come_furthest_until_their_last_page_closes() {
        let (rooms, name) = (Rooms::new(Limits::default()), room("a.example"));
        let (ann, bob) = (visitor(b"Ann"), visitor(b"Bob"));
        let tabs = [(); 2].map(|()| rooms.join(&name, Some(&ann)).unwrap());
        let _bob = rooms.join(&name, Some(&bob)).unwrap();
        for position in [0.2, 0.6, 0.4] {
            rooms.reach(&name, &ann, at(position));
        }
        let here = rooms.open(&name);
        assert_eq!(here.positions(), [at(0.6)]);
        let [first, second] = tabs;
        drop(first);
        assert_eq!(here.positions(), [at(0.6)]);
        drop(second);
        assert!(here.positions().is_empty());
    }

    #[derive(Default)]
    struct Calls(std::sync::atomic::AtomicUsize);

    impl Observer for Calls {
        fn on_change(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn nobody_is_told_of_a_position_whose_visitor_is_not_there() {
        let (rooms, name) = (Rooms::new(Limits::default()), room("a.example"));
        let here = rooms.open(&name);
        let _ann = rooms.join(&name, Some(&visitor(b"Ann"))).unwrap();
        let calls = Arc::new(Calls::default());
        let observer: Weak<Calls> = Arc::downgrade(&calls);
        here.observe(observer);
        rooms.reach(&name, &visitor(b"Bob"), at(0.5));
        assert_eq!(calls.0.load(Ordering::SeqCst), 0);
        rooms.reach(&name, &visitor(b"Ann"), at(0.5));
        assert_eq!(calls.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_comes_before_its_visitor_waits_for_them() {
        let (rooms, name) = (Rooms::new(Limits::default()), room("a.example"));
        let (ann, bob) = (visitor(b"Ann"), visitor(b"Bob"));
        rooms.reach(&name, &ann, at(0.5));
        rooms.reach(&room("b.example"), &bob, at(0.7));
        assert!(rooms.is_empty(), "a position brings no room into being");
        let _bob = rooms.join(&name, Some(&bob)).unwrap();
        let _nobody = rooms.join(&name, None).unwrap();
        assert!(rooms.open(&name).positions().is_empty());
        let _ann = rooms.join(&name, Some(&ann)).unwrap();
        assert_eq!(rooms.open(&name).positions(), [at(0.5)]);
    }

    #[test]
    fn nothing_waits_for_long_and_not_much_does() {
        let (early, name, ann) = (EarlyMarks::default(), room("a.example"), visitor(b"Ann"));
        let start = Instant::now();
        early.keep(&name, &ann, at(0.5), start);
        assert!(early.take(&name, &ann, || start + PATIENCE + Duration::from_millis(1)).is_empty());
        assert!(!early.any.load(Ordering::SeqCst));
        for number in 0..2 * MOST {
            early.keep(&name, &ann, at(number as f32 / (2 * MOST) as f32), start);
        }
        assert_eq!(early.take(&name, &ann, || start).len(), MOST);
    }
}
