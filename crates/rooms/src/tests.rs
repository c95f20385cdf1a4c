//! Rooms as their users see them.

mod model;
mod others;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, mpsc};

use crate::sync::{Arc, Weak};
use crate::visitor::VisitorHash;
use crate::*;

pub(crate) fn site(name: &str) -> RoomName {
    RoomName::site(name.parse().unwrap())
}

pub(crate) fn page(name: &str, path: &str) -> RoomName {
    RoomName::page(name.parse().unwrap(), Page::new(path, PageQuery::Drop).unwrap())
}

/// A visitor with this browser.
pub(crate) fn visitor_of(agent: &[u8]) -> Visitor {
    static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::new().unwrap());
    KEYS.visitor(&"a.example".parse().unwrap(), Ipv4Addr::LOCALHOST.into(), agent)
}

/// How often a room has changed.
#[derive(Default)]
pub(crate) struct Calls(pub(crate) AtomicUsize);

impl Observer for Calls {
    fn on_change(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Sends(mpsc::Sender<()>);

impl Observer for Sends {
    fn on_change(self: Arc<Self>) {
        // Nobody listens any more after the change that was waited for.
        let _ = self.0.send(());
    }
}

pub(crate) fn observe<O: Observer + 'static>(room: &Room, observer: O) -> Arc<O> {
    let observer = Arc::new(observer);
    let weak: Weak<O> = Arc::downgrade(&observer);
    room.observe(weak);
    observer
}

/// Waits until that holds of a room.
pub(crate) fn until(room: &Room, holds: impl Fn(&Room) -> bool) {
    let (sender, changes) = mpsc::channel();
    let _observer = observe(room, Sends(sender));
    while !holds(room) {
        changes.recv().unwrap();
    }
}

#[test]
fn rooms_come_and_go_with_their_guards() {
    let rooms = Rooms::new(Limits::default());
    let name = site("example.com");
    let [one, other] = [(), ()].map(|()| rooms.join(&name, None).unwrap());
    assert_eq!((rooms.open(&name).counts().tabs, rooms.len()), (2, 1));
    drop(one);
    assert_eq!(rooms.open(&name).counts().tabs, 1);
    drop(other);
    assert!(rooms.is_empty());
    assert_eq!(rooms.totals(), Counts::default());
}

#[test]
fn a_site_is_the_sum_of_its_pages() {
    let rooms = Rooms::new(Limits::default());
    let _front = rooms.join(&page("example.com", "/"), None).unwrap();
    let _posts = [(), ()].map(|()| rooms.join(&page("example.com", "/posts"), None).unwrap());
    let (front, whole) = (rooms.open(&page("example.com", "/")), rooms.open(&site("example.com")));
    assert_eq!((front.counts().tabs, whole.counts().tabs), (1, 3));
    let names: Vec<_> = whole.top(9).into_iter().map(|(page, tabs)| (page.to_string(), tabs)).collect();
    assert_eq!(names, [("/posts".to_owned(), 2), ("/".to_owned(), 1)]);
}

#[test]
fn a_visitor_with_three_tabs_is_one_over_midnight() {
    let rooms = Rooms::new(Limits::default());
    let (old, new) = (VisitorHash([1; 16]), VisitorHash([2; 16]));
    let yesterday = Visitor { today: old, yesterday: None };
    let today = Visitor { today: new, yesterday: Some(old) };
    let join = |path: &str, visitor: &Visitor| rooms.join(&page("example.com", path), Some(visitor)).unwrap();
    let (first, second, third) = (join("/a", &yesterday), join("/b", &today), join("/b", &today));
    let whole = rooms.open(&site("example.com"));
    assert_eq!(whole.counts(), Counts { tabs: 3, visitors: 1 });
    assert_eq!(rooms.open(&page("example.com", "/b")).counts(), Counts { tabs: 2, visitors: 1 });
    drop((first, second));
    assert_eq!(whole.counts(), Counts { tabs: 1, visitors: 1 });
    drop(third);
    assert_eq!(whole.counts(), Counts::default());
}

#[test]
fn a_visitor_who_signs_in_is_one_everywhere_and_never_gone() {
    let rooms = Rooms::new(Limits::default());
    let join =
        |path: &str, agent: &[u8]| rooms.join(&page("example.com", path), Some(&visitor_of(agent))).unwrap();
    let (mut first, mut second, mut third) = (join("/a", b"1"), join("/a", b"2"), join("/b", b"3"));
    let whole = rooms.open(&site("example.com"));
    assert_eq!(whole.counts(), Counts { tabs: 3, visitors: 3 });
    let signed_in = visitor_of(b"7");
    for guard in [&mut first, &mut second, &mut third] {
        guard.identify(Some(&signed_in));
    }
    assert_eq!(whole.counts(), Counts { tabs: 3, visitors: 1 });
    assert_eq!(rooms.open(&page("example.com", "/a")).counts(), Counts { tabs: 2, visitors: 1 });
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
    assert_eq!((rooms.len(), rooms.totals().tabs), (2, 1));
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
    let guard = rooms.join(&site("example.com"), None);
    let panicked = std::thread::spawn(move || {
        let _guard = guard;
        std::panic::resume_unwind(Box::new("on purpose"));
    })
    .join();
    assert!(panicked.is_err());
    assert_eq!(looked_at.counts(), Counts::default());
}

#[test]
fn a_change_before_the_observer_is_seen() {
    let rooms = Rooms::new(Limits::default());
    let name = page("example.com", "/");
    let guard = rooms.join(&name, None).unwrap();
    let (room, whole) = (rooms.open(&name), rooms.open(&site("example.com")));
    until(&room, |room| room.counts().tabs == 1);
    let leaving = std::thread::spawn(move || drop(guard));
    until(&room, |room| room.counts().tabs == 0);
    until(&whole, |room| room.counts().visitors == 0);
    assert_eq!(whole.counts(), Counts::default());
    leaving.join().unwrap();
}
