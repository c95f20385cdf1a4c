//! A cluster of three servers.

use std::collections::HashSet;

use super::server::free_port;
use super::*;

/// Three masters, each with a third of the slots, and what to start more nodes with.
struct Cluster {
    masters: Vec<RedisServer>,
}

fn node(bus: u16) -> RedisServer {
    RedisServer::with(&[
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        &bus.to_string(),
        "--cluster-node-timeout",
        "1000",
        "--cluster-require-full-coverage",
        "no",
        "--repl-diskless-sync-delay",
        "0",
    ])
}

impl Cluster {
    async fn start() -> Self {
        let mut masters = Vec::new();
        for (epoch, slots) in ["0 5460", "5461 10922", "10923 16383"].into_iter().enumerate() {
            let bus = free_port();
            let master = node(bus);
            let () = command(&master, &format!("CLUSTER ADDSLOTSRANGE {slots}")).await;
            let () = command(&master, &format!("CLUSTER SET-CONFIG-EPOCH {}", epoch + 1)).await;
            masters.push(master);
            meet(&masters[epoch], bus, &masters[0]).await;
        }
        let cluster = Self { masters };
        for master in &cluster.masters {
            until(master, "CLUSTER INFO", "cluster_state:ok").await;
            until(master, "CLUSTER INFO", "cluster_slots_ok:16384").await;
        }
        cluster
    }

    /// With the last two nodes: the others have to be found.
    fn url(&self) -> String {
        format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", self.masters[1].port(), self.masters[2].port())
    }

    async fn keys(&self) -> Vec<String> {
        let mut all = Vec::new();
        for master in &self.masters {
            all.extend(keys(master).await);
        }
        all
    }
}

async fn meet(node: &RedisServer, bus: u16, first: &RedisServer) {
    let () = command(first, &format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.port())).await;
}

/// Asks until the answer has that.
async fn until(server: &RedisServer, question: &str, has: &str) {
    let ask = async { while !command::<String>(server, question).await.contains(has) {} };
    timeout(DEADLINE, ask).await.unwrap_or_else(|_| panic!("{question} doesn't answer {has}"));
}

/// A page in each partition.
fn pages() -> Vec<RoomName> {
    let site_in = |partition| {
        let mut sites = (0..).map(|number| room(&format!("{number}.example/page")));
        sites.find(|room| Partition::of(room.of_site()) == partition).unwrap()
    };
    Partition::all().map(site_in).collect()
}

fn changes(pages: &[RoomName], version: u64) -> Vec<Change> {
    pages.iter().map(|page| change(page, Some(counts(version, 2)), &[version], &[])).collect()
}

impl Node {
    /// The pages of so many changes, whatever else is heard.
    async fn hear_pages(&mut self, changes: usize) -> HashSet<RoomName> {
        let mut heard = HashSet::new();
        while heard.len() < changes {
            if let Hint::Changed(_, change) = self.hear().await {
                heard.insert(change.room);
            }
        }
        heard
    }

    async fn hear_missed(&mut self) {
        while self.hear().await != Hint::Missed {}
    }

