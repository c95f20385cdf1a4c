//! Threads that meet in rooms in any order: shuttle tries thousands of them.

use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::mpsc;
use shuttle::thread;

use super::*;

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
fn who_comes_and_goes_leaves_nothing() {
    check(|| {
        let rooms = rooms(9, 9);
        all_at_once(["/a", "/a", "/b"].map(|path| {
            let rooms = Arc::clone(&rooms);
            move || {
                let visitor = Visitor { today: [7; 16], before: None };
                let presence = rooms.join(&page("a.example", path), Some(&visitor)).unwrap();
                let whole = rooms.open(&RoomName::site("a.example".parse().unwrap()));
                let (here, site) = (presence.room().counts(), whole.counts());
                assert!(here.tabs >= 1 && here.visitors == 1, "{here:?}");
                assert!(site.tabs >= 1 && site.visitors == 1, "{site:?}");
            }
        }));
        assert!(rooms.is_empty() && rooms.totals() == Counts::default());
    });
}

/// Whoever gets in is alone there, or another got in who had no place.
fn alone(inside: &AtomicUsize, joined: Result<CountGuard, LimitReached>) {
    let Ok(presence) = joined else { return };
    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
    inside.fetch_sub(1, Ordering::SeqCst);
    drop(presence);
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
fn who_looks_at_a_room_shares_it_also_while_the_last_one_goes() {
    check(|| {
        let rooms = rooms(9, 9);
        let name = page("a.example", "/a");
        let whole = rooms.open(&name.whole_site().unwrap());
        let joins = |rooms: &Rooms, name: &_| rooms.join(name, None).unwrap().room();
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

struct Bell(Mutex<mpsc::Sender<()>>);

impl Observer for Bell {
    fn on_change(self: Arc<Self>) {
        // Nobody hears it once its thread has heard what it waited for.
        let _ = self.0.lock().unwrap().send(());
    }
}

#[test]
fn the_last_change_is_always_heard() {
    check(|| {
        let rooms = rooms(9, 9);
        let name = page("a.example", "/");
        let room = rooms.open(&name);
        let whole = rooms.open(&name.whole_site().unwrap());
        let listeners = [room, whole].map(|room| {
            let (news, heard) = mpsc::channel();
            let bell = Arc::new(Bell(Mutex::new(news)));
            let observer: Weak<Bell> = Arc::downgrade(&bell);
            room.observe(observer);
            thread::spawn(move || {
                let _bell = bell;
                while room.counts().tabs < 2 {
                    heard.recv().unwrap();
                }
            })
        });
        let presences = [(), ()].map(|()| {
            let (rooms, name) = (Arc::clone(&rooms), name.clone());
            thread::spawn(move || rooms.join(&name, None))
        });
        // They stay until all have heard: a change that isn't heard is a deadlock, which shuttle reports.
        let presences = presences.map(|thread| thread.join().unwrap());
        listeners.into_iter().for_each(|thread| thread.join().unwrap());
        drop(presences);
    });
}
