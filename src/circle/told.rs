//! What the members of a circle know of the room as it is, so that nobody is told it twice.

use bytes::Bytes;

use super::ViewerId;
use super::batch::Batch;

/// How many are kept in mind who know something newer than all. Who is over is told the same twice.
const MOST_AHEAD: usize = 32;

#[derive(Debug)]
pub(super) struct Told {
    /// What all were told last.
    pub(super) frame: Bytes,
    /// How many batches there were.
    batches: u32,
    /// Something newer, and newcomers who were told it since.
    ahead: (Bytes, Vec<ViewerId>),
}

impl Told {
    pub(super) fn new(frame: Bytes) -> Self {
        Self { frame, batches: 0, ahead: Default::default() }
    }

    /// Notes that `id`, a newcomer, is told how the room is now, and says how many batches there were before that.
    pub(super) fn greet(&mut self, id: ViewerId, now: &[u8]) -> u32 {
        if self.frame != now {
            if self.ahead.0 != now {
                self.ahead = (Bytes::copy_from_slice(now), Vec::new());
            }
            if self.ahead.1.len() < MOST_AHEAD {
                self.ahead.1.push(id);
            }
        }
        self.batches
    }

    /// One batch more, which tells all how the room is now, unless they know.
    pub(super) fn update(&mut self, now: Vec<u8>, batch: &mut Batch) {
        self.batches = self.batches.wrapping_add(1);
        batch.number = Some(self.batches);
        let (what, ahead) = std::mem::take(&mut self.ahead);
        if self.frame != now {
            batch.add(ahead.into_iter().filter(|_| what == now), &now);
            self.frame = now.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of three hears of the next batch.
    fn next(told: &mut Told, now: &str) -> [Bytes; 3] {
        let mut batch = Batch::default();
        told.update(now.into(), &mut batch);
        let batch = batch.seal();
        [1, 2, 3].map(|id| batch.of(ViewerId::new(id)))
    }

    #[test]
    fn who_was_told_when_they_came_is_not_told_the_same_again() {
        let mut told = Told::new("0".into());
        assert_eq!(told.greet(ViewerId::new(1), b"0"), 0);
        told.greet(ViewerId::new(2), b"1");
        assert_eq!(next(&mut told, "1"), ["1", "", "1"]);
        assert_eq!(told.greet(ViewerId::new(3), b"1"), 1);
        assert_eq!(next(&mut told, "2"), ["2", "2", "2"]);
    }

    #[test]
    fn who_was_told_something_else_is_told() {
        let mut told = Told::new("0".into());
        told.greet(ViewerId::new(1), b"1");
        told.greet(ViewerId::new(2), b"2");
        assert_eq!(next(&mut told, "2"), ["2", "", "2"]);
        told.greet(ViewerId::new(3), b"3");
        assert_eq!(next(&mut told, "4"), ["4", "4", "4"]);
        assert_eq!(next(&mut told, "3"), ["3", "3", "3"]);
    }

    #[test]
    fn a_storm_of_newcomers_is_not_kept_in_mind() {
        let mut told = Told::new("0".into());
        for id in 0..100 {
            told.greet(ViewerId::new(id), b"1");
        }
        assert_eq!(told.ahead.1.len(), MOST_AHEAD);
    }
}
