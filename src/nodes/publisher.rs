//! What this node counts, as it tells the others: each room's changes, one after the other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use onlookers_rooms::{LocalChange, Presence, PresentId, Report, RoomName, Rooms, VisitorKey, is_sampled};

use super::store::{Change, RoomCounts, Visitors};
use recent::Recent;

mod recent;

/// How many visitors of a room are told at most, and how few of more than that. The standard error of a sample is 1/√n (see
/// [`Report`]): a count from the smallest is more than 2 % wrong once in 800 times.
const SAMPLE: u64 = 65_536;
const SMALLEST_SAMPLE: u64 = SAMPLE * 2 / 5;

/// The rooms that this node counts somebody in, as the store has them.
pub(super) struct Publisher {
    rooms: Arc<Rooms>,
    published: HashMap<RoomName, Published>,
    /// Those in which it counts nobody any more, while the store may still have something of them.
    gone: HashSet<RoomName>,
    /// Those that the store is being told of.
    leaving: Vec<RoomName>,
    recent: Recent,
    /// Of the newest counts.
    version: u64,
}

#[derive(Clone, Copy, Default)]
struct Published {
    /// 0 if it isn't known what the store has.
    version: u64,
    counts: Report,
    present: u64,
}

impl Publisher {
    pub(super) fn new(rooms: Arc<Rooms>) -> Self {
        let (published, gone, leaving) = (HashMap::new(), HashSet::new(), Vec::new());
        Self { rooms, published, gone, leaving, recent: Recent::default(), version: 0 }
    }

    /// Goes on where another has stopped, whose newest counts had that version.
    pub(super) fn go_on(&mut self, version: u64) {
        self.version = self.version.max(version);
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// What to publish of these changes, and besides of rooms that have gone, at most so many of those. It counts as
    /// [told](Self::told) only once the store has it.
    pub(super) fn publish(&mut self, local: &[LocalChange], most: usize) -> Vec<Change> {
        let mut changes: Vec<_> = local.iter().filter_map(|local| self.publish_room(local)).collect();
        let gone = self.gone.iter().take(most).cloned().collect::<Vec<_>>();
        changes
            .extend(gone.into_iter().filter_map(|room| self.gone.take(&room)).map(|room| gone_from(room, 0)));
        let left = changes.iter().filter(|change| change.counts.is_none());
        self.leaving = left.map(|change| change.room.clone()).collect();
        changes.iter().for_each(|change| self.recent.told(&change.room));
        changes
    }

    /// Whether rooms have gone that the store wasn't told of.
    pub(super) fn has_gone(&self) -> bool {
        !self.gone.is_empty()
    }

    /// The store has what was published last.
    pub(super) fn told(&mut self) {
        self.leaving = Vec::new();
    }

    /// What to publish of a change; nothing if the others know it.
    fn publish_room(&mut self, local: &LocalChange) -> Option<Change> {
        let before = self.published.get(&local.room).copied();
        if local.counts.tabs == 0 {
            self.published.remove(&local.room);
            return before.map(|before| gone_from(local.room.clone(), before.version));
        }
        self.gone.remove(&local.room);
        let level = level(before.map_or(0, |before| before.counts.level), local.known);
        let counts = Report { level, ..local.counts };
        let is_known = before.is_some_and(|before| before.version > 0 && before.counts.level == level);
        let (visitors, present) = match &local.visitors {
            Some(visitors) if is_known || before.is_none() && level == 0 => {
                (change(visitors, level), local.present.clone())
            }
            _ => (Visitors::Replace(self.rooms.visitors(&local.room, level)), self.presences(&local.room)),
        };
        let is_news = visitors != change(&[], level) || !present.is_empty();
        if is_known && !is_news && before.is_some_and(|before| before.counts == counts) {
            return None;
        }
        self.version += 1;
        let published = Published { version: self.version, counts, present: local.told as u64 };
        self.published.insert(local.room.clone(), published);
        let previous = before.map_or(0, |before| before.version);
        Some(Change {
            room: local.room.clone(),
            previous,
            counts: Some(stored(published)),
            visitors,
            present,
        })
    }

    fn presences(&self, room: &RoomName) -> Vec<(PresentId, Option<Presence>)> {
        self.rooms.presences(room).into_iter().map(|(id, presence)| (id, Some(presence))).collect()
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.published.len() + self.gone.len() + self.leaving.len() + self.recent.len()
    }

    /// The store has renewed the leases, and what it was told before is safe.
    pub(super) fn renewed(&mut self) {
        self.recent.renewed();
    }

    /// The store has these rooms of this node. Those that it counts nobody in are to be taken back, now or once nobody is there any
    /// more.
    pub(super) fn take_back(&mut self, rooms: Vec<RoomName>) {
        let unknown = rooms.into_iter().filter(|room| !self.published.contains_key(room));
        let (here, gone): (Vec<_>, Vec<_>) = unknown.partition(|room| self.rooms.counted_here(room).tabs > 0);
        self.published.extend(here.into_iter().map(|room| (room, Published::default())));
        self.gone.extend(gone);
    }

    /// The store may have lost what it was told last, though it has said that it has it. That is told anew.
    pub(super) fn doubt_recent(&mut self) {
        let Some(recent) = self.recent.take() else { return self.begin_anew() };
        for room in recent {
            match self.published.get_mut(&room) {
                Some(published) => published.version = 0,
                None => drop(self.gone.insert(room.clone())),
            }
            self.rooms.tell_all_of(&room);
        }
    }

    /// The store may have lost what was published, or the part of it that was published last. Everything is told anew as
    /// changes of the rooms, but for what is to be taken back.
    pub(super) fn begin_anew(&mut self) {
        self.published.values_mut().for_each(|published| published.version = 0);
        let is_gone = |room: &RoomName| self.rooms.counted_here(room).tabs == 0;
        let gone = self.published.extract_if(|room, _| is_gone(room)).map(|(room, _)| room);
        self.gone.extend(gone.chain(self.leaving.drain(..)));
        self.rooms.tell_all();
    }
}

fn gone_from(room: RoomName, previous: u64) -> Change {
    Change { previous, ..Change::gone(room) }
}

fn change(visitors: &[(VisitorKey, bool)], level: u8) -> Visitors {
    let part = |is_here: bool| {
        let part = visitors.iter().filter(|(key, here)| *here == is_here && is_sampled(*key, level));
        part.map(|(key, _)| *key).collect()
    };
    Visitors::Change { come: part(true), gone: part(false) }
}

fn stored(Published { version, counts, present }: Published) -> RoomCounts {
    let Report { tabs, anonymous, level, peak } = counts;
    RoomCounts { version, tabs, anonymous, level, peak, present }
}

/// The level for so many visitors: as before, unless the sample is too large or too small.
fn level(before: u8, known: u64) -> u8 {
    let lowest = |most: u64| (0..64).find(|level| known >> level <= most).unwrap_or(63);
    // One level more would leave too few.
    before.clamp(lowest(SAMPLE), lowest(2 * SMALLEST_SAMPLE + 1))
}

#[cfg(test)]
mod tests {
    use onlookers_rooms::{Limits, RoomName};

