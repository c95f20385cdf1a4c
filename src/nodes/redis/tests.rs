//! The store against a real server.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use onlookers_rooms::{Counts, RoomName};
use redis::{FromRedisValue, Value};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::*;
use crate::nodes::store::{RoomCounts, Stored, VisitorHash, Visitors};
use server::RedisServer;

mod cluster;
mod faults;
mod handover;
mod presence;
mod removal;
mod sentinel;
#[path = "../../../tests/common/redis.rs"]
mod server;
mod stored;
mod storm;
mod tls;

const A: NodeId = NodeId(0xa);
const B: NodeId = NodeId(0xb);

/// What each node counts on all sites.
const TOTAL: Counts = Counts { tabs: 5, visitors: 4 };

/// How long a test waits for something that must happen. Only a failing test waits so long.
const DEADLINE: Duration = Duration::from_secs(10);

/// A node's store, and what it hears.
struct Node {
    redis: Redis,
    hints: Receiver<Hint>,
}

impl Node {
    fn on(server: &RedisServer) -> Self {
        Self::at(&server.url())
    }

    fn at(url: &str) -> Self {
        Self::with(RedisConfig { url: url.parse().unwrap(), ca: None })
    }

    fn with(config: RedisConfig) -> Self {
        let (redis, hints) = Redis::connect(config).unwrap();
        Self { redis, hints }
    }

    async fn hear(&mut self) -> Hint {
        timeout(DEADLINE, self.hints.recv()).await.expect("no hint comes").unwrap()
    }

    /// Renews the leases of a node, all of them.
    async fn renew(&self, node: NodeId) -> Vec<Leases> {
        let mut all = self.try_renew(node).await.unwrap();
        all[0].totals.sort_by_key(|(node, _)| *node);
        all
    }

    async fn try_renew(&self, node: NodeId) -> Result<Vec<Leases>, StoreError> {
        self.redis.renew(node, TOTAL).await.into_iter().collect()
    }

    /// What a node counts in the rooms.
    async fn read<const N: usize>(&self, node: NodeId, rooms: [&RoomName; N]) -> [Found; N] {
        let wanted = rooms.map(|room| unknown(node, room));
        let mut found = self.redis.read(&wanted).await.unwrap();
        found.iter_mut().flatten().for_each(|stored| {
            stored.visitors.sort();
            stored.present.sort_by_key(|(id, _)| *id);
        });
        found.try_into().unwrap()
    }
}

/// What a node counts in a room, of which nothing is known.
fn unknown(node: NodeId, room: &RoomName) -> Wanted {
    Wanted { node, room: room.clone(), known: 0 }
}

/// The leases of all partitions, and the totals of those nodes in the first.
fn leases(own: u64, others: &[(NodeId, u64)], totals: &[NodeId]) -> Vec<Leases> {
    let totals: Vec<_> = totals.iter().map(|node| (*node, TOTAL)).collect();
    let of = |partition| match partition {
        Partition::FIRST => Leases { own, others: others.to_vec(), totals: totals.clone() },
        _ => Leases { own, others: others.to_vec(), totals: Vec::new() },
    };
    Partition::all().map(of).collect()
}

fn room(name: &str) -> RoomName {
    name.parse().unwrap()
}

fn counts(version: u64, tabs: u64) -> RoomCounts {
    RoomCounts { version, tabs, anonymous: 1, level: 0, peak: Counts { tabs: 9, visitors: 8 }, present: 0 }
}

fn stored(counts: RoomCounts, visitors: Vec<VisitorHash>) -> Found {
    Some(Stored { counts, visitors, present: Vec::new() })
}

fn change(room: &RoomName, counts: Option<RoomCounts>, come: &[VisitorHash], gone: &[VisitorHash]) -> Change {
    let visitors = Visitors::Change { come: come.to_vec(), gone: gone.to_vec() };
    Change { room: room.clone(), previous: 0, counts, visitors, present: Vec::new() }
}

