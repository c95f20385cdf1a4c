//! An hour of random joins and leaves on busy sites, simulated faster than real time: counting uses no clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use onlookers_rooms::{CountGuard, Counts, Keys, Limits, Page, PageQuery, RoomName, Rooms, Site, Visitor};

const SITES: u32 = 5;
const PAGES: u32 = 200;
const VISITORS: u32 = 3_000;

/// Seconds.
const HOUR: u32 = 60 * 60;

/// Pages opened in a second. Each stays open for two minutes on average, so 6,000 are open at a time.
const OPENED: u32 = 50;

/// The environment variable with the seed of a failed run, to repeat it.
const SEED: &str = "ONLOOKERS_TEST_SEED";

#[test]
fn after_an_hour_of_churn_every_number_is_right() {
    let seed = std::env::var(SEED).map_or_else(|_| now(), |seed| seed.parse().unwrap());
    println!("{SEED}={seed} repeats this run");
    let rooms = Rooms::new(Limits::default());
    let mut town = Town::new(&rooms, seed);
    for second in 0..HOUR {
        town.live(second);
        if second % 60 == 0 {
            town.check(&format!("{SEED}={seed}, second {second}"));
        }
    }
    town.check(&format!("{SEED}={seed}, at the end"));
    assert!(town.went > 150_000, "{} have gone", town.went);
    drop(town);
    assert!(rooms.is_empty() && rooms.totals() == Counts::default(), "{SEED}={seed}: something is left");
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// An open page and its visitor; each anonymous visitor has a number of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Open {
    site: u32,
    page: u32,
    visitor: u32,
}

struct Town<'a> {
    rooms: &'a Rooms,
    keys: Keys,
    random: Random,
    here: HashMap<u64, (Open, CountGuard)>,
    /// When each of them leaves.
    leaving: BinaryHeap<Reverse<(u32, u64)>>,
    peaks: HashMap<u32, Counts>,
    came: u64,
    went: u64,
}

impl<'a> Town<'a> {
    fn new(rooms: &'a Rooms, seed: u64) -> Self {
        let (keys, random) = (Keys::new().unwrap(), Random(seed));
        let (here, leaving, peaks) = (HashMap::new(), BinaryHeap::new(), HashMap::new());
        Self { rooms, keys, random, here, leaving, peaks, came: 0, went: 0 }
    }

    /// One second: pages whose time is over leave, a third of them for another page; others join.
    fn live(&mut self, second: u32) {
        while let Some(number) = self.next_to_go(second) {
            let (open, presence) = self.here.remove(&number).unwrap();
            drop(presence);
            self.went += 1;
            if self.random.below(3) == 0 {
                let page = self.random_page();
                self.come(second, Open { page, ..open });
            }
        }
        // Up to twice the average; now and then a burst of 2,000.
        let comers = if self.random.below(600) == 0 { 2_000 } else { self.random.below(2 * OPENED) };
        for _ in 0..comers {
            let open = self.random_open();
            self.come(second, open);
        }
    }

    fn next_to_go(&mut self, second: u32) -> Option<u64> {
        let Reverse((due, _)) = self.leaving.peek()?;
        (*due <= second).then(|| self.leaving.pop()).flatten().map(|Reverse((_, number))| number)
    }

    fn come(&mut self, second: u32, open: Open) {
        let site: Site = format!("site-{}.example", open.site).parse().unwrap();
        let page = Page::new(&format!("/{}", open.page), PageQuery::Drop).unwrap();
        let visitor = self.visitor(&site, open.visitor);
        let presence = self.rooms.join(&RoomName::page(site, page), visitor.as_ref()).unwrap();
        self.came += 1;
        self.here.insert(self.came, (open, presence));
        self.leaving.push(Reverse((second + self.random.below(240), self.came)));
        self.note_peak(open.site);
    }

