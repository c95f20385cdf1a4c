use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use super::super::state::Reader;
use super::*;
use crate::gate::DeniedSites;
use crate::settings::DenyList;
use crate::transport::http2::session::Open;
use crate::transport::{Options, Sends};

const BODIES: usize = 3 * AT_ONCE;

/// A task that asks for the lock as soon as it is woken, as the end of a stream does. Debug builds panic if it is held.
struct Task(Arc<Bodies>, AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.close(u32::MAX);
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// Bodies of one feed that nothing polls yet.
fn bodies() -> Arc<Bodies> {
    let hour = Duration::from_secs(3600);
    let options = Options { loops: 1, resend: hour, write_timeout: hour, ping: hour, sends: Sends::Write };
    let bodies = Arc::new(Bodies::new(&options));
    let open = Open::new(Arc::clone(&bodies));
    for place in 0..BODIES as u32 {
        let exchange = open.session.begin(None);
        let reader = Reader { exchange, feed: FeedId::of_test(7), place, every: 1, skipped: 0 };
        bodies.state.lock().bodies.insert(reader);
    }
    bodies
}

/// How often a task that polls all bodies is woken by that.
fn times_woken(by: impl FnOnce(&Bodies)) -> usize {
    let bodies = bodies();
    let task = Arc::new(Task(Arc::clone(&bodies), AtomicUsize::new(0)));
    for (_, reader) in &bodies.state.lock().bodies {
        reader.exchange.waker.register(&Waker::from(Arc::clone(&task)));
    }
    by(&bodies);
    task.1.load(Ordering::Relaxed)
}

#[test]
fn repaints_are_tallied_only_if_somebody_wants_to_know_their_costs() {
    for (is_wanted, tally) in [(false, None), (true, Some(&(BODIES as u32)))] {
        let woken = bodies().wake_turn([0..BODIES, 0..0], is_wanted);
        assert_eq!(woken.get(&FeedId::of_test(7)), tally, "{is_wanted}");
    }
}

#[test]
fn all_bodies_are_woken_without_the_lock_when_somebody_is_denied_and_at_the_end() {
    let networks = vec!["192.0.2.0/24".parse().unwrap()];
    let list = Arc::new(DenyList::new(networks, DeniedSites::default(), Vec::new()));
    assert_eq!(times_woken(|bodies| bodies.deny(&list)), BODIES);
    assert_eq!(times_woken(|bodies| bodies.end_in_turn(Duration::ZERO)), BODIES);
}
