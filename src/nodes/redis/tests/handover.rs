//! A node that goes on in another process.

use std::sync::atomic::{AtomicU64, Ordering};

use onlookers_rooms::{CountGuard, Keys, Limits, Observer, RoomRef, Visitor};
use tokio::time::sleep;

use super::*;
use crate::nodes::{Connecting, Lease, NodeTask, Shared, Staying};

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

/// Looks at the rooms from another node, where the numbers are right until now.
async fn look_at(
    rooms: &[RoomName],
    process: &Process,
    node: &NodeTask,
    right: impl Fn(usize) -> u64,
) -> Vec<(Arc<Look>, Arc<dyn Observer>)> {
    let looks: Vec<_> = rooms.iter().map(|name| process.shared.rooms.open(name)).collect();
    settled(node).await;
    let look = |(at, room): (usize, RoomRef)| {
        let look = Arc::new(Look { room, right: right(at).into(), wrong: 0.into() });
        let observer: Arc<dyn Observer> = look.clone();
        look.room.observe(Arc::downgrade(&observer));
        look.check();
        (look, observer)
    };
    let looks: Vec<_> = looks.into_iter().enumerate().map(look).collect();
    assert_eq!(wrong(&looks), 0, "before");
    looks
}

fn wrong(looks: &[(Arc<Look>, Arc<dyn Observer>)]) -> u64 {
    looks.iter().map(|(look, _)| look.wrong.load(Ordering::SeqCst)).sum()
}

#[tokio::test]
async fn a_node_that_becomes_two_changes_no_number() {
    let server = RedisServer::start();
    let rooms: Vec<_> = (0..300).map(|page| room(&format!("a{}.example/{page}", page % 50))).collect();
    let keys = Arc::new(Keys::new().unwrap());
    let [third, mut before, mut after] = [(); 3].map(|()| Process::new(&keys));
    // In some rooms nobody stays, in others nobody moves.
    let (moving, staying) = (&rooms[..200], &rooms[100..]);
    before.join(moving, "moves");
    before.join(staying, "stays");
    let (watching, node) = (third.start(&server, None), before.start(&server, None));
    settled(&node).await;
    let right = |at| if (100..200).contains(&at) { 2 } else { 1 };
    let looks = look_at(&rooms, &third, &watching, right).await;
    let redis = Connecting::to(server.url().parse().unwrap(), None).unwrap();
    timeout(DEADLINE, async {
        while redis.0.0.read_sites(NodeId(0)).await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("a connection");

    let lease = node.hand_over().await.unwrap();
    after.join(moving, "moves");
    before.tabs.drain(..moving.len());
    let stays = serde_json::to_string(&Staying::of(&before.shared)).unwrap();
    let stays: Staying = serde_json::from_str(&stays).unwrap();
    let lease = stays.split_from(&lease, &redis, &after.shared).await;
    let new = NodeTask::through_redis_as(redis, &lease, after.shared.clone(), Arc::clone(&keys));
    settled(&new).await;
    let old = before.start(&server, Some(stays.lease()));
    settled(&old).await;
    settled(&watching).await;
    looks.iter().for_each(|(look, _)| look.check());
    assert_eq!((wrong(&looks), third.shared.requested.figures.leases().others), (0, 2));
    // What stays goes by itself.
    looks[100..200].iter().for_each(|(look, _)| look.right.store(1, Ordering::SeqCst));
    looks[200..].iter().for_each(|(look, _)| look.right.store(0, Ordering::SeqCst));
    old.leave().await;
    until("it is gone", || looks[299].0.room.counts().tabs == 0).await;
    settled(&watching).await;
    looks.iter().for_each(|(look, _)| look.check());
    assert_eq!(wrong(&looks), 0, "after");
    new.leave().await;
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
    let right = |at| if at == 0 { 2 } else { 1 };
    let looks = look_at(&rooms, &third, &watching, right).await;
    let wrong = || wrong(&looks);
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
