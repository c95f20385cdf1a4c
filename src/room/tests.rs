//! Rooms against a model: whatever happens, every count is what it must be.

use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

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
    assert_eq!((one.room().counts().pages, rooms.len()), (2, 1));
    drop(one);
    assert_eq!(other.room().counts().pages, 1);
    drop(other);
    assert!(rooms.is_empty());
    assert_eq!(rooms.everyone(), Counts::default());
}

#[test]
fn a_site_is_the_sum_of_its_pages() {
    let rooms = Rooms::new(Limits::default());
    let front = rooms.join(&page("example.com", "/"), None).unwrap();
    let _posts = [(), ()].map(|()| rooms.join(&page("example.com", "/posts"), None).unwrap());
    let whole = rooms.open(&site("example.com"));
    assert_eq!((front.room().counts().pages, whole.counts().pages), (1, 3));
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
    assert_eq!(whole.counts(), Counts { pages: 3, visitors: 1 });
    assert_eq!(second.room().counts(), Counts { pages: 2, visitors: 1 });
    drop((first, second));
    assert_eq!(whole.counts(), Counts { pages: 1, visitors: 1 });
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
    assert_eq!(whole.counts(), Counts { pages: 3, visitors: 3 });
    let signed_in = visitor(7, (false, false));
    for presence in [&mut first, &mut second, &mut third] {
        presence.identify(Some(&signed_in));
    }
    assert_eq!(whole.counts(), Counts { pages: 3, visitors: 1 });
    assert_eq!(first.room().counts(), Counts { pages: 2, visitors: 1 });
    assert_eq!((rooms.everyone(), whole.peak()), (whole.counts(), Counts { pages: 3, visitors: 3 }));
    second.identify(None);
    assert_eq!(whole.counts(), Counts { pages: 3, visitors: 2 });
    drop((first, second, third));
    assert_eq!((whole.counts(), rooms.everyone()), (Counts::default(), Counts::default()));
}

#[test]
fn one_room_too_many_is_refused_and_leaves_nothing() {
    let rooms = Rooms::new(Limits { sites: 1, pages_per_site: 1 });
    let inside = rooms.join(&page("a.example", "/"), None).unwrap();
    assert_eq!(rooms.join(&page("a.example", "/b"), None).unwrap_err(), NoRoom::Pages);
    assert_eq!(rooms.join(&page("b.example", "/"), None).unwrap_err(), NoRoom::Sites);
    assert!(rooms.join(&page("a.example", "/"), None).is_ok());
    assert_eq!((rooms.len(), inside.room().counts().pages), (2, 1));
    drop(inside);
    assert!(rooms.is_empty() && rooms.join(&page("b.example", "/"), None).is_ok());
}

#[test]
fn a_room_that_is_looked_at_stays() {
    let rooms = Rooms::new(Limits::default());
    let looked_at = rooms.open(&site("example.com"));
    drop(rooms.join(&site("example.com"), None));
    assert_eq!((looked_at.counts().pages, rooms.len()), (0, 1));
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

#[tokio::test]
async fn a_change_is_heard_even_if_it_came_before_the_listening() {
    let rooms = Rooms::new(Limits::default());
    let presence = rooms.join(&page("example.com", "/"), None).unwrap();
    let (room, whole) = (Arc::clone(presence.room()), rooms.open(&site("example.com")));
    room.changed(|room| room.counts().pages == 1).await;
    let leaving = tokio::spawn(async move { drop(presence) });
    room.changed(|room| room.counts().pages == 0).await;
    whole.changed(|room| room.counts().visitors == 0).await;
    assert_eq!(whole.counts(), Counts::default());
    leaving.await.unwrap();
}

#[derive(Clone, Debug)]
enum Step {
    Join { page: u8, visitor: Option<u8> },
    Leave(usize),
    Navigate { which: usize, page: u8 },
    Crash(usize),
    Identify { which: usize, visitor: Option<u8> },
    Midnight,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8, prop::option::of(0..4_u8)).prop_map(|(page, visitor)| Step::Join { page, visitor }),
        2 => any::<usize>().prop_map(Step::Leave),
        2 => (any::<usize>(), 0..6_u8).prop_map(|(which, page)| Step::Navigate { which, page }),
        1 => any::<usize>().prop_map(Step::Crash),
        2 => (any::<usize>(), prop::option::of(0..4_u8)).prop_map(|(which, visitor)| Step::Identify { which, visitor }),
        1 => Just(Step::Midnight),
    ]
}

