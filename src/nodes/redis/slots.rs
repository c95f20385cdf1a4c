//! Which node of a cluster has which keys.

use redis::Value;

use super::keys;
use crate::nodes::store::Partition;

/// How many slots the keys of a cluster are in.
const SLOTS: u16 = 16_384;

/// A node's host, which is empty if the node doesn't know its own, and its port.
pub(super) type Address = (String, u16);

/// The nodes of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Slots {
    /// The first slot of a range, the last one, the master that has them, and its replicas.
    ranges: Vec<(u16, u16, Address, Vec<Address>)>,
}

impl Slots {
    /// From what a node answers to `CLUSTER SLOTS`; `asked` is that node. What isn't understood is left out.
    pub(super) fn parse(answer: Value, asked: &Address) -> Self {
        let Value::Array(ranges) = answer else { return Self::default() };
        Self { ranges: ranges.into_iter().filter_map(|range| parse_range(range, asked)).collect() }
    }

    /// The master that has a partition's keys.
    pub(super) fn of_partition(&self, partition: Partition) -> Option<&Address> {
        // Any key of the partition's.
        self.of_key(&keys::leases(partition))
    }

    /// The master that has a key.
    pub(super) fn of_key(&self, key: &str) -> Option<&Address> {
        let slot = slot(key.as_bytes());
        self.ranges
            .iter()
            .find(|(first, last, ..)| (*first..=*last).contains(&slot))
            .map(|(_, _, master, _)| master)
    }

    pub(super) fn masters(&self) -> impl Iterator<Item = &Address> {
        self.ranges.iter().map(|(_, _, master, _)| master)
    }

    /// All nodes, some more than once.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Address> {
        self.masters().chain(self.ranges.iter().flat_map(|(.., replicas)| replicas))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

fn parse_range(range: Value, asked: &Address) -> Option<(u16, u16, Address, Vec<Address>)> {
    let Value::Array(range) = range else { return None };
    let mut range = range.into_iter();
    let (first, last) = (number(range.next()?)?, number(range.next()?)?);
    let master = parse_node(range.next()?, asked)?;
    Some((first, last, master, range.filter_map(|node| parse_node(node, asked)).collect()))
}

fn parse_node(node: Value, asked: &Address) -> Option<Address> {
    let Value::Array(node) = node else { return None };
    let mut node = node.into_iter();
    let host = match node.next()? {
        Value::BulkString(host) => String::from_utf8(host).ok()?,
        _ => String::new(),
    };
    // A node that doesn't know its host, or doesn't say it, is at the host that was asked.
    let host = if host.is_empty() { asked.0.clone() } else { host };
    Some((host, number(node.next()?)?))
}

fn number(value: Value) -> Option<u16> {
    match value {
        Value::Int(number) => number.try_into().ok(),
        _ => None,
    }
}

/// The slot of a key: by what it has in braces, if it does.
fn slot(key: &[u8]) -> u16 {
    let tag = key.splitn(2, |byte| *byte == b'{').nth(1).and_then(|after| {
        let end = after.iter().position(|byte| *byte == b'}')?;
        (end > 0).then_some(&after[..end])
    });
    crc16(tag.unwrap_or(key)) % SLOTS
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc: u16, _| {
            crc << 1 ^ if crc >> 15 == 1 { 0x1021 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `CLUSTER KEYSLOT` has them.
    #[test]
    fn a_key_is_in_the_slot_that_redis_puts_it_in() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b"foo"), 12_182);
        assert_eq!(slot(b"onlookers:{foo}:leases"), 12_182);
        assert_eq!(slot(b"{}foo"), crc16(b"{}foo") % SLOTS);
    }

    #[test]
    fn a_node_without_a_host_is_at_the_one_that_was_asked() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let node = |host: &str, port| Value::Array(vec![text(host), Value::Int(port), text("id")]);
        let range =
            |nodes: Vec<Value>| Value::Array([vec![Value::Int(0), Value::Int(16_383)], nodes].concat());
        let answer = Value::Array(vec![range(vec![node("", 1), node("two", 2)]), Value::Nil]);
        let slots = Slots::parse(answer, &("one".to_owned(), 7));
        let nodes: Vec<_> = slots.nodes().map(|(host, port)| (host.as_str(), *port)).collect();
        assert_eq!(nodes, [("one", 1), ("two", 2)]);
        assert_eq!(slots.of_key("any").unwrap().1, 1);
    }
}
