//! A master and a replica that a sentinel watches.

use super::server::free_port;
use super::*;
use program::Sentinel;

#[path = "../../../../tests/common/sentinel.rs"]
mod program;

fn watching(master: &RedisServer) -> Sentinel {
    Sentinel::watching(master.port(), free_port())
}

#[tokio::test]
async fn hints_come_again_after_a_failover() {
    let mut master = RedisServer::with(&["--repl-diskless-sync-delay", "0"]);
    let replica = RedisServer::with(&["--replicaof", &format!("127.0.0.1 {}", master.port())]);
    while !command::<String>(&replica, "INFO replication").await.contains("master_link_status:up") {}
    let mut sentinel = watching(&master);
    sentinel.until("+slave slave");

    let url = format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/main", sentinel.port());
    let (mut a, mut b, page) = (Node::at(&url), Node::at(&url), room("example.com/1"));
    b.redis.listen(std::slice::from_ref(&page)).await.unwrap();
    a.renew(A).await;
    master.kill();
    sentinel.until("+switch-master main");
    assert_eq!((a.hear().await, b.hear().await), (Hint::Missed, Hint::Missed));
    a.renew(A).await;
    let said = change(&page, Some(counts(1, 2)), &[1], &[]);
    a.redis.publish(A, std::slice::from_ref(&said), &[]).await.unwrap();
    assert_eq!(b.hear().await, Hint::Changed(A, said));
}

#[tokio::test]
async fn a_master_that_has_become_a_replica_is_left() {
    let master = RedisServer::with(&["--repl-diskless-sync-delay", "0"]);
    let mut sentinel = watching(&master);
    sentinel.until("+monitor master");
    let mut a = Node::at(&format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port()));
    a.renew(A).await;
    let () = command(&master, "REPLICAOF 127.0.0.1 1").await;
    let error = a.try_renew(A).await.unwrap_err().to_string();
    assert_eq!(error, "READONLY You can't write against a read only replica.");
    let () = command(&master, "REPLICAOF NO ONE").await;
    assert_eq!(a.hear().await, Hint::Missed, "it was asked for anew");
    a.renew(A).await;
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows_is_an_error() {
    let master = RedisServer::start();
    let mut sentinel = watching(&master);
    sentinel.until("+monitor master");
    let a = Node::at(&format!("redis+sentinel://127.0.0.1:{}/other", sentinel.port()));
    let error = a.try_renew(A).await.unwrap_err().to_string();
    assert_eq!(error, "no sentinel knows a master of other");
}
