//! A node becomes two: an upgrade leaves connections with the old process.

use std::collections::HashSet;

use super::servers::Group;
use super::write::{Batch, Thing, Written};
use super::{Redis, keys, text};
use crate::nodes::store::{Change, NodeId, Partition, StoreError};

impl Redis {
    /// Writes what two nodes count in rooms where the first has counted all of it until now, and then says that they are two. The second has
    /// a lease from then on.
    pub(in crate::nodes) async fn split(&self, both: [(NodeId, &[Change]); 2]) -> Result<(), StoreError> {
        let mut all = Vec::new();
        for (node, changes) in both {
            all.extend(changes.iter().map(|change| (node, change)));
        }
        let partition = |(_, change): &(NodeId, &Change)| Partition::of(change.room.of_site());
        let nodes = both.map(|(node, _)| node);
        let split = self.servers.each(all, partition, async |group: Group<(NodeId, &Change)>| {
            group.link?.tell(&commands(nodes, &group.things, self.servers.publish())).await
        });
        split.await?.into_iter().collect()
    }
}

/// In one pipeline, which Redis executes at once unless it is very long: a node that reads meanwhile may find some of it. The lease comes
/// last: nodes that find it read what is counted under it.
fn commands(nodes: [NodeId; 2], changes: &[(NodeId, &Change)], publish: &str) -> redis::Pipeline {
    let things = nodes.map(|node| {
        let of_node = changes.iter().filter(|(of, _)| *of == node);
        of_node.map(|(_, change)| Thing::Change(change)).collect::<Vec<_>>()
    });
    let batches = [0, 1].map(|at| Batch::new(nodes[at], &things[at]));
    let mut commands = redis::pipe();
    batches.iter().for_each(|batch| batch.write(&mut commands, &Written::default()));
    let rooms: HashSet<_> = changes.iter().map(|(_, change)| &change.room).collect();
    for room in rooms {
        commands.cmd(publish).arg(keys::channel(room)).arg(text::of_split(nodes));
    }
    // For those who don't understand that.
    batches.iter().for_each(|batch| batch.hint(&mut commands, publish));
    let partitions: HashSet<_> =
        changes.iter().map(|(_, change)| Partition::of(change.room.of_site())).collect();
    for partition in partitions {
        commands.cmd("HINCRBY").arg(keys::leases(partition)).arg(nodes[1].to_string()).arg(1);
    }
    commands
}
