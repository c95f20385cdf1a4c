//! Threads that meet in any order: shuttle tries thousands of orders. With debug assertions, it also checks that no lock is
//! taken against the order of locks.

use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::mpsc;
use shuttle::thread;

use crate::registry::Registry;
use crate::sync::{Arc, Mutex, Weak};
use crate::visitor::VisitorHash;
use crate::*;

/// Orders tried a test: random ones, with few enough changes of thread to reach deep into each.
const ORDERS: usize = 1_000;

fn check(test: impl Fn() + Send + Sync + 'static) {
    shuttle::check_pct(test, ORDERS, 3);
}

fn page(site: &str, path: &str) -> RoomName {
    RoomName::page(site.parse().unwrap(), Page::new(path, PageQuery::Drop).unwrap())
}

fn rooms(sites: usize, pages_per_site: usize) -> Arc<Rooms> {
    Arc::new(Rooms::new(Limits { sites, pages_per_site }))
}

/// Runs each of `visits` in a thread of its own, and waits for all.
fn all_at_once(visits: impl IntoIterator<Item = impl FnOnce() + Send + 'static>) {
    let threads: Vec<_> = visits.into_iter().map(thread::spawn).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn guards_that_come_and_go_leave_nothing() {
    check(|| {
        let rooms = rooms(9, 9);
        all_at_once(["/a", "/a", "/b"].map(|path| {
            let rooms = Arc::clone(&rooms);
            move || {
                let visitor = Visitor { today: VisitorHash([7; 16]), yesterday: None };
                let name = page("a.example", path);
                let _guard = rooms.join(&name, Some(&visitor)).unwrap();
                let whole = rooms.open(&RoomName::site("a.example".parse().unwrap()));
                let (here, site) = (rooms.open(&name).counts(), whole.counts());
                assert!(here.tabs >= 1 && here.visitors == 1, "{here:?}");
                assert!(site.tabs >= 1 && site.visitors == 1, "{site:?}");
            }
        }));
        assert!(rooms.is_empty() && rooms.totals() == Counts::default());
    });
}

/// A guard is alone there, or another was let in without a place.
fn alone(inside: &AtomicUsize, joined: Result<CountGuard, LimitReached>) {
    let Ok(guard) = joined else { return };
    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
    inside.fetch_sub(1, Ordering::SeqCst);
    drop(guard);
}

#[test]
fn the_last_place_is_taken_once() {
    for (sites, pages, names) in [
        (1, 9, [page("a.example", "/"), page("b.example", "/"), page("c.example", "/")]),
        (9, 1, [page("a.example", "/a"), page("a.example", "/b"), page("a.example", "/c")]),
    ] {
        check(move || {
            let (rooms, inside) = (rooms(sites, pages), Arc::new(AtomicUsize::new(0)));
            all_at_once(names.clone().map(|name| {
                let (rooms, inside) = (Arc::clone(&rooms), Arc::clone(&inside));
                move || alone(&inside, rooms.join(&name, None))
            }));
            assert!(rooms.is_empty() && rooms.totals() == Counts::default());
            assert!(rooms.join(&names[0], None).is_ok(), "a place was lost");
        });
    }
}

#[test]
fn a_room_is_shared_while_the_last_reference_goes() {
    check(|| {
        let rooms = rooms(9, 9);
        let name = page("a.example", "/a");
        let whole = rooms.open(&name.whole_site().unwrap());
        let joins = |rooms: &Rooms, name: &_| {
            let _guard = rooms.join(name, None).unwrap();
            rooms.open(name)
        };
        let ways: [fn(&Rooms, &RoomName) -> RoomRef; 3] = [Rooms::open, joins, Rooms::open];
        all_at_once(ways.map(|way| {
            let (rooms, name) = (Arc::clone(&rooms), name.clone());
            move || {
                let room = way(&rooms, &name);
                thread::yield_now();
                assert!(rooms.find(&name).is_some_and(|other| Arc::ptr_eq(&room, &other)));
            }
        }));
        assert_eq!((rooms.len(), whole.counts()), (1, Counts::default()), "a page was left behind");
    });
}

struct Sends(Mutex<mpsc::Sender<()>>);

impl Observer for Sends {
    fn on_change(self: Arc<Self>) {
        // Nobody listens any more after the change that was waited for.
        let _ = self.0.lock().send(());
    }
}

#[test]
fn the_last_change_is_always_told() {
    check(|| {
        let rooms = rooms(9, 9);
        let name = page("a.example", "/");
        let room = rooms.open(&name);
        let whole = rooms.open(&name.whole_site().unwrap());
        let listeners = [room, whole].map(|room| {
            let (sender, changes) = mpsc::channel();
            let observer = Arc::new(Sends(Mutex::new(sender)));
            let weak: Weak<Sends> = Arc::downgrade(&observer);
            room.observe(weak);
            thread::spawn(move || {
                let _observer = observer;
                while room.counts().tabs < 2 {
                    changes.recv().unwrap();
                }
            })
        });
        let guards = [(), ()].map(|()| {
            let (rooms, name) = (Arc::clone(&rooms), name.clone());
            thread::spawn(move || rooms.join(&name, None))
        });
        // They stay until all have been told: a change that isn't told is a deadlock, which shuttle reports.
        let guards = guards.map(|thread| thread.join().unwrap());
        listeners.into_iter().for_each(|thread| thread.join().unwrap());
        drop(guards);
    });
}

#[test]
fn a_mark_without_a_visitor_meets_the_last_reference_to_a_room() {
    check(|| {
        let rooms = rooms(9, 9);
        let name = page("a.example", "/");
        let (room, marked) = (rooms.open(&name), (Arc::clone(&rooms), name.clone()));
        let absent = Visitor { today: VisitorHash([7; 16]), yesterday: None };
        let mark = move || marked.0.reach(&marked.1, &absent, 0.5.try_into().unwrap());
        let threads = [thread::spawn(mark), thread::spawn(move || drop(room))];
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(rooms.is_empty());
    });
}

#[test]
fn holders_of_a_key_share_its_value_while_others_go() {
    check(|| {
        let registry: Arc<Registry<(), ()>> = Registry::new();
        all_at_once([(), (), ()].map(|()| {
            let registry = Arc::clone(&registry);
            move || {
                let one = registry.open(&"a", || ((), ()));
                thread::yield_now();
                let other = registry.open(&"a", || ((), ()));
                assert!(Arc::ptr_eq(&one, &other), "another was let in between");
                let entries = registry.entries();
                assert!(entries.len() == 1 && Arc::ptr_eq(&one, &entries[0]));
            }
        }));
        assert!(registry.is_empty());
    });
}

#[test]
fn who_comes_while_sharing_begins_is_told_and_nothing_stays_when_it_stops() {
    check(|| {
        let (rooms, name) = (rooms(9, 9), page("a.example", "/a"));
        let (joining, beginning, room) = (Arc::clone(&rooms), Arc::clone(&rooms), name.clone());
        let coming = thread::spawn(move || (joining.join(&room, None).unwrap(), joining.open(&room)));
        let sharing = thread::spawn(move || beginning.begin_sharing(|| ()));
        let here = coming.join().unwrap();
        sharing.join().unwrap();
        let mut told: Vec<_> =
            rooms.take_changes(9).into_iter().map(|of| (of.room, of.counts.tabs)).collect();
        told.sort();
        assert_eq!(told, [(name.whole_site().unwrap(), 1), (name.clone(), 1)]);
        assert_eq!(rooms.take_opened(), [name.clone()]);
        rooms.know_others(&name);
        let stopping = Arc::clone(&rooms);
        let going = thread::spawn(move || drop(here));
        let alone = thread::spawn(move || stopping.stop_sharing());
        going.join().unwrap();
        alone.join().unwrap();
        assert!(rooms.is_empty() && rooms.has_told_all());
    });
}