/// Has the server itself do something.
async fn command<T: FromRedisValue>(server: &RedisServer, words: &str) -> T {
    let client = redis::Client::open(server.socket_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut words = words.split(' ');
    let mut command = redis::cmd(words.next().unwrap());
    command.arg(words.collect::<Vec<_>>()).query_async(&mut connection).await.unwrap()
}

async fn keys(server: &RedisServer) -> Vec<String> {
    let mut keys: Vec<String> = command(server, "KEYS *").await;
    keys.retain(|key| !key.ends_with(":leases"));
    keys.sort();
    keys
}

#[tokio::test]
async fn renewals_are_counted_and_seen() {
    let server = RedisServer::start();
    let (a, b) = (Node::on(&server), Node::at(&server.socket_url()));
    assert_eq!(a.renew(A).await, leases(1, &[], &[A]));
    a.renew(A).await;
    assert_eq!(b.renew(B).await, leases(1, &[(A, 2)], &[A, B]));
    let () = command(&server, "HSET onlookers:{0}:leases nonsense 1 000000000000000c x").await;
    assert_eq!(a.renew(A).await, leases(3, &[(B, 1)], &[A, B]));
}

#[tokio::test]
async fn what_is_published_is_read() {
    let (server, site, page) = (RedisServer::start(), room("example.com"), room("example.com/posts/1"));
    let (a, b) = (Node::on(&server), Node::on(&server));
    let changes =
        [change(&site, Some(counts(1, 3)), &[1, 2], &[]), change(&page, Some(counts(1, 2)), &[2], &[])];
    a.redis.publish(A, &changes, &[]).await.unwrap();
    let expected = [stored(counts(1, 3), vec![1, 2]), stored(counts(1, 2), vec![2]), None];
    assert_eq!(b.read(A, [&site, &page, &room("example.com/2")]).await, expected);
    assert_eq!(b.read(B, [&site]).await, [None]);
    let sites = [b.redis.read_sites(A).await.unwrap(), b.redis.read_sites(B).await.unwrap()];
    assert_eq!(sites, [vec![site.of_site().clone()], vec![]]);
    a.redis.publish(A, &[], &[]).await.unwrap();
    assert_eq!(b.read(B, []).await, []);

    a.redis.publish(A, &[change(&site, Some(counts(2, 3)), &[3, u64::MAX], &[1])], &[]).await.unwrap();
    assert_eq!(b.read(A, [&site]).await, [stored(counts(2, 3), vec![2, 3, u64::MAX])]);
    let replaced =
        Change { visitors: Visitors::Replace(vec![7]), ..change(&site, Some(counts(3, 2)), &[], &[]) };
    a.redis.publish(A, &[replaced], &[]).await.unwrap();
    assert_eq!(b.read(A, [&site]).await, [stored(counts(3, 2), vec![7])]);
    let known = [2, 3].map(|known| Wanted { known, ..unknown(A, &site) });
    let found = b.redis.read(&known).await.unwrap();
    assert_eq!(found, [stored(counts(3, 2), vec![7]), stored(counts(3, 2), Vec::new())]);
}

#[tokio::test]
async fn nothing_is_left_of_a_site_that_nobody_is_on() {
    let (server, site, page) = (RedisServer::start(), room("example.com"), room("example.com/posts/1"));
    let a = Node::on(&server);
    let come = |room, version| change(room, Some(counts(version, 2)), &[version], &[]);
    for version in [1, 3] {
        a.redis.publish(A, &[come(&site, version), come(&page, version)], &[]).await.unwrap();
        assert_eq!(keys(&server).await.len(), 4, "counts, two sets of visitors, and the sites");
        a.redis
            .publish(A, &[change(&page, None, &[], &[version]), change(&site, None, &[], &[])], &[])
            .await
            .unwrap();
        assert_eq!(keys(&server).await, [""; 0]);
    }
    assert_eq!(a.read(A, [&site, &page]).await, [None, None]);
}

#[tokio::test]
async fn a_node_hears_the_rooms_it_listens_to() {
    let (server, page, other) = (RedisServer::start(), room("example.com/1"), room("example.com/2"));
    let (a, mut b) = (Node::on(&server), Node::on(&server));
    b.redis.listen(&[page.clone(), room("example.org")]).await.unwrap();
    let said = |version| change(&page, Some(counts(version, 2)), &[1], &[2]);
    let unheard = change(&other, Some(counts(1, 2)), &[], &[]);
    a.redis.publish(A, &[unheard.clone(), said(1)], &[]).await.unwrap();
    assert_eq!(b.hear().await, Hint::Changed(A, said(1)));

    b.redis.unlisten(std::slice::from_ref(&page)).await.unwrap();
    b.redis.listen(&[other]).await.unwrap();
    a.redis.publish(A, &[said(2), unheard.clone()], &[]).await.unwrap();
    assert_eq!(b.hear().await, Hint::Changed(A, unheard));
}

#[tokio::test]
async fn more_than_256_visitors_are_read_instead() {
    let (server, page) = (RedisServer::start(), room("example.com/1"));
    let (a, mut b) = (Node::on(&server), Node::on(&server));
    b.redis.listen(std::slice::from_ref(&page)).await.unwrap();
    let come: Vec<_> = (0..257).collect();
    let said = change(&page, Some(counts(1, 300)), &come, &[]);
    a.redis.publish(A, std::slice::from_ref(&said), &[]).await.unwrap();
    let heard = Change { visitors: Visitors::Replace(vec![]), ..said };
    assert_eq!(b.hear().await, Hint::Changed(A, heard));
    assert_eq!(b.read(A, [&page]).await, [stored(counts(1, 300), come)]);
}

#[tokio::test]
async fn thousands_of_rooms_are_listened_to_and_read() {
    let server = RedisServer::start();
    let (a, mut b) = (Node::on(&server), Node::on(&server));
    let rooms: Vec<_> = (0..2500).map(|page| room(&format!("example.com/{page}"))).collect();
    b.redis.listen(&rooms).await.unwrap();
    let changes: Vec<_> = rooms.iter().map(|room| change(room, Some(counts(1, 2)), &[1], &[])).collect();
    a.redis.publish(A, &changes, &[]).await.unwrap();
    for change in changes {
        assert_eq!(b.hear().await, Hint::Changed(A, change));
    }
    let wanted: Vec<_> = rooms.iter().map(|room| unknown(A, room)).collect();
    assert_eq!(b.redis.read(&wanted).await.unwrap(), vec![stored(counts(1, 2), vec![1]); 2500]);
    b.redis.unlisten(&rooms).await.unwrap();
    assert_eq!(command::<Vec<String>>(&server, "PUBSUB CHANNELS").await, [keys::LEFT]);
}

#[tokio::test]
async fn what_isnt_understood_is_left_out() {
    let (server, page) = (RedisServer::start(), room("example.com/1"));
    let mut a = Node::on(&server);
    a.redis.listen(std::slice::from_ref(&page)).await.unwrap();
    let publish = |text: &str| format!("PUBLISH {} {text}", keys::channel(&page));
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for newer in ["2 000000000000000b 1 2 3", "", "1 000000000000000b - ?"] {
        let mut command = redis::cmd("PUBLISH");
        let () = command.arg(keys::channel(&page)).arg(newer).query_async(&mut connection).await.unwrap();
    }
    let () = command(&server, &format!("PUBLISH {} nobody", keys::LEFT)).await;
    let () = command(&server, &publish("understood")).await;
    let said = change(&page, None, &[], &[]);
    a.redis.publish(B, std::slice::from_ref(&said), &[]).await.unwrap();
    assert_eq!(a.hear().await, Hint::Changed(B, said));

    let key = keys::counts(B, page.of_site());
    let () = command(&server, &format!("HSET {key} {} newer", keys::field(&page))).await;
    assert_eq!(a.read(B, [&page]).await, [None]);
}

#[tokio::test]
async fn three_commands_publish_a_changed_page() {
    let server = RedisServer::start();
    let a = Node::on(&server);
    let batch = |version: u64| -> Vec<Change> {
        let site = |number| room(&format!("{number}.example/page"));
        (0..100).map(|number| change(&site(number), Some(counts(version, 2)), &[version], &[])).collect()
    };
    a.redis.publish(A, &batch(1), &[]).await.unwrap();
    let _: Value = command(&server, "CONFIG RESETSTAT").await;
    a.redis.publish(A, &batch(2), &[]).await.unwrap();
    let stats: String = command(&server, "INFO commandstats").await;
    let calls = |command: &str| -> u64 {
        let stat =
            stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls="))).unwrap();
        stat.split(',').next().unwrap().parse().unwrap()
    };
    assert_eq!(["hset", "sadd", "publish"].map(calls), [100; 3], "{stats}");
    let others = [
        "cmdstat_hset",
        "cmdstat_sadd",
        "cmdstat_publish",
        "cmdstat_config",
        "cmdstat_client",
        "cmdstat_info",
    ];
    let more = stats.lines().filter(|line| line.starts_with("cmdstat_"));
    let more: Vec<_> = more.filter(|line| !others.iter().any(|other| line.starts_with(other))).collect();
    assert_eq!(more, [""; 0]);
}

#[tokio::test]
async fn a_day_has_the_key_that_came_first() {
    let server = RedisServer::start();
    let (a, b) = (Node::on(&server), Node::on(&server));
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / DAY;
    assert_eq!(a.redis.daily_key(today, [1; 16]).await.unwrap(), [1; 16]);
    assert_eq!(b.redis.daily_key(today, [2; 16]).await.unwrap(), [1; 16]);
    assert_eq!(b.redis.daily_key(today + 1, [2; 16]).await.unwrap(), [2; 16]);
    let left: u64 = command(&server, &format!("TTL onlookers:day:{today}")).await;
    assert!((KEY_AFTERLIFE - 60..=KEY_AFTERLIFE + DAY).contains(&left), "{left} s");
    let () = command(&server, "SET onlookers:day:20002 0").await;
    let error = a.redis.daily_key(20_002, [1; 16]).await.unwrap_err();
    assert_eq!(error.to_string(), "onlookers:day:20002 is no key of 32 hexadecimal digits");
}
