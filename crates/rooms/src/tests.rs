//! Rooms against a model: whatever happens, every count is what it must be.

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

fn site(name: &str) -> RoomName {
    RoomName::site(name.parse().unwrap())
}

fn page(name: &str, path: &str) -> RoomName {
    RoomName::page(name.parse().unwrap(), Page::new(path, PageQuery::Drop).unwrap())
}

fn visitor(number: u8, days: (bool, bool)) -> Visitor {
    let mark = |day: u8| [day, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    match days {
        (false, _) => Visitor { today: mark(1), before: None },
        (true, _) => Visitor { today: mark(2), before: Some(mark(1)) },
    }
}

#[test]
fn rooms_come_and_go_with_their_presences() {
    let rooms = Rooms::new(Limits::default());
    let one = rooms.join(&site("example.com"), None).unwrap();
    let other = rooms.join(&site("example.com"), None).unwrap();
    assert_eq!((one.room().counts().tabs, rooms.len()), (2, 1));
    drop(one);
    assert_eq!(other.room().counts().tabs, 1);
    drop(other);
    assert!(rooms.is_empty());
    assert_eq!(rooms.totals(), Counts::default());
}

#[test]
fn a_site_is_the_sum_of_its_pages() {
    let rooms = Rooms::new(Limits::default());
    let front = rooms.join(&page("example.com", "/"), None).unwrap();
    let _posts = [(), ()].map(|()| rooms.join(&page("example.com", "/posts"), None).unwrap());
    let whole = rooms.open(&site("example.com"));
    assert_eq!((front.room().counts().tabs, whole.counts().tabs), (1, 3));
    let names: Vec<_> = whole.top(9).into_iter().map(|(page, count)| (page.to_string(), count)).collect();
    assert_eq!(names, [("/posts".to_owned(), 2), ("/".to_owned(), 1)]);
}

#[test]
fn a_visitor_with_three_tabs_is_one_also_over_midnight() {
    let rooms = Rooms::new(Limits::default());
    let yesterday = visitor(7, (false, false));
    let today = visitor(7, (true, false));
    let join = |path: &str, visitor: &Visitor| rooms.join(&page("example.com", path), Some(visitor)).unwrap();
    let (first, second, third) = (join("/a", &yesterday), join("/b", &today), join("/b", &today));
    let whole = rooms.open(&site("example.com"));
    assert_eq!(whole.counts(), Counts { tabs: 3, visitors: 1 });
    assert_eq!(second.room().counts(), Counts { tabs: 2, visitors: 1 });
    drop((first, second));
    assert_eq!(whole.counts(), Counts { tabs: 1, visitors: 1 });
    drop(third);
    assert_eq!(whole.counts(), Counts::default());
}

#[test]
fn who_signs_in_is_one_visitor_everywhere_and_never_gone() {
    let rooms = Rooms::new(Limits::default());
    let join = |path: &str, number| {
        rooms.join(&page("example.com", path), Some(&visitor(number, (false, false)))).unwrap()
    };
    let (mut first, mut second, mut third) = (join("/a", 1), join("/a", 2), join("/b", 3));
    let whole = rooms.open(&site("example.com"));
    assert_eq!(whole.counts(), Counts { tabs: 3, visitors: 3 });
    let signed_in = visitor(7, (false, false));
    for presence in [&mut first, &mut second, &mut third] {
        presence.identify(Some(&signed_in));
    }
    assert_eq!(whole.counts(), Counts { tabs: 3, visitors: 1 });
    assert_eq!(first.room().counts(), Counts { tabs: 2, visitors: 1 });
    assert_eq!((rooms.totals(), whole.peak()), (whole.counts(), Counts { tabs: 3, visitors: 3 }));
    second.identify(None);
    assert_eq!(whole.counts(), Counts { tabs: 3, visitors: 2 });
    drop((first, second, third));
    assert_eq!((whole.counts(), rooms.totals()), (Counts::default(), Counts::default()));
}

#[test]
fn one_room_too_many_is_refused_and_leaves_nothing() {
    let rooms = Rooms::new(Limits { sites: 1, pages_per_site: 1 });
    let inside = rooms.join(&page("a.example", "/"), None).unwrap();
    assert_eq!(rooms.join(&page("a.example", "/b"), None).unwrap_err(), LimitReached::Pages);
    assert_eq!(rooms.join(&page("b.example", "/"), None).unwrap_err(), LimitReached::Sites);
    assert!(rooms.join(&page("a.example", "/"), None).is_ok());
    assert_eq!((rooms.len(), inside.room().counts().tabs), (2, 1));
    drop(inside);
    assert!(rooms.is_empty() && rooms.join(&page("b.example", "/"), None).is_ok());
}

#[test]
fn a_room_that_is_looked_at_stays() {
    let rooms = Rooms::new(Limits::default());
    let looked_at = rooms.open(&site("example.com"));
    drop(rooms.join(&site("example.com"), None));
    assert_eq!((looked_at.counts().tabs, rooms.len()), (0, 1));
    assert!(rooms.find(&site("example.org")).is_none());
}

#[test]
fn a_panic_leaves_no_ghost() {
    let rooms = Rooms::new(Limits::default());
    let looked_at = rooms.open(&site("example.com"));
    let presence = rooms.join(&site("example.com"), None);
    let panicked = std::thread::spawn(move || {
        let _presence = presence;
        std::panic::resume_unwind(Box::new("on purpose"));
    })
    .join();
    assert!(panicked.is_err());
    assert_eq!(looked_at.counts(), Counts::default());
}

struct Bell(std::sync::mpsc::Sender<()>);

impl Observer for Bell {
    fn on_change(self: Arc<Self>) {
        // Nobody listens any more once it has seen what it waited for.
        let _ = self.0.send(());
    }
}

/// Waits until that is so of a room.
pub(super) fn until(room: &RoomRef, is: impl Fn(&Room) -> bool) {
    let (news, heard) = std::sync::mpsc::channel();
    let bell = Arc::new(Bell(news));
    let observer: Weak<Bell> = Arc::downgrade(&bell);
    room.observe(observer);
    while !is(room) {
        heard.recv().unwrap();
    }
}

#[test]
fn a_change_is_heard_even_if_it_came_before_the_listening() {
    let rooms = Rooms::new(Limits::default());
    let presence = rooms.join(&page("example.com", "/"), None).unwrap();
    let (room, whole) = (presence.room(), rooms.open(&site("example.com")));
    until(&room, |room| room.counts().tabs == 1);
    let leaving = std::thread::spawn(move || drop(presence));
    until(&room, |room| room.counts().tabs == 0);
    until(&whole, |room| room.counts().visitors == 0);
    assert_eq!(whole.counts(), Counts::default());
    leaving.join().unwrap();
}

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

/// A visitor by the key of a day, or, who isn't to be told apart, by a number that nobody else has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Guise {
    Known { number: u8, day: u64 },
    Apart(usize),
}

