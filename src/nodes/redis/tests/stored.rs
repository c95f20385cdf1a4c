//! Values besides counts.

use super::*;

const KEY: &str = "onlookers:acme:authority:account";
const LONG: Duration = Duration::from_secs(60);

fn stored(url: &str) -> (Node, StoredValues) {
    let node = Node::at(url);
    let stored = node.redis.stored();
    (node, stored)
}

#[tokio::test]
async fn a_value_is_replaced_only_by_those_who_know_it() {
    let server = RedisServer::start();
    let (_node, stored) = stored(&server.url());
    assert_eq!(stored.read(KEY).await.unwrap(), None);
    assert!(!stored.replace(KEY, Some(b"a"), b"b", None).await.unwrap(), "there is none");
    assert!(stored.replace(KEY, None, b"a\0\xff", None).await.unwrap());
    assert!(!stored.replace(KEY, None, b"b", None).await.unwrap());
    assert!(!stored.replace(KEY, Some(b"b"), b"c", Some(LONG)).await.unwrap());
    assert_eq!(stored.read(KEY).await.unwrap().unwrap(), b"a\0\xff");
    assert_eq!(command::<i64>(&server, &format!("PTTL {KEY}")).await, -1, "it stays");

    assert!(stored.replace(KEY, Some(b"a\0\xff"), b"b", Some(LONG)).await.unwrap());
    let lifetime = command::<i64>(&server, &format!("PTTL {KEY}")).await;
    assert!((50_000..=60_000).contains(&lifetime), "{lifetime}");
    assert!(!stored.extend(KEY, b"a", LONG * 2).await.unwrap());
    assert!(stored.extend(KEY, b"b", LONG * 2).await.unwrap());
    assert!(command::<i64>(&server, &format!("PTTL {KEY}")).await > 60_000);

    assert!(!stored.remove(KEY, b"a").await.unwrap());
    assert!(stored.remove(KEY, b"b").await.unwrap());
    assert!(!stored.extend(KEY, b"b", LONG).await.unwrap());
    assert_eq!(stored.read(KEY).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_there_instead_of_a_value_is_an_error_or_cut_off() {
    let server = RedisServer::start();
    let (_node, stored) = stored(&server.url());
    let () = command(&server, &format!("SADD {KEY} member")).await;
    assert!(stored.read(KEY).await.unwrap_err().to_string().starts_with("WRONGTYPE"));
    assert!(stored.replace(KEY, Some(b"a"), b"b", None).await.is_err());
    let other = "onlookers:acme:authority:challenge";
    let () = command(&server, &format!("SETRANGE {other} 1048576 end")).await;
    assert_eq!(stored.read(other).await.unwrap().unwrap().len(), 512 * 1024);
}

#[tokio::test]
async fn a_value_without_a_lifetime_or_with_a_long_one_gets_another() {
    let server = RedisServer::start();
    let (_node, stored) = stored(&server.url());
    stored.bound(KEY, LONG, LONG * 2).await.unwrap();
    assert_eq!(stored.read(KEY).await.unwrap(), None);
    // Before, and then: at most, in milliseconds.
    for (before, after) in [("PERSIST", 60_000), ("PEXPIRE 500000", 120_000), ("PEXPIRE 90000", 90_000)] {
        let () = command(&server, &format!("LPUSH {KEY} strange")).await;
        let (verb, time) = before.split_once(' ').unwrap_or((before, ""));
        let _: i64 = command(&server, format!("{verb} {KEY} {time}").trim_end()).await;
        stored.bound(KEY, LONG, LONG * 2).await.unwrap();
        let lifetime = command::<i64>(&server, &format!("PTTL {KEY}")).await;
        assert!((after - 10_000..=after).contains(&lifetime), "{before}: {lifetime}");
    }
}

#[tokio::test]
async fn the_documented_rules_allow_all_of_it() {
    let server = RedisServer::start();
    let docs = include_str!("../../../../docs/nodes.md");
    let (_, rules) = docs.split_once("user onlookers on >PASSWORD").unwrap();
    let (rules, _) = rules.split_once("\n\n").unwrap();
    let rules: Vec<_> = rules.split_whitespace().collect();
    let () = command(&server, &format!("ACL SETUSER onlookers on >secret {}", rules.join(" "))).await;
    let (node, stored) = stored(&server.url().replace("://", "://onlookers:secret@"));
    node.renew(A).await;
    assert!(stored.replace(KEY, None, b"a", Some(LONG)).await.unwrap());
    assert!(stored.replace(KEY, Some(b"a"), b"b", Some(LONG)).await.unwrap());
    assert!(stored.extend(KEY, b"b", LONG).await.unwrap());
    stored.bound(KEY, LONG, LONG).await.unwrap();
    assert_eq!(stored.read(KEY).await.unwrap().unwrap(), b"b");
    assert!(stored.remove(KEY, b"b").await.unwrap());
    assert!(stored.read("other:key").await.unwrap_err().to_string().starts_with("NOPERM"));
}