/// What the counts must be: everyone who is there, by page and, if they may be told apart, by who they are.
struct Model<'a> {
    rooms: &'a Rooms,
    midnights: u8,
    present: Vec<(u8, Option<u8>, Presence)>,
}

impl Model<'_> {
    /// Two sites of three pages each.
    fn name(page_number: u8) -> RoomName {
        page(if page_number < 3 { "a.example" } else { "b.example" }, &format!("/{page_number}"))
    }

    fn join(&mut self, page: u8, number: Option<u8>) {
        // Whoever is in keeps being known for one midnight; the model asks no more than that.
        let visitor = number.map(|number| visitor(number, (self.midnights == 1, false)));
        let presence = self.rooms.join(&Self::name(page), visitor.as_ref()).unwrap();
        self.present.push((page, number, presence));
    }

    fn take(&mut self, step: Step) {
        let some = self.present.len();
        match step {
            Step::Join { page, visitor } => self.join(page, visitor),
            Step::Midnight => self.midnights = 1,
            _ if some == 0 => {}
            Step::Leave(which) => drop(self.present.swap_remove(which % some)),
            Step::Navigate { which, page } => {
                let (_, visitor, presence) = self.present.swap_remove(which % some);
                drop(presence);
                self.join(page, visitor);
            }
            Step::Identify { which, visitor: number } => {
                let (_, known_as, presence) = &mut self.present[which % some];
                presence
                    .identify(number.map(|number| visitor(number, (self.midnights == 1, false))).as_ref());
                *known_as = number;
            }
            Step::Crash(which) => {
                let (_, _, presence) = self.present.swap_remove(which % some);
                let crash = std::panic::AssertUnwindSafe(move || {
                    let _presence = presence;
                    std::panic::resume_unwind(Box::new("on purpose"));
                });
                assert!(std::panic::catch_unwind(crash).is_err());
            }
        }
    }

    fn expected(&self, in_room: impl Fn(u8) -> bool) -> Counts {
        let here: Vec<_> = self.present.iter().filter(|(page, ..)| in_room(*page)).collect();
        let known: HashSet<_> = here.iter().filter_map(|(_, visitor, _)| *visitor).collect();
        let apart = here.iter().filter(|(_, visitor, _)| visitor.is_none()).count();
        Counts { pages: here.len() as u64, visitors: (known.len() + apart) as u64 }
    }
}

proptest! {
    #[test]
    fn counts_equal_the_model(steps in prop::collection::vec(step(), 0..200)) {
        let rooms = Rooms::new(Limits::default());
        let mut model = Model { rooms: &rooms, midnights: 0, present: Vec::new() };
        for step in steps {
            model.take(step);
            let mut occupied: HashMap<&str, HashSet<u8>> = HashMap::new();
            for number in 0..6_u8 {
                let found = rooms.find(&Model::name(number)).map(|room| room.counts()).unwrap_or_default();
                prop_assert_eq!(found, model.expected(|page| page == number));
                let name = if number < 3 { "a.example" } else { "b.example" };
                if found.pages > 0 {
                    occupied.entry(name).or_default().insert(number);
                }
            }
            for (name, pages) in [("a.example", 0..3_u8), ("b.example", 3..6)] {
                let whole = rooms.find(&site(name));
                let found = whole.as_ref().map(|room| room.counts()).unwrap_or_default();
                prop_assert_eq!(found, model.expected(|page| pages.contains(&page)));
                let ranked = whole.map_or(0, |room| room.top(99).len());
                prop_assert_eq!(ranked, occupied.get(name).map_or(0, HashSet::len));
            }
            let (a, b) = (model.expected(|page| page < 3), model.expected(|page| page >= 3));
            let everyone = Counts { pages: a.pages + b.pages, visitors: a.visitors + b.visitors };
            prop_assert_eq!(rooms.everyone(), everyone);
            prop_assert_eq!(rooms.len(), occupied.values().map(|pages| pages.len() + 1).sum::<usize>());
        }
    }
}
