//! Removing what a node has written, once it has left or died.
//!
//! A node without a lease is counted by nobody. In each partition it is noted as dead until all of its keys are gone, so that
//! any node can go on where another was interrupted.

use super::keys;
use super::link::Link;
use crate::nodes::store::{NodeId, Partition, StoreError};

/// How many sites are looked at at a time: few enough for Redis to do something else in between.
const SITES_AT_ONCE: usize = 64;

/// How many pages of a site are removed at a time.
const PAGES_AT_ONCE: usize = 256;

/// KEYS: the leases, the dead. ARGV: a node, how often it had renewed its lease, the field of its total. A script, because the node may do that at
/// any moment.
const GIVE_UP: &str = "\
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then \
redis.call('SADD', KEYS[2], ARGV[1]) \
redis.call('HDEL', KEYS[1], ARGV[1], ARGV[3]) \
end";

/// KEYS: the leases, the node's sites, its counts on one of them, and then of some rooms there its visitors and those present.
/// ARGV: the node, the site, and then the fields of these rooms. A script, because a node that was only frozen renews its lease and writes
/// anew at any moment. The counts come last: they tell which visitors there are.
const REMOVE: &str = "\
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return end \
for i = 3, #ARGV do \
redis.call('UNLINK', KEYS[2 * i - 2], KEYS[2 * i - 1]) \
redis.call('HDEL', KEYS[3], ARGV[i]) \
end \
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('SREM', KEYS[2], ARGV[2]) end";

/// Gives the leases of a node in the partitions of one server back, says so, and then removes its keys. Each server of a
/// cluster says so: until the last has, others may find a lease there, and take it for new.
pub(super) async fn leave(link: &Link, node: NodeId, partitions: &[Partition]) -> Result<(), StoreError> {
    let mut commands = redis::pipe();
    for partition in partitions {
        commands.cmd("SADD").arg(keys::dead(*partition)).arg(node.to_string());
        commands.cmd("HDEL").arg(keys::leases(*partition)).arg(node.to_string()).arg(keys::total(node));
    }
    commands.cmd("PUBLISH").arg(keys::LEFT).arg(node.to_string());
    link.tell(&commands).await?;
    for partition in partitions {
        sweep(link, *partition, node).await?;
    }
    Ok(())
}

/// Takes the lease of a dead node, if it has still been renewed so often, and removes all keys of the partition's dead nodes,
/// some hundred at a time.
pub(super) async fn reap(
    link: &Link,
    partition: Partition,
    node: NodeId,
    renewals: u64,
) -> Result<(), StoreError> {
    let mut commands = redis::pipe();
    commands.cmd("EVAL").arg(GIVE_UP).arg(2).arg(keys::leases(partition)).arg(keys::dead(partition));
    commands.arg(node.to_string()).arg(renewals).arg(keys::total(node));
    commands.cmd("SMEMBERS").arg(keys::dead(partition));
    let ((), dead): ((), Vec<String>) = link.ask(&commands).await?;
    for node in dead.iter().filter_map(|node| node.parse().ok()) {
        sweep(link, partition, node).await?;
    }
    Ok(())
}

/// Removes all keys of a node without a lease.
async fn sweep(link: &Link, partition: Partition, node: NodeId) -> Result<(), StoreError> {
    while let Some(remains) = Remains::find(link, partition, node).await? {
        remains.remove(link).await?;
    }
    // If it is back, it is noted again when it dies again.
    link.tell(redis::pipe().cmd("SREM").arg(keys::dead(partition)).arg(node.to_string())).await
}

/// Some of what a dead node has left in a partition: of some sites, the site and some fields of its counts.
pub(super) struct Remains {
    partition: Partition,
    node: NodeId,
    sites: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

impl Remains {
    /// None if there is nothing, or the node has a lease again.
    pub(super) async fn find(
        link: &Link,
        partition: Partition,
        node: NodeId,
    ) -> Result<Option<Self>, StoreError> {
        let mut commands = redis::pipe();
        commands.cmd("HEXISTS").arg(keys::leases(partition)).arg(node.to_string());
        commands.cmd("SRANDMEMBER").arg(keys::sites(partition, node)).arg(SITES_AT_ONCE);
        let (is_back, sites): (bool, Vec<Vec<u8>>) = link.ask(&commands).await?;
        if is_back || sites.is_empty() {
            return Ok(None);
        }
        let mut commands = redis::pipe();
        for site in &sites {
            commands.cmd("HRANDFIELD").arg(keys::counts_of(partition, node, site)).arg(PAGES_AT_ONCE);
        }
        let fields: Vec<Vec<Vec<u8>>> = link.ask(&commands).await?;
        Ok(Some(Self { partition, node, sites: sites.into_iter().zip(fields).collect() }))
    }

    /// Removes them, unless the node has a lease again.
    pub(super) async fn remove(&self, link: &Link) -> Result<(), StoreError> {
        let Self { partition, node, .. } = *self;
        let mut commands = redis::pipe();
        for (site, fields) in &self.sites {
            let of_rooms = fields.iter().flat_map(|field| keys::of_room(partition, node, site, field));
            commands.cmd("EVAL").arg(REMOVE).arg(3 + 2 * fields.len());
            commands.arg(keys::leases(partition)).arg(keys::sites(partition, node));
            commands.arg(keys::counts_of(partition, node, site)).arg(of_rooms.collect::<Vec<_>>());
            commands.arg(node.to_string()).arg(site).arg(fields);
        }
        link.tell(&commands).await
    }
}
