//! The readers whose new position is yet to go out.

use std::collections::{BTreeMap, HashMap};

use onlookers_rooms::ViewerId;

/// How many readers may wait, so that none waits for long. The position of any more goes out when they move again.
const MAX_WAITING: usize = 1024;

/// Readers who have moved, in the order in which they did, each once: their position when it is their turn goes out.
#[derive(Default, Debug)]
pub(super) struct Moves {
    by_turn: BTreeMap<u64, ViewerId>,
    turns: HashMap<ViewerId, u64>,
    next: u64,
}

impl Moves {
    pub(super) fn add(&mut self, id: ViewerId) {
        if self.turns.len() < MAX_WAITING && !self.turns.contains_key(&id) {
            self.turns.insert(id, self.next);
            self.by_turn.insert(self.next, id);
            self.next += 1;
        }
    }

    /// A reader has gone, and takes no turn from the others.
    pub(super) fn remove(&mut self, id: ViewerId) {
        if let Some(turn) = self.turns.remove(&id) {
            self.by_turn.remove(&turn);
        }
    }

    /// Takes those whose turn it is, at most `most`.
    pub(super) fn take(&mut self, most: usize) -> Vec<ViewerId> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some((_, id)) = self.by_turn.pop_first()
        {
            self.turns.remove(&id);
            taken.push(id);
        }
        if self.turns.is_empty() {
            self.turns.shrink_to(64);
        }
        taken
    }

    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(range: std::ops::Range<u64>) -> Vec<ViewerId> {
        range.map(ViewerId::new).collect()
    }

    fn moved(range: std::ops::Range<u64>) -> Moves {
        let mut moves = Moves::default();
        ids(range).into_iter().for_each(|id| moves.add(id));
        moves
    }

    #[test]
    fn a_reader_that_moves_often_waits_once() {
        let mut moves = moved(0..40);
        ids(0..40).into_iter().for_each(|id| moves.add(id));
        assert_eq!(moves.take(32), ids(0..32));
        moves.add(ViewerId::new(0));
        assert_eq!(moves.take(32), [ids(32..40), ids(0..1)].concat());
        assert!(moves.is_empty() && moves.take(32).is_empty());
    }

    #[test]
    fn readers_that_have_gone_take_no_turn() {
        let mut moves = moved(0..0);
        for gone in ids(1..4_001) {
            moves.add(gone);
            moves.remove(gone);
        }
        moves.add(ViewerId::new(0));
        assert_eq!(moves.take(32), ids(0..1));
        assert!(moves.by_turn.is_empty() && moves.turns.is_empty());
    }

    #[test]
    fn readers_that_wait_are_bounded() {
        let mut moves = moved(0..2 * MAX_WAITING as u64);
        assert_eq!((moves.turns.len(), moves.by_turn.len()), (MAX_WAITING, MAX_WAITING));
        assert_eq!(moves.take(1), ids(0..1));
        moves.add(ViewerId::new(9_999));
        assert_eq!(moves.take(MAX_WAITING).last(), Some(&ViewerId::new(9_999)));
    }
}