    use super::*;

    fn publisher() -> (Arc<Rooms>, Publisher) {
        let rooms = Arc::new(Rooms::with_others(Limits::default(), || ()));
        (Arc::clone(&rooms), Publisher::new(rooms))
    }

    fn publish(rooms: &Rooms, publisher: &mut Publisher) -> Vec<Change> {
        let changes = rooms.take_changes(usize::MAX);
        publisher.publish(&changes, usize::MAX)
    }

    #[test]
    fn each_change_says_which_one_it_follows() {
        let (rooms, mut publisher) = publisher();
        let room: RoomName = "example.com".parse().unwrap();
        let one = rooms.join(&room, None).unwrap();
        let first = publish(&rooms, &mut publisher);
        let other = rooms.join(&room, None).unwrap();
        let second = publish(&rooms, &mut publisher);
        drop((one, other));
        let last = publish(&rooms, &mut publisher);
        let versions = |changes: &[Change]| {
            let [change] = changes else { panic!("{changes:?}") };
            (change.previous, change.counts.map(|counts| (counts.version, counts.tabs)))
        };
        assert_eq!(versions(&first), (0, Some((1, 1))));
        assert_eq!(versions(&second), (1, Some((2, 2))));
        assert_eq!(versions(&last), (2, None));
    }

    #[test]
    fn what_changes_nothing_is_not_told() {
        let (rooms, mut publisher) = publisher();
        let room: RoomName = "example.com".parse().unwrap();
        let _one = rooms.join(&room, None).unwrap();
        assert_eq!(publish(&rooms, &mut publisher).len(), 1);
        let watched = rooms.open(&room);
        assert!(publish(&rooms, &mut publisher).is_empty());
        drop(watched);
        drop(rooms.join(&room, None).unwrap());
        assert_eq!(publish(&rooms, &mut publisher).len(), 1, "the peak has changed");
        drop(rooms.join(&room, None).unwrap());
        assert!(publish(&rooms, &mut publisher).is_empty());
    }

    #[test]
    fn a_store_that_has_lost_everything_gets_it_again() {
        let (rooms, mut publisher) = publisher();
        let [here, gone]: [RoomName; 2] = ["a.example", "b.example"].map(|name| name.parse().unwrap());
        let _here = rooms.join(&here, None).unwrap();
        let left = rooms.join(&gone, None).unwrap();
        assert_eq!(publish(&rooms, &mut publisher).len(), 2);
        drop(left);
        // Nobody could be told of that.
        rooms.take_changes(usize::MAX);
        // Nor was the store told that it is to be taken back.
        for _ in 0..2 {
            publisher.begin_anew();
            let again = publish(&rooms, &mut publisher);
            assert_eq!((again.len(), &again[0].room, again[0].previous), (2, &here, 0));
            assert_eq!(again[0].visitors, Visitors::Replace(Vec::new()));
            assert_eq!((&again[1].room, again[1].counts), (&gone, None));
        }
        publisher.told();
        publisher.begin_anew();
        assert_eq!(publish(&rooms, &mut publisher).len(), 1);
    }

    #[test]
    fn a_level_follows_the_visitors_with_delay() {
        assert_eq!((level(0, 0), level(0, SAMPLE), level(0, SAMPLE + 1)), (0, 0, 1));
        assert_eq!((level(1, SAMPLE), level(1, SAMPLE), level(1, 2 * SMALLEST_SAMPLE)), (1, 1, 0));
        assert_eq!(level(0, 100_000_000), 11);
    }
}
