//! Rooms against a model: whatever happens, every count is what it must be.

use std::collections::HashSet;

use proptest::prelude::*;

use super::{page, site};
use crate::*;

#[derive(Clone, Debug)]
enum Step {
    Join {
        page: u8,
        visitor: Option<u8>,
    },
    Leave(usize),
    Navigate {
        which: usize,
        page: u8,
    },
    Crash(usize),
    Identify {
        which: usize,
        visitor: Option<u8>,
    },
    /// Somebody looks at a page, or at its site, until they have looked at another.
    Look {
        page: u8,
        whole: bool,
    },
    Midnight {
        days: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..6_u8, prop::option::of(0..4_u8)).prop_map(|(page, visitor)| Step::Join { page, visitor }),
        2 => any::<usize>().prop_map(Step::Leave),
        3 => (any::<usize>(), 0..6_u8).prop_map(|(which, page)| Step::Navigate { which, page }),
        1 => any::<usize>().prop_map(Step::Crash),
        2 => (any::<usize>(), prop::option::of(0..4_u8)).prop_map(|(which, visitor)| Step::Identify { which, visitor }),
        1 => (0..6_u8, any::<bool>()).prop_map(|(page, whole)| Step::Look { page, whole }),
        1 => (1..3_u64).prop_map(|days| Step::Midnight { days }),
    ]
}

/// A visitor by the key of a day, or, if anonymous, by a number that nobody else has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Identity {
    Known { number: u8, day: u64 },
    Anonymous(usize),
}

struct Here {
    page: u8,
    visitor: Option<u8>,
    identity: Identity,
    guard: CountGuard,
}

/// The counts as they must be: all open tabs, by page and by visitor.
struct Model<'a> {
    rooms: &'a Rooms,
    keys: Keys,
    /// The day, and how many days before it the last key was in force.
    day: u64,
    since: u64,
    came: usize,
    here: Vec<Here>,
    looked_at: Option<RoomRef>,
}

const SITES: [(&str, std::ops::Range<u8>); 2] = [("a.example", 0..3), ("b.example", 3..6)];

impl<'a> Model<'a> {
    fn new(rooms: &'a Rooms) -> Self {
        let (keys, day) = (Keys::new().unwrap(), visitor::today());
        Self { rooms, keys, day, since: 0, came: 0, here: Vec::new(), looked_at: None }
    }