struct Here {
    page: u8,
    visitor: Option<u8>,
    guise: Guise,
    presence: CountGuard,
}

/// What the counts must be: everyone who is there, by page and by who they are taken for.
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

    /// Whoever is in keeps being known for one midnight.
    fn guise(&self, page: u8, visitor: Option<u8>) -> Guise {
        let Some(number) = visitor else { return Guise::Apart(self.came) };
        let before = Guise::Known { number, day: self.day - 1 };
        let is_here = |here: &Here| here.page / 3 == page / 3 && here.guise == before;
        if self.since == 1 && self.here.iter().any(is_here) {
            return before;
        }
        Guise::Known { number, day: self.day }
    }

    /// What the room is told of a visitor to a page.
    fn seen(&self, page: u8, visitor: Option<u8>) -> Option<Visitor> {
        visitor.map(|number| {
            let site = Self::site_of(page).parse().unwrap();
            self.keys.visitor_on(self.day, &site, std::net::Ipv4Addr::from([127, 0, 0, number]).into(), b"x")
        })
    }

    fn join(&mut self, page: u8, visitor: Option<u8>) {
        let guise = self.guise(page, visitor);
        let presence = self.rooms.join(&Self::name(page), self.seen(page, visitor).as_ref()).unwrap();
        self.came += 1;
        self.here.push(Here { page, visitor, guise, presence });
    }

    /// Somebody who is here turns out to be another: as if they had gone and come.
    fn identify(&mut self, which: usize, visitor: Option<u8>) {
        let mut here = self.here.swap_remove(which);
        here.guise = self.guise(here.page, visitor);
        here.visitor = visitor;
        here.presence.identify(self.seen(here.page, visitor).as_ref());
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
                let presence = self.here.swap_remove(which % some).presence;
                let crash = std::panic::AssertUnwindSafe(move || {
                    let _presence = presence;
                    std::panic::resume_unwind(Box::new("on purpose"));
                });
                assert!(std::panic::catch_unwind(crash).is_err());
            }
        }
    }

    /// The keys turn with the first who comes on the new day.
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
        let visitors: HashSet<Guise> = here().map(|here| here.guise).collect();
        Counts { tabs: here().count() as u64, visitors: visitors.len() as u64 }
    }

    /// A site's open pages with their counts, most viewers first.
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
            let mut everyone = Counts::default();
            for (name, pages) in SITES {
                let expected = model.expected(|page| pages.contains(&page));
                prop_assert_eq!(counts(&site(name)), expected);
                everyone.tabs += expected.tabs;
                everyone.visitors += expected.visitors;
                let top = rooms.find(&site(name)).map(|room| room.top(99)).unwrap_or_default();
                for (page, count) in &top {
                    prop_assert_eq!(counts(&RoomName::page(name.parse().unwrap(), page.clone())).tabs, *count);
                }
                prop_assert_eq!(top.into_iter().map(|(_, count)| count).collect::<Vec<_>>(), model.ranking(pages));
            }
            prop_assert_eq!(rooms.totals(), everyone);
            prop_assert_eq!(rooms.len(), model.existing());
        }
        drop(model);
        prop_assert!(rooms.is_empty() && rooms.totals() == Counts::default());
    }
}
