//! Counts that move here from another process.

use super::Rooms;
use crate::guard::CountGuard;
use crate::name::RoomName;
use crate::site::SiteCounts;
use crate::tally::{Counts, Identity};

impl Rooms {
    /// Joins a room as a tab that another process has counted as that one's. It is in, so no limit keeps it out.
    pub fn rejoin(&self, name: &RoomName, identity: Identity) -> CountGuard {
        let (site, page) = self.open_site(name);
        CountGuard::again(site, page.zip(name.as_page()), identity)
    }

    /// The peaks of all rooms that exist.
    pub fn peaks(&self) -> Vec<(RoomName, Counts)> {
        self.sites.entries().iter().flat_map(SiteCounts::peaks).collect()
    }

    /// As many have been in a room at once, where another process counted. Nothing is noted of a room that doesn't exist.
    pub fn raise_peak(&self, name: &RoomName, peak: Counts) {
        let (site, page) = self.hashes(name);
        if let Some(site) = self.sites.find(site) {
            site.change_state(page, |room| {
                room.raise_peak(peak);
                true
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::{Keys, Limits};

    /// The limits are those of newcomers.
    #[test]
    fn what_has_moved_is_counted_as_before() {
        let limits = Limits { sites: 1, pages_per_site: 1 };
        let (from, to) = (Rooms::new(limits), Rooms::new(limits));
        let (old, new) = (Keys::new().unwrap(), Keys::new().unwrap());
        let names: Vec<RoomName> = ["a.example", "a.example/1"].map(|name| name.parse().unwrap()).into();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let visitor = |keys: &Keys| keys.visitor(names[0].of_site(), address, b"x");
        let there = from.join(&names[1], Some(&visitor(&old))).unwrap();
        let unnamed = from.join(&names[0], None).unwrap();
        drop(from.join(&names[1], None).unwrap());
        let _others = [to.join(&"b.example/1".parse().unwrap(), None)];

        new.restore(&serde_json::from_str(&serde_json::to_string(&old.daily()).unwrap()).unwrap());
        let moved = [&there, &unnamed].map(|guard| {
            let identity = serde_json::to_string(&guard.identity()).unwrap();
            to.rejoin(&guard.room().unwrap(), serde_json::from_str(&identity).unwrap())
        });
        from.peaks().iter().for_each(|(room, peak)| to.raise_peak(room, *peak));
        for name in &names {
            assert_eq!(to.numbers(name), from.numbers(name), "{name}");
        }
        // The visitor is known by the same key, and is one with two tabs.
        let again = to.join(&names[1], Some(&visitor(&new))).unwrap();
        assert_eq!(to.numbers(&names[1]).0, Counts { tabs: 2, visitors: 1 });
        drop((moved, again));
        assert_eq!((to.open_sites(), to.totals().tabs), ((1, 1), 1));
    }
}
