//! A cache of bounded bytes.

use std::collections::HashMap;
use std::hash::Hash;

/// What is kept by key while there is room.
///
/// Two generations bound it without a list of uses: when the young entries fill half of the limit, they become the old
/// ones and the old ones are dropped. An old entry that is requested becomes young again.
pub(super) struct Generations<K, V> {
    /// Bytes that one generation may take.
    limit: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// Bytes that the young ones take, or slightly more.
    taken: usize,
    /// Bytes that an entry takes. They may grow: see [`Generations::count`].
    cost: fn(&K, &V) -> usize,
}

impl<K: Clone + Eq + Hash, V: Clone> Generations<K, V> {
    /// Keeps up to `limit` bytes in all.
    pub(super) fn new(limit: usize, cost: fn(&K, &V) -> usize) -> Self {
        Self { limit: limit / 2, young: HashMap::new(), old: HashMap::new(), taken: 0, cost }
    }

    /// The value, if it is kept. It doesn't become young.
    pub(super) fn peek(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// The value, made if it isn't kept. It is young from now on.
    pub(super) fn get_or_make(&mut self, key: &K, make: impl FnOnce() -> V) -> V {
        if let Some(value) = self.young.get(key) {
            return value.clone();
        }
        let value = self.old.remove(key).unwrap_or_else(make);
        self.young.insert(key.clone(), value.clone());
        self.count(key, (self.cost)(key, &value));
        value
    }

    /// Counts so many bytes by which a value has grown. If all young ones are too many, all others grow old.
    pub(super) fn count(&mut self, key: &K, grown: usize) {
        self.taken += grown;
        if self.taken > self.limit {
            self.old = std::mem::take(&mut self.young);
            self.taken = 0;
            if let Some(own) = self.old.remove(key) {
                let cost = (self.cost)(key, &own);
                if cost <= self.limit {
                    self.young.insert(key.clone(), own);
                    self.taken = cost;
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.young.iter().chain(&self.old).map(|(key, value)| (self.cost)(key, value)).sum()
    }
}
