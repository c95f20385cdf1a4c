//! Nodes that leave, and nodes that die.

use super::super::remove::Remains;
use super::*;

/// Changes that put somebody on each of some sites of one partition.
fn on_sites(partition: Partition, sites: usize) -> Vec<Change> {
    let names = (0..).map(|number| room(&format!("{number}.example")));
    let rooms = names.filter(|room| Partition::of(room.of_site()) == partition).take(sites);
    rooms.map(|room| change(&room, Some(counts(1, 2)), &[1], &[])).collect()
}

#[tokio::test]
async fn a_node_that_leaves_says_so_and_leaves_nothing() {
    let server = RedisServer::start();
    let (a, mut b) = (Node::on(&server), Node::on(&server));
    b.renew(B).await;
    a.renew(A).await;
    let mut changes = on_sites(Partition::FIRST, 300);
    changes.extend(
        ["example.com/1", "example.com/2", "example.com"]
            .map(|name| change(&room(name), Some(counts(1, 2)), &[1], &[])),
    );
    a.redis.publish(A, &changes, &[]).await.unwrap();
    a.redis.leave(A).await.unwrap();
    assert_eq!(b.hear().await, Hint::Left(A));
    assert_eq!(keys(&server).await, [""; 0]);
    assert_eq!(b.renew(B).await, leases(2, &[], &[B]));
}

#[tokio::test]
async fn a_dead_node_is_removed_unless_it_has_renewed() {
    let server = RedisServer::start();
    let (a, b) = (Node::on(&server), Node::on(&server));
    for _ in 0..2 {
        a.renew(A).await;
    }
    let changes = on_sites(Partition::FIRST, 2);
    a.redis.publish(A, &changes, &[]).await.unwrap();
    b.redis.reap(Partition::FIRST, A, 1).await.unwrap();
    assert_eq!(b.renew(B).await[0].others, [(A, 2)]);
    assert!(b.read(A, [&changes[0].room]).await[0].is_some());

    b.redis.reap(Partition::FIRST, A, 2).await.unwrap();
    let leases = b.renew(B).await;
    assert_eq!((&leases[0].others[..], &leases[1].others[..]), (&[][..], &[(A, 2)][..]));
    assert_eq!(leases[0].totals, [(B, TOTAL)]);
    assert_eq!(keys(&server).await, [""; 0]);
}

#[tokio::test]
async fn a_node_that_was_taken_for_dead_writes_anew() {
    let server = RedisServer::start();
    let (a, b) = (Node::on(&server), Node::on(&server));
    a.renew(A).await;
    let changes = on_sites(Partition::FIRST, 2);
    a.redis.publish(A, &changes, &[]).await.unwrap();
    b.redis.reap(Partition::FIRST, A, 1).await.unwrap();
    assert_eq!(a.renew(A).await[0].own, 1, "so it knows");
    a.redis.publish(A, &changes, &[]).await.unwrap();
    assert_eq!(keys(&server).await.len(), 5, "also which sites there are");
    b.redis.reap(Partition::FIRST, A, 1).await.unwrap();
    assert_eq!(keys(&server).await, [""; 0]);
}

#[tokio::test]
async fn all_of_a_dead_node_is_removed_and_of_those_before_it() {
    let server = RedisServer::start();
    let (a, b) = (Node::on(&server), Node::on(&server));
    a.renew(A).await;
    a.redis.publish(A, &on_sites(Partition::FIRST, 400), &[]).await.unwrap();
    let pages = (0..600).map(|page| room(&format!("localhost/{page}")));
    let pages: Vec<_> = pages.map(|page| change(&page, Some(counts(1, 2)), &[1], &[])).collect();
    let partition = Partition::of(pages[0].room.of_site());
    a.redis.publish(A, &pages, &[]).await.unwrap();
    b.redis.reap(Partition::FIRST, A, 1).await.unwrap();
    assert_eq!(keys(&server).await.len(), 602, "the pages, their site's counts, and the sites");
    let gone: Vec<String> = vec![keys::leases(partition), A.to_string()];
    let () = command(&server, &format!("HDEL {}", gone.join(" "))).await;
    let () = command(&server, &format!("SADD {} {A}", keys::dead(partition))).await;
    b.redis.reap(partition, B, 1).await.unwrap();
    assert_eq!(keys(&server).await, [""; 0], "what another has begun");
}

#[tokio::test]
async fn a_node_that_comes_back_while_it_is_removed_loses_nothing_new() {
    let server = RedisServer::start();
    let (a, b) = (Node::on(&server), Node::on(&server));
    let changes = on_sites(Partition::FIRST, 2);
    a.redis.publish(A, &changes, &[]).await.unwrap();
    let link = b.redis.servers.of_partition(Partition::FIRST).await.unwrap();
    let remains = Remains::find(&link, Partition::FIRST, A).await.unwrap().unwrap();
    a.renew(A).await;
    a.redis.publish(A, &changes, &[]).await.unwrap();
    remains.remove(&link).await.unwrap();
    assert_eq!(keys(&server).await.len(), 5, "counts, visitors, and the sites");
    assert!(Remains::find(&link, Partition::FIRST, A).await.unwrap().is_none());
}

#[tokio::test]
async fn a_node_that_is_back_keeps_what_it_has() {
    let server = RedisServer::start();
    let (a, b) = (Node::on(&server), Node::on(&server));
    a.renew(A).await;
    let changes = on_sites(Partition::FIRST, 1);
    a.redis.publish(A, &changes, &[]).await.unwrap();
    let () = command(&server, &format!("SADD {} {A}", keys::dead(Partition::FIRST))).await;
    b.redis.reap(Partition::FIRST, B, 1).await.unwrap();
    assert!(b.read(A, [&changes[0].room]).await[0].is_some());
    assert_eq!(keys(&server).await.len(), 3, "and isn't noted as dead");
}
