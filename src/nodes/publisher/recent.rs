//! The rooms whose changes were published last.
//!
//! After a failover it may not have them: the replica that has become the master lacks what the former one was told in its last
//! moments. Had it lost more than that, it would have lost renewals of leases, too, which shows.

use std::collections::HashSet;
use std::mem;

use onlookers_rooms::RoomName;

/// The most rooms between two renewals that are remembered. After more of them it may be any.
const MOST: usize = 20_000;

/// Those told before the last two answered renewals of the leases, and since.
#[derive(Default)]
pub(super) struct Recent([Told; 3]);

#[derive(Default)]
struct Told {
    rooms: HashSet<RoomName>,
    is_any: bool,
}

impl Recent {
    pub(super) fn told(&mut self, room: &RoomName) {
        let Told { rooms, is_any } = &mut self.0[0];
        if rooms.len() < MOST {
            rooms.insert(room.clone());
        } else {
            *is_any = true;
        }
    }

    /// The leases were renewed. What was told while they were may have come after, and what a node hears of the failover comes a
    /// moment later than the connection.
    pub(super) fn renewed(&mut self) {
        self.0.rotate_right(1);
        self.0[0] = Told::default();
    }

    /// Takes all of them; none if it may be any.
    pub(super) fn take(&mut self) -> Option<HashSet<RoomName>> {
        let all = mem::take(&mut self.0);
        let is_any = all.iter().any(|told| told.is_any);
        (!is_any).then(|| all.into_iter().flat_map(|told| told.rooms).collect())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|told| told.rooms.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_renewals_later_a_room_is_still_recent() {
        let (mut recent, room): (_, RoomName) = (Recent::default(), "example.com".parse().unwrap());
        for (renewals, is_recent) in [(0, true), (2, true), (3, false)] {
            recent.told(&room);
            (0..renewals).for_each(|_| recent.renewed());
            assert_eq!(recent.take().unwrap().contains(&room), is_recent, "after {renewals} renewals");
        }
    }

    #[test]
    fn of_very_many_none_is_named() {
        let mut recent = Recent::default();
        (0..=MOST).for_each(|page| recent.told(&format!("example.com/{page}").parse().unwrap()));
        recent.renewed();
        assert!(recent.take().is_none());
        assert_eq!(recent.take(), Some(HashSet::new()));
    }
}
