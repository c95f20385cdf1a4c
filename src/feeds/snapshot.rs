//! The room as the members of a group know it, so that nobody is sent the same twice.

use bytes::Bytes;
use onlookers_rooms::ViewerId;

use super::batch::BatchBuilder;

/// How many newcomers are remembered who know something newer than the others. Any more are sent the same twice.
const MAX_AHEAD: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// The frame that all members have.
    pub(super) frame: Bytes,
    /// A newer frame, and the newcomers who have it already. Empty if every member has the same.
    ahead: (Bytes, Vec<ViewerId>),
}

impl Snapshot {
    /// Whether `now` is what every member has.
    pub(super) fn is(&self, now: &[u8]) -> bool {
        self.frame == now && self.ahead.0.is_empty()
    }

    /// Notes that `id` is sent `now` by itself.
    pub(super) fn greet(&mut self, id: ViewerId, now: &[u8]) {
        self.ahead.1.retain(|ahead| *ahead != id);
        if self.frame == now {
            return;
        }
        if self.ahead.0 != now {
            self.ahead = (Bytes::copy_from_slice(now), Vec::new());
        }
        if self.ahead.1.len() < MAX_AHEAD {
            self.ahead.1.push(id);
        }
    }

    /// Adds `now` to a batch, for all who don't have it.
    pub(super) fn update(&mut self, now: Vec<u8>, batch: &mut BatchBuilder) {
        if !self.is(&now) {
            let (frame, ahead) = std::mem::take(&mut self.ahead);
            batch.add(ahead.into_iter().filter(|_| frame == now), &now);
            self.frame = now.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that each of three members gets with the next batch.
    fn next(snapshot: &mut Snapshot, now: &str) -> [Option<Bytes>; 3] {
        let mut batch = BatchBuilder::default();
        snapshot.update(now.into(), &mut batch);
        let batch = batch.build(1);
        [1, 2, 3].map(|id| batch.as_ref()?.bytes_for(ViewerId::new(id), 0).cloned())
    }

    fn bytes<const N: usize>(texts: [&'static str; N]) -> [Option<Bytes>; N] {
        texts.map(|text| (!text.is_empty()).then(|| text.into()))
    }

    #[test]
    fn a_newcomer_is_not_sent_the_same_twice() {
        let mut snapshot = Snapshot { frame: "0".into(), ..Snapshot::default() };
        snapshot.greet(ViewerId::new(1), b"0");
        snapshot.greet(ViewerId::new(2), b"1");
        assert_eq!(next(&mut snapshot, "1"), bytes(["1", "", "1"]));
        snapshot.greet(ViewerId::new(3), b"1");
        assert_eq!(next(&mut snapshot, "2"), bytes(["2", "2", "2"]));
    }

    #[test]
    fn a_newcomer_with_another_state_is_sent_the_new_one() {
        let mut snapshot = Snapshot { frame: "0".into(), ..Snapshot::default() };
        snapshot.greet(ViewerId::new(1), b"1");
        snapshot.greet(ViewerId::new(2), b"2");
        assert_eq!(next(&mut snapshot, "2"), bytes(["2", "", "2"]));
        snapshot.greet(ViewerId::new(3), b"3");
        assert_eq!(next(&mut snapshot, "4"), bytes(["4", "4", "4"]));
        assert_eq!(next(&mut snapshot, "3"), bytes(["3", "3", "3"]));
    }

    #[test]
    fn a_newcomer_is_corrected_when_the_state_goes_back() {
        let mut snapshot = Snapshot { frame: "0".into(), ..Snapshot::default() };
        snapshot.greet(ViewerId::new(1), b"1");
        assert!(!snapshot.is(b"0"));
        assert_eq!(next(&mut snapshot, "0"), bytes(["0", "0", "0"]));
        snapshot.greet(ViewerId::new(1), b"1");
        snapshot.greet(ViewerId::new(1), b"0");
        assert_eq!(next(&mut snapshot, "1"), bytes(["1", "1", "1"]));
    }

    #[test]
    fn a_storm_of_newcomers_is_not_remembered() {
        let mut snapshot = Snapshot { frame: "0".into(), ..Snapshot::default() };
        (0..100).for_each(|id| snapshot.greet(ViewerId::new(id), b"1"));
        assert_eq!(snapshot.ahead.1.len(), MAX_AHEAD);
    }
}
