//! How far down a page the visitors have come whose browser runs no script: it loads the pictures that mark a position.

use std::collections::HashMap;

use crate::others::VisitorKey;
use crate::position::Position;

/// The visitors of one room whose position a mark has told, each with the furthest. It goes with the visitor's last tab.
#[derive(Debug, Default)]
pub(crate) struct FurthestPositions(HashMap<VisitorKey, Position>);

impl FurthestPositions {
    pub(crate) fn note(&mut self, visitor: VisitorKey, position: Position) {
        let furthest = self.0.entry(visitor).or_insert(position);
        if position > *furthest {
            *furthest = position;
        }
    }

    pub(crate) fn forget(&mut self, visitor: VisitorKey) {
        self.0.remove(&visitor);
    }

    pub(crate) fn of(&self, visitor: VisitorKey) -> Option<Position> {
        self.0.get(&visitor).copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (VisitorKey, Position)> {
        self.0.iter().map(|(visitor, position)| (*visitor, *position))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

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
}
