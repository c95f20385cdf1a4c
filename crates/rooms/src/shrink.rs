//! Tables that give their memory back.

use hashbrown::HashTable;

/// Removes an entry. A table that was once eight times as full gives memory back, and an empty one all of it.
pub(crate) fn remove<T>(
    table: &mut HashTable<T>,
    hash: u64,
    is: impl FnMut(&T) -> bool,
    hash_of: impl Fn(&T) -> u64,
) {
    let Ok(entry) = table.find_entry(hash, is) else { return };
    entry.remove();
    if table.len() * 8 < table.num_buckets() {
        table.shrink_to(table.len() * 2, hash_of);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_the_entries() {
        let hash_of = |number: &u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut table = HashTable::new();
        for number in 0..1_000 {
            table.insert_unique(hash_of(&number), number, hash_of);
        }
        let full = table.allocation_size();
        let mut remove = |number: u64| {
            remove(&mut table, hash_of(&number), |other| *other == number, hash_of);
            (table.len(), table.allocation_size())
        };
        assert_eq!(remove(1_000), (1_000, full), "there is no such entry");
        let (len, bytes) = (0..995).map(&mut remove).last().unwrap();
        assert!(len == 5 && bytes <= full / 32, "{bytes}");
        assert_eq!((995..1_000).map(remove).last(), Some((0, 0)));
    }
}
