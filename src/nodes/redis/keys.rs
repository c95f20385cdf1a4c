//! The names under which Redis has what nodes store. The number in braces is the partition's: a cluster keeps all keys that
//! have the same text in braces on one server.

use onlookers_rooms::{RoomName, Site};

use crate::nodes::store::{NodeId, Partition};

/// The channel on which a node says that it has stopped.
pub(super) const LEFT: &str = "onlookers:left";

/// Ends the field of a [`total`], where that of a lease ends.
pub(super) const TOTAL: &str = ":total";

/// A hash: how often each node has renewed its lease; and in the first partition, what it [counts](total) on all sites together.
pub(super) fn leases(partition: Partition) -> String {
    format!("onlookers:{{{}}}:leases", partition.number())
}

/// The field of a node's total in the [`leases`].
pub(super) fn total(node: NodeId) -> String {
    format!("{node}{TOTAL}")
}

/// A set: the nodes that have no lease any more, but may still have keys.
pub(super) fn dead(partition: Partition) -> String {
    format!("onlookers:{{{}}}:dead", partition.number())
}

/// A set: the sites of which a node has keys.
pub(super) fn sites(partition: Partition, node: NodeId) -> String {
    format!("onlookers:{{{}}}:sites:{node}", partition.number())
}

/// A hash: what a node counts on a site, by [`field`].
pub(super) fn counts(node: NodeId, site: &Site) -> String {
    format!("onlookers:{{{}}}:counts:{node}:{site}", Partition::of(site).number())
}

/// The room's field in the [`counts`] of its site: the page's path, which is empty for the whole site.
pub(super) fn field(room: &RoomName) -> &str {
    room.as_page().map_or("", |page| page.as_str())
}

/// A set: the hashes of a node's visitors in a room, 8 bytes each, the highest first.
pub(super) fn visitors(node: NodeId, room: &RoomName) -> String {
    format!("onlookers:{{{}}}:visitors:{node}:{room}", Partition::of(room.of_site()).number())
}

/// A hash: those who are present in a room at a node, by their ids.
pub(super) fn present(node: NodeId, room: &RoomName) -> String {
    format!("onlookers:{{{}}}:present:{node}:{room}", Partition::of(room.of_site()).number())
}

/// The channel of a room's hints.
pub(super) fn channel(room: &RoomName) -> String {
    format!("onlookers:{{{}}}:room:{room}", Partition::of(room.of_site()).number())
}

/// Text: the key of a day, counted from 1970, in hexadecimal.
pub(super) fn day(day: u64) -> String {
    format!("onlookers:day:{day}")
}

/// [`counts`] of a site as it was read, whatever it is.
pub(super) fn counts_of(partition: Partition, node: NodeId, site: &[u8]) -> Vec<u8> {
    let mut key = format!("onlookers:{{{}}}:counts:{node}:", partition.number()).into_bytes();
    key.extend_from_slice(site);
    key
}

/// [`visitors`] and [`present`] of a site and a field of its counts as they were read.
pub(super) fn of_room(partition: Partition, node: NodeId, site: &[u8], field: &[u8]) -> [Vec<u8>; 2] {
    ["visitors", "present"].map(|what| {
        let mut key = format!("onlookers:{{{}}}:{what}:{node}:", partition.number()).into_bytes();
        key.extend_from_slice(site);
        key.extend_from_slice(field);
        key
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_as_read_are_those_as_written() {
        for name in ["example.com", "example.com/posts/1", "/unnamed", "[::1]:8080/%23"] {
            let (room, node): (RoomName, _) = (name.parse().unwrap(), NodeId(7));
            let (site, field) = (room.of_site().as_str().as_bytes(), field(&room).as_bytes());
            let partition = Partition::of(room.of_site());
            assert_eq!(counts_of(partition, node, site), counts(node, room.of_site()).as_bytes());
            let of_room = of_room(partition, node, site, field);
            assert_eq!(of_room, [visitors(node, &room), present(node, &room)].map(String::into_bytes));
        }
    }
}