    /// Two sites of three pages each.
    fn site_of(page: u8) -> &'static str {
        SITES[usize::from(page / 3)].0
    }

    fn name(number: u8) -> RoomName {
        page(Self::site_of(number), &format!("/{number}"))
    }

    /// A visitor with an open tab stays the same for one midnight.
    fn identity(&self, page: u8, visitor: Option<u8>) -> Identity {
        let Some(number) = visitor else { return Identity::Anonymous(self.came) };
        let before = Identity::Known { number, day: self.day - 1 };
        let is_here = |here: &Here| here.page / 3 == page / 3 && here.identity == before;
        if self.since == 1 && self.here.iter().any(is_here) {
            return before;
        }
        Identity::Known { number, day: self.day }
    }

    /// A visitor to a page, as today's keys have them.
    fn seen(&self, page: u8, visitor: Option<u8>) -> Option<Visitor> {
        visitor.map(|number| {
            let site = Self::site_of(page).parse().unwrap();
            self.keys.visitor_on(self.day, &site, std::net::Ipv4Addr::from([127, 0, 0, number]).into(), b"x")
        })
    }

    fn join(&mut self, page: u8, visitor: Option<u8>) {
        let identity = self.identity(page, visitor);
        let guard = self.rooms.join(&Self::name(page), self.seen(page, visitor).as_ref()).unwrap();
        self.came += 1;
        self.here.push(Here { page, visitor, identity, guard });
    }

    /// A tab turns out to be another visitor's: as if it had closed and opened.
    fn identify(&mut self, which: usize, visitor: Option<u8>) {
        let mut here = self.here.swap_remove(which);
        here.identity = self.identity(here.page, visitor);
        here.visitor = visitor;
        here.guard.identify(self.seen(here.page, visitor).as_ref());
        self.came += 1;
        self.here.push(here);
    }

    fn take(&mut self, step: Step) {
        let some = self.here.len();
        match step {
            Step::Join { page, visitor } => self.join(page, visitor),
            Step::Midnight { days } => self.midnight(days),
            Step::Look { page, whole } => {
                let name = if whole { site(Self::site_of(page)) } else { Self::name(page) };
                self.looked_at = Some(self.rooms.open(&name));
            }
            _ if some == 0 => {}
            Step::Leave(which) => drop(self.here.swap_remove(which % some)),
            Step::Navigate { which, page } => {
                let visitor = self.here.swap_remove(which % some).visitor;
                self.join(page, visitor);
            }
            Step::Identify { which, visitor } => self.identify(which % some, visitor),
            Step::Crash(which) => {
                let guard = self.here.swap_remove(which % some).guard;
                let crash = std::panic::AssertUnwindSafe(move || {
                    let _guard = guard;
                    std::panic::resume_unwind(Box::new("on purpose"));
                });
                assert!(std::panic::catch_unwind(crash).is_err());
            }
        }
    }

    /// The keys change with the first join on the new day.
    fn midnight(&mut self, days: u64) {
        self.day += days;
        self.since = days;
        let _ = self.keys.visitor_on(
            self.day,
            &"c.example".parse().unwrap(),
            std::net::Ipv4Addr::LOCALHOST.into(),
            b"",
        );
    }

    fn expected(&self, in_room: impl Fn(u8) -> bool) -> Counts {
        let here = || self.here.iter().filter(|here| in_room(here.page));
        let visitors: HashSet<Identity> = here().map(|here| here.identity).collect();
        Counts { tabs: here().count() as u64, visitors: visitors.len() as u64 }
    }

    /// A site's numbers of tabs by page, the largest first.
    fn ranking(&self, pages: std::ops::Range<u8>) -> Vec<u64> {
        let mut counts: Vec<u64> = pages.map(|page| self.expected(|other| other == page).tabs).collect();
        counts.retain(|count| *count > 0);
        counts.sort_by(|one, other| other.cmp(one));
        counts
    }

    /// The rooms that exist: those that somebody is in, the one that is looked at, and the sites of these.
    fn existing(&self) -> usize {
        let pages = self.here.iter().map(|here| Self::name(here.page));
        let looked_at = self.looked_at.iter().map(|room| room.name());
        let with_sites = pages.chain(looked_at).flat_map(|name| [name.whole_site(), Some(name)]);
        with_sites.flatten().collect::<HashSet<RoomName>>().len()
    }
}

proptest! {
    #[test]
    fn counts_equal_the_model(steps in prop::collection::vec(step(), 0..200)) {
        let rooms = Rooms::new(Limits::default());
        let mut model = Model::new(&rooms);
        let counts = |name: &RoomName| rooms.find(name).map(|room| room.counts()).unwrap_or_default();
        for step in steps {
            model.take(step);
            for number in 0..6 {
                prop_assert_eq!(counts(&Model::name(number)), model.expected(|page| page == number));
            }
            let mut all = Counts::default();
            for (name, pages) in SITES {
                let expected = model.expected(|page| pages.contains(&page));
                prop_assert_eq!(counts(&site(name)), expected);
                all.tabs += expected.tabs;
                all.visitors += expected.visitors;
                let top = rooms.find(&site(name)).map(|room| room.top(99)).unwrap_or_default();
                for (page, count) in &top {
                    prop_assert_eq!(counts(&RoomName::page(name.parse().unwrap(), page.clone())).tabs, *count);
                }
                prop_assert_eq!(top.into_iter().map(|(_, count)| count).collect::<Vec<_>>(), model.ranking(pages));
            }
            prop_assert_eq!(rooms.totals(), all);
            prop_assert_eq!(rooms.len(), model.existing());
        }
        drop(model);
        prop_assert!(rooms.is_empty() && rooms.totals() == Counts::default());
    }
}