    /// Renews until all partitions are there again.
    async fn renew_all(&self, node: NodeId) -> Vec<Leases> {
        let renew = async {
            loop {
                if let Ok(leases) = self.try_renew(node).await {
                    return leases;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, renew).await.expect("some partitions stay away")
    }
}

#[tokio::test]
async fn all_partitions_are_counted_and_heard_over_a_cluster() {
    let cluster = Cluster::start().await;
    let (a, mut b) = (Node::at(&cluster.url()), Node::at(&cluster.url()));
    let pages = pages();
    b.redis.listen(&pages).await.unwrap();
    a.renew(A).await;
    assert!(b.renew(B).await.iter().all(|leases| leases.others == [(A, 1)]));
    a.redis.publish(A, &changes(&pages, 1), &[]).await.unwrap();
    assert_eq!(b.hear_pages(16).await, pages.iter().cloned().collect());
    let wanted: Vec<_> = pages.iter().map(|page| unknown(A, page)).collect();
    assert_eq!(b.redis.read(&wanted).await.unwrap(), vec![stored(counts(1, 2), vec![1]); 16]);
    for server in &cluster.masters {
        assert!(!keys(server).await.is_empty(), "each has some");
    }
    b.redis.unlisten(&pages[..15]).await.unwrap();
    a.redis.publish(A, &changes(&pages, 2), &[]).await.unwrap();
    assert!(b.hear_pages(1).await.contains(&pages[15]));

    for number in 0..9 {
        let key = format!("onlookers:acme:{number}");
        assert!(a.redis.stored().replace(&key, None, b"a", None).await.unwrap());
        assert!(b.redis.stored().replace(&key, Some(b"a"), b"b", None).await.unwrap());
        assert!(a.redis.stored().remove(&key, b"b").await.unwrap());
    }

    // A day that isn't over yet.
    let key = a.redis.daily_key(99_999, [1; 16]).await.unwrap();
    assert_eq!(b.redis.daily_key(99_999, [2; 16]).await.unwrap(), key);
    a.redis.leave(A).await.unwrap();
    assert_eq!(b.hear().await, Hint::Left(A));
    assert_eq!(cluster.keys().await, ["onlookers:day:99999"]);
}

#[tokio::test]
async fn a_node_of_a_cluster_that_fails_stops_its_partitions_only() {
    let mut cluster = Cluster::start().await;
    let (a, mut b) = (Node::at(&cluster.url()), Node::at(&cluster.url()));
    let pages = pages();
    b.redis.listen(&pages).await.unwrap();
    a.renew(A).await;
    cluster.masters[0].kill();
    let renewed = a.redis.renew(A, TOTAL).await;
    let failed = renewed.iter().filter(|leases| leases.is_err()).count();
    assert!((1..=8).contains(&failed), "{renewed:?}");
    a.redis.publish(A, &changes(&pages, 1), &[]).await.unwrap_err();
    let heard = b.hear_pages(16 - failed).await;
    let is_up = |(page, leases): (&RoomName, &Result<_, _>)| heard.contains(page) == leases.is_ok();
    assert!(pages.iter().zip(&renewed).all(is_up), "{heard:?}");

    cluster.masters[0].restart();
    b.hear_missed().await;
    let leases = a.renew_all(A).await;
    let lost = leases.iter().zip(&renewed).filter(|(leases, before)| leases.own == 1 && before.is_err());
    assert!(lost.count() <= failed);
    a.redis.publish(A, &changes(&pages, 2), &[]).await.unwrap();
    assert_eq!(b.hear_pages(16).await.len(), 16);
}

#[tokio::test]
async fn hints_come_again_after_a_replica_has_taken_over() {
    let mut cluster = Cluster::start().await;
    let bus = free_port();
    let replica = node(bus);
    meet(&replica, bus, &cluster.masters[0]).await;
    let id: String = command(&cluster.masters[0], "CLUSTER MYID").await;
    until(&replica, "CLUSTER NODES", &id).await;
    until(&replica, "CLUSTER INFO", "cluster_slots_ok:16384").await;
    let () = command(&replica, &format!("CLUSTER REPLICATE {id}")).await;
    until(&replica, "INFO replication", "master_link_status:up").await;

    let (a, mut b) = (Node::at(&cluster.url()), Node::at(&cluster.url()));
    let pages = pages();
    b.redis.listen(&pages).await.unwrap();
    a.renew(A).await;
    let _: u64 = command(&cluster.masters[0], "WAIT 1 10000").await;
    cluster.masters[0].kill();
    b.hear_missed().await;
    a.renew_all(A).await;
    a.redis.publish(A, &changes(&pages, 1), &[]).await.unwrap();
    assert_eq!(b.hear_pages(16).await.len(), 16);
}