    fn visitor(&self, site: &Site, number: u32) -> Option<Visitor> {
        let address = IpAddr::V4(Ipv4Addr::from(number));
        (number < VISITORS).then(|| self.keys.visitor(site, address, b"Mozilla/5.0"))
    }

    fn random_open(&mut self) -> Open {
        let visitor = match self.random.below(20) {
            0 => VISITORS + self.came as u32,
            _ => self.random.below(VISITORS),
        };
        Open { site: self.random.below(SITES), page: self.random_page(), visitor }
    }

    /// Low numbers are more frequent: a few pages have most of the readers.
    fn random_page(&mut self) -> u32 {
        let most = self.random.below(PAGES) + 1;
        self.random.below(most)
    }

    /// Takes the site's own counts, because peaks lie between the checks, which come once a minute.
    fn note_peak(&mut self, site: u32) {
        let now = self.counts(&Self::site(site));
        let peak = self.peaks.entry(site).or_default();
        *peak = Counts { tabs: peak.tabs.max(now.tabs), visitors: peak.visitors.max(now.visitors) };
    }

    fn site(number: u32) -> RoomName {
        RoomName::site(format!("site-{number}.example").parse().unwrap())
    }

    fn counts(&self, name: &RoomName) -> Counts {
        self.rooms.find(name).map(|room| room.counts()).unwrap_or_default()
    }

    /// Compares every number with the model.
    fn check(&self, when: &str) {
        let mut everyone = Counts::default();
        for number in 0..SITES {
            let here: Vec<Open> =
                self.here.values().map(|(open, _)| *open).filter(|open| open.site == number).collect();
            let expected = count(here.iter());
            let name = Self::site(number);
            assert_eq!(self.counts(&name), expected, "{when}: site {number}");
            everyone = Counts {
                tabs: everyone.tabs + expected.tabs,
                visitors: everyone.visitors + expected.visitors,
            };
            let Some(room) = self.rooms.find(&name) else { continue };
            assert_eq!(room.peak(), self.peaks[&number], "{when}: peak of site {number}");
            self.check_pages(&name, &here, &room.top(usize::MAX), when);
        }
        assert_eq!(self.rooms.totals(), everyone, "{when}: everyone");
        let pages: HashSet<(u32, u32)> = self.here.values().map(|(open, _)| (open.site, open.page)).collect();
        let sites: HashSet<u32> = pages.iter().map(|(site, _)| *site).collect();
        assert_eq!(self.rooms.len(), pages.len() + sites.len(), "{when}: rooms");
    }

    /// Checks each page's numbers, and the ranking: all open pages with their counts, most viewers first.
    fn check_pages(&self, site: &RoomName, here: &[Open], top: &[(Page, u64)], when: &str) {
        let mut pages: BTreeMap<u32, Vec<&Open>> = BTreeMap::new();
        here.iter().for_each(|open| pages.entry(open.page).or_default().push(open));
        assert!(top.is_sorted_by_key(|(_, count)| Reverse(*count)), "{when}: the ranking of {site}: {top:?}");
        assert_eq!(top.len(), pages.len(), "{when}: the ranking of {site}");
        let ranked: HashMap<&str, u64> = top.iter().map(|(page, count)| (page.as_str(), *count)).collect();
        for (page, open) in pages {
            let name = Page::new(&format!("/{page}"), PageQuery::Drop).unwrap();
            let expected = count(open.into_iter());
            assert_eq!(ranked[name.as_str()], expected.tabs, "{when}: {name} in the ranking of {site}");
            let room = RoomName::page(site.of_site().clone(), name);
            assert_eq!(self.counts(&room), expected, "{when}: {room}");
        }
    }
}

fn count<'o>(here: impl Iterator<Item = &'o Open> + Clone) -> Counts {
    let visitors: HashSet<u32> = here.clone().map(|open| open.visitor).collect();
    Counts { tabs: here.count() as u64, visitors: visitors.len() as u64 }
}

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((mixed >> 32) * u64::from(bound)) >> 32) as u32
    }
}
