//! Redis that isn't there, doesn't answer, or refuses.

use super::super::former::Former;
use super::*;

/// A change of the room that tells of the version.
fn version(room: &RoomName, version: u64) -> [Change; 1] {
    [change(room, Some(counts(version, 2)), &[version], &[])]
}

#[tokio::test]
async fn hints_come_again_after_redis_was_killed() {
    let (mut server, page) = (RedisServer::start(), room("example.com/1"));
    let (mut a, mut b) = (Node::on(&server), Node::on(&server));
    a.renew(A).await;
    b.redis.listen(std::slice::from_ref(&page)).await.unwrap();
    server.kill();
    let begun = Instant::now();
    a.try_renew(A).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(1), "it fails at once");

    server.restart();
    let begun = Instant::now();
    assert_eq!((a.hear().await, b.hear().await), (Hint::Missed, Hint::Missed));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(a.renew(A).await[0].own, 1, "so the node knows that all is lost");
    a.redis.publish(A, &version(&page, 2), &[]).await.unwrap();
    let [said] = version(&page, 2);
    assert_eq!(b.hear().await, Hint::Changed(A, said));
}

#[tokio::test]
async fn redis_may_start_later() {
    let (mut server, page) = (RedisServer::start(), room("example.com/1"));
    server.kill();
    let mut a = Node::on(&server);
    let error = a.redis.listen(std::slice::from_ref(&page)).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    server.restart();
    assert_eq!(a.hear().await, Hint::Missed);
    a.redis.publish(A, &version(&page, 1), &[]).await.unwrap();
    let [said] = version(&page, 1);
    assert_eq!(a.hear().await, Hint::Changed(A, said), "what it had asked for");
}

#[tokio::test]
async fn a_server_that_doesnt_answer_is_an_error_in_time() {
    let (server, page) = (RedisServer::start(), room("example.com/1"));
    let (mut a, b) = (Node::on(&server), Node::on(&server));
    a.renew(A).await;
    b.renew(B).await;
    server.freeze();
    let begun = Instant::now();
    let error = a.redis.publish(A, &version(&page, 1), &[]).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(error.to_string().contains("timed out"), "{error}");

    server.thaw();
    assert_eq!(a.hear().await, Hint::Missed);
    a.redis.publish(A, &version(&page, 2), &[]).await.unwrap();
    let [found] = a.read(A, [&page]).await;
    assert_eq!(found.map(|found| found.counts.version), Some(2));
    let clients: String = command(&server, "CLIENT LIST").await;
    assert_eq!(clients.matches("name=onlookers").count(), 2, "no connection is left over: {clients}");
}

#[tokio::test]
async fn what_redis_refuses_it_says_in_its_own_words() {
    let server = RedisServer::with(&["--requirepass", "secret"]);
    let with = |secret: &str| Node::at(&server.url().replace("//", &format!("//{secret}")));
    let error = with(":guessed@").try_renew(A).await.unwrap_err().to_string();
    assert_eq!(error, "WRONGPASS invalid username-password pair or user is disabled.");
    let error = with("").try_renew(A).await.unwrap_err().to_string();
    assert!(error.starts_with("NOAUTH ") && !error.contains("secret"), "{error}");
    with(":secret@").renew(A).await;
}

#[tokio::test]
async fn a_server_that_is_full_or_a_replica_says_so() {
    let (server, page) = (RedisServer::start(), room("example.com/1"));
    let a = Node::on(&server);
    let () = command(&server, "CONFIG SET maxmemory 1").await;
    let replaced = [Change { visitors: Visitors::Replace(vec![7]), ..version(&page, 1)[0].clone() }];
    for changes in [version(&page, 1), replaced] {
        let error = a.redis.publish(A, &changes, &[]).await.unwrap_err().to_string();
        assert_eq!(error, "OOM command not allowed when used memory > 'maxmemory'.");
    }
    let () = command(&server, "CONFIG SET maxmemory 0").await;
    a.renew(A).await;
    let () = command(&server, "REPLICAOF 127.0.0.1 1").await;
    let error = a.try_renew(A).await.unwrap_err().to_string();
    assert_eq!(error, "READONLY You can't write against a read only replica.");
}

#[tokio::test]
async fn a_connection_that_redis_closes_is_opened_again() {
    let server = RedisServer::start();
    let mut a = Node::on(&server);
    a.renew(A).await;
    for renewals in 2..5 {
        let _: Value = command(&server, "CLIENT KILL TYPE pubsub").await;
        assert_eq!(a.hear().await, Hint::Missed);
        assert_eq!(a.renew(A).await[0].own, renewals);
    }
}

#[tokio::test]
async fn a_connection_that_was_given_up_can_write_no_more() {
    let server = RedisServer::start();
    let client = redis::Client::open(server.url()).unwrap();
    let mut first = client.get_multiplexed_async_connection().await.unwrap();
    let mut second = client.get_multiplexed_async_connection().await.unwrap();
    let former = Former::replace(None, &mut first).await.unwrap().unwrap();
    let set = |value: u64| redis::cmd("SET").arg("key").arg(value).to_owned();
    set(1).exec_async(&mut first).await.unwrap();
    Former::replace(Some(&former), &mut second).await.unwrap().unwrap();
    set(2).exec_async(&mut second).await.unwrap();
    set(1).exec_async(&mut first).await.unwrap_err();
    assert_eq!(command::<u64>(&server, "GET key").await, 2);

    let mut third = client.get_multiplexed_async_connection().await.unwrap();
    let other = Former {
        address: "127.0.0.1:1".to_owned(),
        ..Former::replace(None, &mut second).await.unwrap().unwrap()
    };
    Former::replace(Some(&other), &mut third).await.unwrap();
    set(3).exec_async(&mut second).await.expect("another connection that has the number is left alone");
}
