//! Values that exist exactly as long as somebody holds them, found by key: rooms and feeds.
//!
//! The map keeps weak references only, so it can't outgrow its users: the last holder to go takes the entry along.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Enough that joins on different cores seldom meet, few enough to walk through.
const SHARDS: usize = 64;

type Shard<K, V> = Mutex<HashMap<K, Weak<Held<K, V>>>>;

/// A map from keys to values that others hold.
#[derive(Debug)]
pub(crate) struct Registry<K: Hash + Eq, V> {
    shards: Box<[Shard<K, V>]>,
    hasher: RandomState,
}

/// A value in a [`Registry`]; dropping the last `Arc` of it removes it there.
#[derive(Debug)]
pub struct Held<K: Hash + Eq, V> {
    key: K,
    value: V,
    registry: Arc<Registry<K, V>>,
}

impl<K: Hash + Eq + Clone, V> Registry<K, V> {
    /// An empty registry.
    pub(crate) fn new() -> Arc<Self> {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Arc::new(Self { shards, hasher: RandomState::new() })
    }

    /// The value of `key`, made by `make` if nobody holds one.
    pub(crate) fn open(self: &Arc<Self>, key: &K, make: impl FnOnce() -> V) -> Arc<Held<K, V>> {
        let mut shard = self.shard(key);
        if let Some(held) = shard.get(key).and_then(Weak::upgrade) {
            return held;
        }
        let held = Arc::new(Held { key: key.clone(), value: make(), registry: Arc::clone(self) });
        shard.insert(key.clone(), Arc::downgrade(&held));
        held
    }

    /// The value of `key`, if somebody holds one.
    pub(crate) fn find(&self, key: &K) -> Option<Arc<Held<K, V>>> {
        self.shard(key).get(key).and_then(Weak::upgrade)
    }

    /// How many values are held.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Hash + Eq, V> Registry<K, V> {
    fn shard(&self, key: &K) -> MutexGuard<'_, HashMap<K, Weak<Held<K, V>>>> {
        let hash = self.hasher.hash_one(key);
        lock(&self.shards[hash as usize % SHARDS])
    }
}

/// A panic under the lock leaves a map that is whole: every change to it is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Hash + Eq, V> Held<K, V> {
    /// Under which key it is found.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Hash + Eq, V> Deref for Held<K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.value
    }
}

impl<K: Hash + Eq, V> Drop for Held<K, V> {
    fn drop(&mut self) {
        let mut shard = self.registry.shard(&self.key);
        // Between the last drop and this lock somebody may have opened the key anew: theirs stays.
        if shard.get(&self.key).is_some_and(|entry| entry.strong_count() == 0) {
            shard.remove(&self.key);
            // A map that was once large gives its memory back when it has emptied.
            if shard.capacity() > 64 && shard.len() < shard.capacity() / 4 {
                let room_to_grow = shard.len() * 2;
                shard.shrink_to(room_to_grow);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_of_a_key_share_its_value() {
        let registry = Registry::new();
        let one = registry.open(&"a", || 1);
        let other = registry.open(&"a", || 2);
        assert_eq!((*one.key(), **one, **other, registry.len()), ("a", 1, 1, 1));
    }

    #[test]
    fn an_entry_goes_with_its_last_holder() {
        let registry = Registry::new();
        let one = registry.open(&"a", || 1);
        let other = Arc::clone(&one);
        drop(one);
        assert_eq!(registry.len(), 1);
        drop(other);
        assert!(registry.is_empty());
        assert_eq!(**registry.open(&"a", || 2), 2);
    }

    #[test]
    fn threads_that_open_and_drop_leave_nothing() {
        let registry: Arc<Registry<u8, u8>> = Registry::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for turn in 0..10_000_u32 {
                        let key = (turn % 3) as u8;
                        assert_eq!(**registry.open(&key, || key), key);
                    }
                });
            }
        });
        assert!(registry.is_empty());
    }
}
