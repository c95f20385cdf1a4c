//! Renewing a node's leases, and reading those of all.

use onlookers_rooms::Counts;

use super::keys;
use super::servers::Group;
use crate::nodes::store::{Leases, NodeId, Partition, StoreError};

/// Renews a node's lease in some partitions of one server, and writes its total in the first.
pub(super) async fn renew(
    group: Group<Partition>,
    node: NodeId,
    total: Counts,
) -> Result<Vec<Leases>, StoreError> {
    let mut commands = redis::pipe();
    for partition in &group.things {
        let key = keys::leases(*partition);
        if *partition == Partition::FIRST {
            commands.cmd("HSET").arg(&key).arg(keys::total(node)).arg(of_total(total)).ignore();
        }
        commands.cmd("HINCRBY").arg(&key).arg(node.to_string()).arg(1).cmd("HGETALL").arg(&key);
    }
    let answers: Vec<(u64, Vec<(String, String)>)> = group.link?.ask(&commands).await?;
    Ok(answers.into_iter().map(|(own, all)| leases(node, own, all)).collect())
}

/// The leases of a partition, from what it has of each node; what no node can have written is left out.
fn leases(node: NodeId, own: u64, all: Vec<(String, String)>) -> Leases {
    let mut leases = Leases { own, ..Leases::default() };
    for (field, value) in all {
        if let Some(other) = field.strip_suffix(keys::TOTAL) {
            leases.totals.extend(other.parse().ok().zip(total(&value)));
        } else if let (Ok(other), Ok(renewals)) = (field.parse(), value.parse())
            && other != node
        {
            leases.others.push((other, renewals));
        }
    }
    leases
}

/// `tabs visitors`.
fn of_total(Counts { tabs, visitors }: Counts) -> String {
    format!("{tabs} {visitors}")
}

fn total(text: &str) -> Option<Counts> {
    let (tabs, visitors) = text.split_once(' ')?;
    Some(Counts { tabs: tabs.parse().ok()?, visitors: visitors.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_node_has_written_is_left_out() {
        let (one, other) = (NodeId(1), NodeId(2));
        let written = Counts { tabs: 3, visitors: 2 };
        let fields = [
            (one.to_string(), "7"),
            (keys::total(one), "1 1"),
            (other.to_string(), "8"),
            (keys::total(other), &of_total(written)),
            (NodeId(3).to_string(), "many"),
            (keys::total(NodeId(3)), "1"),
            (keys::total(NodeId(4)), "1 -1"),
            ("x:total".to_owned(), "1 1"),
        ];
        let all = fields.map(|(field, value)| (field, value.to_owned())).to_vec();
        let totals = vec![(one, Counts { tabs: 1, visitors: 1 }), (other, written)];
        assert_eq!(leases(one, 7, all), Leases { own: 7, others: vec![(other, 8)], totals });
    }
}
