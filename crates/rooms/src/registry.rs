//! Values that exist exactly as long as somebody holds them, found by key: sites, feeds and groups.
//!
//! The table keeps weak references only, so it can't outgrow its users: dropping the last reference removes the entry.
//!
//! The table knows a key by 128 bits of a keyed hash. Two keys with the same hash are not to be expected (among a million,
//! once in 2^89 times), and nobody who doesn't know this process's random key can look for them. So the table never looks at
//! the keys themselves, which are seldom in the processor's cache.

use std::hash::{BuildHasher, Hash, RandomState};
use std::ops::Deref;
use std::ptr;

use hashbrown::HashTable;
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::shrink;
use crate::sync::{Arc, Mutex, MutexGuard, Weak};

/// Enough that joins on different cores seldom wait for each other, few enough to walk through.
const SHARDS: usize = 64;

type Shard<K, V> = HashTable<Slot<K, V>>;

/// A map from keys to values that others hold.
#[derive(Debug)]
pub struct Registry<K, V> {
    shards: Box<[Mutex<Shard<K, V>>]>,
    /// With its random key: names come from strangers.
    hasher: SipHasher13,
}

/// The keyed hash of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyHash {
    shard: u64,
    slot: u64,
}

impl KeyHash {
    /// The hash of what `hasher` has been fed.
    pub fn new(hasher: &SipHasher13) -> Self {
        let hash = hasher.finish128();
        Self { shard: hash.h1, slot: hash.h2 }
    }
}

#[derive(Debug)]
struct Slot<K, V> {
    hash: KeyHash,
    entry: Weak<Entry<K, V>>,
}

impl<K, V> Slot<K, V> {
    fn hash(&self) -> u64 {
        self.hash.slot
    }
}

/// A value in a [`Registry`]; dropping the last `Arc` of it removes it there.
#[derive(Debug)]
pub struct Entry<K, V> {
    value: V,
    hash: KeyHash,
    key: K,
    registry: Arc<Registry<K, V>>,
}

impl<K, V> Registry<K, V> {
    /// An empty registry.
    pub fn new() -> Arc<Self> {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        // The standard library's way to randomness, which never fails.
        let random = || RandomState::new().hash_one(());
        Arc::new(Self { shards, hasher: SipHasher13::new_with_keys(random(), random()) })
    }

    /// The value of `key`. If nobody holds one, `make` makes it, together with the part of the key that is to be kept.
    ///
    /// `make` runs under the lock of a shard, so it may only allocate: it must not take a lock (debug builds panic), paint or
    /// wait. Do the rest after this call, for example in a `OnceLock` of the value.
    pub fn open(self: &Arc<Self>, key: &impl Hash, make: impl FnOnce() -> (K, V)) -> Arc<Entry<K, V>> {
        self.open_hashed(self.hash(key), make)
    }

    /// As [`open`](Self::open), for the key with that hash.
    pub fn open_hashed(self: &Arc<Self>, hash: KeyHash, make: impl FnOnce() -> (K, V)) -> Arc<Entry<K, V>> {
        let mut shard = self.shard(hash);
        if let Some(entry) = find(&shard, hash) {
            return entry;
        }
        let (key, value) = make();
        let entry = Arc::new(Entry { value, hash, key, registry: Arc::clone(self) });
        shard.insert_unique(hash.slot, Slot { hash, entry: Arc::downgrade(&entry) }, Slot::hash);
        entry
    }

    /// The value of the key with that hash, if somebody holds one.
    pub fn find(&self, hash: KeyHash) -> Option<Arc<Entry<K, V>>> {
        find(&self.shard(hash), hash)
    }

    /// All values that somebody holds.
    pub fn entries(&self) -> Vec<Arc<Entry<K, V>>> {
        let mut entries = Vec::new();
        for shard in &self.shards {
            entries.extend(shard.lock().iter().filter_map(|slot| slot.entry.upgrade()));
        }
        entries
    }

    /// The keyed hasher, for callers that hash a key's parts themselves.
    pub fn hasher(&self) -> SipHasher13 {
        self.hasher
    }

    /// The hash of a key.
    pub fn hash(&self, key: &impl Hash) -> KeyHash {
        let mut hasher = self.hasher;
        key.hash(&mut hasher);
        KeyHash::new(&hasher)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, hash: KeyHash) -> MutexGuard<'_, Shard<K, V>> {
        self.shards[hash.shard as usize % SHARDS].lock()
    }
}

/// An entry that nobody holds any more doesn't count: the thread that dropped it last is about to remove it.
fn find<K, V>(shard: &Shard<K, V>, hash: KeyHash) -> Option<Arc<Entry<K, V>>> {
    shard.find(hash.slot, |slot| slot.hash == hash && slot.entry.strong_count() > 0)?.entry.upgrade()
}

impl<K, V> Entry<K, V> {
    /// The kept part of its key.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K, V> Deref for Entry<K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.value
    }
}

impl<K, V> Drop for Entry<K, V> {
    fn drop(&mut self) {
        let mut shard = self.registry.shard(self.hash);
        // This very entry: between the last drop and this lock another may have been opened for the key.
        let is_this = |slot: &Slot<K, V>| ptr::eq(slot.entry.as_ptr(), self);
        shrink::remove(&mut shard, self.hash.slot, is_this, Slot::hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_of_a_key_share_its_value() {
        let registry = Registry::new();
        let one = registry.open(&"a", || ("a", 1));
        let other = registry.open(&"a", || ("a", 2));
        assert_eq!((*one.key(), **one, **other, registry.len()), ("a", 1, 1, 1));
    }

    #[test]
    fn an_entry_goes_with_its_last_holder() {
        let registry = Registry::new();
        let one = registry.open(&"a", || ("a", 1));
        let other = Arc::clone(&one);
        drop(one);
        assert_eq!(registry.len(), 1);
        drop(other);
        assert!(registry.is_empty());
        assert_eq!(**registry.open(&"a", || ("a", 2)), 2);
    }

    #[test]
    fn threads_that_open_and_drop_leave_nothing() {
        let registry: Arc<Registry<u8, u8>> = Registry::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for turn in 0..10_000_u32 {
                        let key = (turn % 3) as u8;
                        assert_eq!(**registry.open(&key, || (key, key)), key);
                    }
                });
            }
        });
        assert!(registry.is_empty());
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic = "is taken under"]
    fn making_a_value_takes_no_lock() {
        let (registry, lock) = (Registry::new(), Mutex::<_>::new(()));
        let _entry = registry.open(&"a", || ("a", *lock.lock()));
    }
}
