//! A node that goes on in another process.

use std::sync::atomic::{AtomicU64, Ordering};

use onlookers_rooms::{CountGuard, Keys, Limits, Observer, RoomRef, Visitor};
use tokio::time::sleep;

use super::*;
use crate::nodes::{Connecting, Lease, NodeTask, Shared};

/// More than one batch has.
const ROOMS: usize = 6_000;

/// A process: its rooms, and the tabs that are open there.
struct Process {
    shared: Shared,
    keys: Arc<Keys>,
    tabs: Vec<CountGuard>,
}

/// Somebody who looks at a room, and how often another number of tabs than the right one was seen.
struct Look {
    room: RoomRef,
    right: AtomicU64,
    wrong: AtomicU64,
}

impl Observer for Look {
    fn on_change(self: Arc<Self>) {
        self.check();
    }
}

impl Look {
    fn check(&self) {
        let (counts, right) = (self.room.counts(), self.right.load(Ordering::SeqCst));
        if (counts.tabs, counts.visitors) != (right, right) {
            self.wrong.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Process {
    fn new(keys: &Arc<Keys>) -> Self {
        Self { shared: Shared::new(Limits::default()), keys: Arc::clone(keys), tabs: Vec::new() }
    }

    fn join(&mut self, rooms: &[RoomName], visitor: &str) {
        for room in rooms {
            let visitor: Visitor = self.keys.session(room.of_site(), visitor);
            self.tabs.push(self.shared.rooms.join(room, Some(&visitor)).unwrap());
        }
    }

    fn start(&self, server: &RedisServer, lease: Option<&Lease>) -> NodeTask {
        let redis = Connecting::to(server.url().parse().unwrap(), None).unwrap();
        let (shared, keys) = (self.shared.clone(), Arc::clone(&self.keys));
        match lease {
            Some(lease) => NodeTask::through_redis_as(redis, lease, shared, keys),
            None => NodeTask::through_redis(redis, shared, keys),
        }
    }
}

async fn settled(node: &NodeTask) {
    timeout(DEADLINE, node.settled()).await.expect("all is told and known");
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn a_node_that_goes_on_in_another_process_changes_no_number() {
    let server = RedisServer::start();
    let rooms: Vec<_> = (0..ROOMS).map(|page| room(&format!("a{}.example/{page}", page % 50))).collect();
    let keys = Arc::new(Keys::new().unwrap());
    let [mut third, mut before] = [(); 2].map(|()| Process::new(&keys));
    third.join(&rooms[..1], "here");
    before.join(&rooms, "there");
    let (watching, mut node) = (third.start(&server, None), before.start(&server, None));
    settled(&node).await;
    let is_ready = async |node: &NodeTask| {
        let mut is_ready = node.is_ready.clone();
        timeout(DEADLINE, is_ready.wait_for(|is_ready| *is_ready)).await.unwrap().map(drop).unwrap();
    };
    is_ready(&node).await;
    let looks: Vec<_> = rooms.iter().map(|name| third.shared.rooms.open(name)).collect();
    settled(&watching).await;
    let right = |at| if at == 0 { 2 } else { 1 };
    let look = |(at, room): (usize, RoomRef)| {
        let look = Arc::new(Look { room, right: right(at).into(), wrong: 0.into() });
        let observer: Arc<dyn Observer> = look.clone();
        look.room.observe(Arc::downgrade(&observer));
        look.check();
        (look, observer)
    };
    let looks: Vec<_> = looks.into_iter().enumerate().map(look).collect();
    let wrong = || looks.iter().map(|(look, _)| look.wrong.load(Ordering::SeqCst)).sum::<u64>();
    assert_eq!(wrong(), 0, "before");
    for _ in 0..3 {
        let mut after = Process::new(&keys);
        after.join(&rooms, "there");
        let lease = node.hand_over().await.unwrap();
        before.tabs.clear();
        let lease: Lease = serde_json::from_str(&serde_json::to_string(&lease).unwrap()).unwrap();
        node = after.start(&server, Some(&lease));
        is_ready(&node).await;
        settled(&node).await;
        looks.iter().for_each(|(look, _)| look.check());
        assert_eq!(wrong(), 0, "after");
        before = after;
    }
    // The lease is renewed: it doesn't end.
    sleep(Duration::from_secs(9)).await;
    assert_eq!((wrong(), third.shared.requested.figures.leases().others), (0, 1));
    // What has changed meanwhile is told: one has come, one has gone.
    let lease = node.hand_over().await.unwrap();
    [(1, 2), (2, 0)].iter().for_each(|(at, tabs)| looks[*at].0.right.store(*tabs, Ordering::SeqCst));
    drop(before.tabs.remove(2));
    before.join(&rooms[1..2], "new");
    // It may be the same process.
    let node = before.start(&server, Some(&lease));
    settled(&node).await;
    until("changes are seen", || [1, 2].map(|at| looks[at].0.room.counts().tabs) == [2, 0]).await;
    assert!(looks.iter().all(|(look, _)| look.room.counts().tabs == look.right.load(Ordering::SeqCst)));
    node.leave().await;
    until("it is gone", || looks[1].0.room.counts().tabs == 0).await;
}
